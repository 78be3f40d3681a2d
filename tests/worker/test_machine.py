"""What the machine is asked for, in processes of their own."""

import subprocess
import sys
from pathlib import Path

import pytest

CODE = """
import os
from pathlib import Path
from worker.machine import stand_back
stand_back(10)
print(os.nice(0), Path("/proc/self/autogroup").read_text().split()[-1])
"""


@pytest.mark.skipif(not Path("/proc/self/autogroup").exists(), reason="no autogroups here")
@pytest.mark.parametrize(("apart", "session"), [(True, "10"), (False, "0")])
def test_child_of_its_own_session_stands_back_with_the_session(apart: bool, session: str) -> None:
    launcher = [sys.executable, "-c", CODE]
    if not apart:  # the leader of the session is another: its niceness is not ours to change
        launcher = [sys.executable, "-c", f"import subprocess; subprocess.run({launcher!r})"]
    found = subprocess.run(launcher, start_new_session=True, capture_output=True, text=True)
    assert found.stdout.split() == ["10", session], found.stderr

"""What a training has told before is not forgotten when the disk has no room for more."""

import json
import subprocess
import sys
from pathlib import Path

from core.alarms import ALARMS
from tests.small_disk import fill, small_disk
from worker import metrics_file
from worker.recorder import METRICS

# An attempt that goes on from step 5, and comes once more to what was told before.
ATTEMPT = """
import sys
from pathlib import Path
from worker.channel import Channel
from worker.events import Alarm
from worker.recorder import Recorder

recorder = Recorder(Path(sys.argv[1]), Channel())
recorder.go_on_from(5, 1.0)
recorder.warn(Alarm(step=0, kind="memory", message="The batch is halved."))
"""


def test_alarms_of_before_are_counted_and_not_repeated_on_a_full_disk(tmp_path: Path) -> None:
    told = {"step": 0, "kind": "memory", "message": "The batch is halved.", "seconds": None}
    with small_disk(tmp_path / "disk", "1m") as folder:
        metrics_file.append(folder / ALARMS, told)
        for step in (5, 6):  # which will be done again
            metrics_file.append(folder / METRICS, {"step": step})
        fill(folder / "filler")
        done = subprocess.run(
            [sys.executable, "-c", ATTEMPT, folder], capture_output=True, text=True, check=True
        )
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(record["field"], record["value"]) for record in records] == [("alarms", 1)]

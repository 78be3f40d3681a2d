"""Building the dashboard where npm's packages cannot be had: set-up goes on."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
NOWHERE = "http://127.0.0.1:9"  # discard: nothing listens there


def test_set_up_goes_on_without_npm_packages_and_says_so(tmp_path: Path) -> None:
    apart = shutil.ignore_patterns("node_modules")
    shutil.copytree(ROOT / "dashboard", tmp_path / "dashboard", ignore=apart)
    shutil.copy(ROOT / "constraints.txt", tmp_path)
    own = {"npm_config_registry": NOWHERE, "npm_config_cache": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "dashboard/run.py", "build"],
        cwd=tmp_path,
        env=os.environ | own,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0 and "make setup" in done.stderr, done.stderr
    assert not (tmp_path / "app").exists()

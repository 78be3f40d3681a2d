"""docs/celery-contract.md has one row per test."""

import re
from pathlib import Path

from tests.contract.conftest import PAGE

OUTSIDE = {"test_cancelling_is_off_explicitly"}  # belongs to the row of what it switches off


def test_page_has_one_row_per_test() -> None:
    here = Path(__file__).parent
    measured = set(here.glob("test_*.py")) - {Path(__file__), here / "test_settings.py"}
    tests = [
        name for file in measured for name in re.findall(r"^def (test_\w+)", file.read_text(), re.M)
    ]
    rows = re.findall(r"\| `(test_\w+)` \|$", PAGE.read_text(), re.M)
    assert sorted(rows) == sorted(set(tests) - OUTSIDE)

"""Rules of the house that import-linter and ruff cannot see."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("app", "core", "ganvas", "models", "worker")
LONGEST = 260  # lines of one file


def imports(path: Path) -> set[str]:
    """The modules of `core` that a file imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("core."):
            found.add((node.module or "").removeprefix("core."))
    return found


def users(package: str) -> set[str]:
    return set().union(*(imports(path) for path in (ROOT / package).glob("*.py")))


def test_every_module_of_core_is_used_by_both_sides_or_by_core_itself() -> None:
    modules = {path.stem for path in (ROOT / "core").glob("*.py")} - {"__init__"}
    shared = users("app") & users("worker")
    assert modules - shared - users("core") == set()


@pytest.mark.parametrize("module", ["app.main", "ganvas.cli", "core.jobs", "worker.main"])
def test_torch_is_loaded_by_those_who_compute_only(module: str) -> None:
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_files_stay_short() -> None:
    paths = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    page = ROOT / "dashboard"
    paths += [path for part in ("src", "tests") for path in (page / part).rglob("*.*")]
    long = {str(p): n for p in paths if (n := len(p.read_text().splitlines())) > LONGEST}
    assert long == {}

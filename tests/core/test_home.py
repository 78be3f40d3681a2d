"""D6: a home folder that cannot be written to is refused at the start, by its path."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.errors import Invalid
from core.home import Home


@contextmanager
def ordinary() -> Iterator[None]:
    """Without the powers of root, who may write anywhere."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody can reach."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        yield Path(name)


def test_home_that_exists_read_only_is_refused(open_folder: Path) -> None:
    home = Home(open_folder / "home")
    home.create()
    folders = [home.root, *home.root.iterdir()]
    for folder in folders:
        folder.chmod(0o555)
    with ordinary(), pytest.raises(Invalid, match=f"{home.root} cannot be written to"):
        home.create()
    for folder in folders[:1]:
        folder.chmod(0o777)
    with ordinary(), pytest.raises(Invalid, match=f"{home.datasets} cannot be written to"):
        home.create()
    for folder in folders:
        folder.chmod(0o777)
    with ordinary():
        home.create()


def test_home_that_cannot_be_made_is_refused(open_folder: Path) -> None:
    open_folder.chmod(0o555)
    with ordinary(), pytest.raises(Invalid, match=f"{open_folder}/home: Permission denied"):
        Home(open_folder / "home").create()
    open_folder.chmod(0o755)


def test_home_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "home").touch()
    home = tmp_path / "home"
    with pytest.raises(Invalid, match=f"{home}: File exists"):
        Home(home).create()
    environment = os.environ | {"GANVAS_HOME": str(home)}
    api = [sys.executable, "-m", "app.main"]
    ended = subprocess.run(api, env=environment, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"{home}: File exists.") and "Traceback" not in ended.stderr

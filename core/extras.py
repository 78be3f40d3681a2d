"""The optional parts of an installation, and what is said where one is missing."""

from collections.abc import Mapping
from importlib.util import find_spec

from core.errors import Unavailable

MODULES: Mapping[str, tuple[str, ...]] = {"onnx": ("onnx", "onnxscript"), "store": ("fsspec",)}


def installed() -> list[str]:
    """The extras that this process can use."""
    return [extra for extra, modules in MODULES.items() if all(map(find_spec, modules))]


def require(extra: str) -> None:
    """Raise Unavailable where an extra is missing."""
    if extra not in installed():
        raise missing(extra)


def missing(extra: str) -> Unavailable:
    return Unavailable(
        f"This needs an optional part that is not installed: pip install 'ganvas[{extra}]' where "
        "the prepare worker runs, and start it again."
    )

"""Which version of this software runs."""

from importlib.metadata import PackageNotFoundError, version


def own_version() -> str | None:
    """None for a source tree that is not installed."""
    try:
        return version("ganvas")
    except PackageNotFoundError:
        return None

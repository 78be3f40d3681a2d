"""What a person touches: the command line, the Python client and the one-machine launcher."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ganvas.async_client import AsyncClient
    from ganvas.client import Client
    from ganvas.transport import GanvasAPIError, Unreachable

__all__ = ["AsyncClient", "Client", "GanvasAPIError", "Unreachable"]

# Looked up on first use: the launcher's keeper process imports this package, but no HTTP.
_MODULES = {
    "AsyncClient": "ganvas.async_client",
    "Client": "ganvas.client",
    "GanvasAPIError": "ganvas.transport",
    "Unreachable": "ganvas.transport",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    raise AttributeError(f"module 'ganvas' has no attribute {name!r}")

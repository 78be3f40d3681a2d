"""`client.models` of both clients: versions, aliases, comparisons."""

from typing import TYPE_CHECKING, Any

from core.directions import Directions
from core.evaluations import Evaluation
from core.schemas import Alias, Model, Page
from ganvas.model_calls import ModelCalls

if TYPE_CHECKING:
    from ganvas.async_client import AsyncClient
    from ganvas.client import Client


class Models:
    """`client.models`"""

    def __init__(self, client: "Client") -> None:
        self._run = client._run
        self._calls = ModelCalls(client._calls.retries)

    def list(self, limit: int | None = None, after: str | None = None) -> Page[Model]:
        """The newest version of every model, newest first."""
        return self._run(self._calls.list(limit, after))

    def get(self, name: str, version: int | str | None = None) -> Model:
        """The card of one version: a number or an alias; without one of the newest."""
        return self._run(self._calls.get(name, version))

    def versions(
        self, name: str, limit: int | None = None, after: str | None = None
    ) -> Page[Model]:
        """The cards of all versions, newest first."""
        return self._run(self._calls.versions(name, limit, after))

    def evaluations(self, name: str, version: int) -> Page[Evaluation]:
        """The results of all evaluations of one version, newest first."""
        return self._run(self._calls.evaluations(name, version))

    def directions(self, name: str, version: int | str | None = None) -> Directions:
        """Those of the latent space in which images change most, for `generate(direction=...)`."""
        return self._run(self._calls.directions(name, version))

    def delete(self, name: str, version: int | None) -> None:
        """Remove one version; None: all of them. Refused while an alias points there."""
        self._run(self._calls.delete(name, version))

    def compare(self, a: str, b: str) -> dict[str, Any]:
        """Two versions side by side: metrics, options, data sets, and grids of the same seeds."""
        return self._run(self._calls.compare(a, b))

    def aliases(self, name: str) -> Page[Alias]:
        """`latest` first, then those that are moved by hand, each with its history."""
        return self._run(self._calls.aliases(name))

    def alias(self, name: str, alias: str, version: int, if_match: str | None = None) -> Alias:
        """Let an alias mean a version. if_match: its `etag` as you saw it, else it is refused."""
        return self._run(self._calls.promote(name, alias, version, if_match))

    def rollback(self, name: str, alias: str, if_match: str | None = None) -> Alias:
        """Let an alias mean what it meant before; asked again it goes one further back."""
        return self._run(self._calls.roll_back(name, alias, if_match))

    def unalias(self, name: str, alias: str, if_match: str | None = None) -> None:
        """Remove an alias; the version stays."""
        self._run(self._calls.unalias(name, alias, if_match))


class AsyncModels:
    """`client.models`; see `Models`."""

    def __init__(self, client: "AsyncClient") -> None:
        self._run = client._run
        self._calls = ModelCalls(client._calls.retries)

    async def list(self, limit: int | None = None, after: str | None = None) -> Page[Model]:
        """The newest version of every model, newest first."""
        return await self._run(self._calls.list(limit, after))

    async def get(self, name: str, version: int | str | None = None) -> Model:
        """The card of one version: a number or an alias; without one of the newest."""
        return await self._run(self._calls.get(name, version))

    async def versions(
        self, name: str, limit: int | None = None, after: str | None = None
    ) -> Page[Model]:
        """The cards of all versions, newest first."""
        return await self._run(self._calls.versions(name, limit, after))

    async def evaluations(self, name: str, version: int) -> Page[Evaluation]:
        """The results of all evaluations of one version, newest first."""
        return await self._run(self._calls.evaluations(name, version))

    async def directions(self, name: str, version: int | str | None = None) -> Directions:
        """See `Models.directions`."""
        return await self._run(self._calls.directions(name, version))

    async def delete(self, name: str, version: int | None) -> None:
        """Remove one version; None: all of them. Refused while an alias points there."""
        await self._run(self._calls.delete(name, version))

    async def compare(self, a: str, b: str) -> dict[str, Any]:
        """See `Models.compare`."""
        return await self._run(self._calls.compare(a, b))

    async def aliases(self, name: str) -> Page[Alias]:
        """See `Models.aliases`."""
        return await self._run(self._calls.aliases(name))

    async def alias(
        self, name: str, alias: str, version: int, if_match: str | None = None
    ) -> Alias:
        """See `Models.alias`."""
        return await self._run(self._calls.promote(name, alias, version, if_match))

    async def rollback(self, name: str, alias: str, if_match: str | None = None) -> Alias:
        """See `Models.rollback`."""
        return await self._run(self._calls.roll_back(name, alias, if_match))

    async def unalias(self, name: str, alias: str, if_match: str | None = None) -> None:
        """See `Models.unalias`."""
        await self._run(self._calls.unalias(name, alias, if_match))

"""`client.portable` of both clients: models on their way in and out."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from core.requests import PullRequest
from core.schemas import Model, Page
from core.store import StoredModel
from ganvas.handles import AsyncJobHandle, JobHandle
from ganvas.portable_calls import PortableCalls

if TYPE_CHECKING:
    from ganvas.async_client import AsyncClient
    from ganvas.client import Client

File = str | os.PathLike[str]


class Portable:
    """`client.portable`"""

    def __init__(self, client: "Client") -> None:
        self._client = client
        self._calls = PortableCalls(client._calls)

    def export(self, name: str, version: int, path: File) -> None:
        """Save one version as a zip of weights, header, card, samples and evaluations."""
        self._client._run(self._calls.export(name, version, Path(path)))

    def import_(self, archive: File, name: str | None = None) -> Model:
        """Take a model from such a zip. The same weights under one name are one version."""
        return self._client._run(self._calls.import_(Path(archive), name))

    def onnx(self, name: str, version: int, path: File) -> None:
        """Save one version as an ONNX file, which is made when there is none yet."""
        self._client._run(self._calls.onnx(name, version, Path(path)))

    def card(self, name: str, version: int) -> str:
        """What is known of one version, as Markdown."""
        return self._client._run(self._calls.card(name, version))

    def push(self, name: str, version: int) -> JobHandle:
        """Write one version to the store of the service (GANVAS_STORE)."""
        return JobHandle(self._client, self._client._run(self._calls.push(name, version)))

    def pull(self, name: str, version: int | None = None, file: str | None = None) -> JobHandle:
        """Fetch a model from the store; by default its newest version there."""
        order = PullRequest(name=name, version=version, file=file)
        return JobHandle(self._client, self._client._run(self._calls.pull(order)))

    def store(self) -> Page[StoredModel]:
        """What is in the store."""
        return self._client._run(self._calls.store())


class AsyncPortable:
    """`client.portable`; see `Portable`."""

    def __init__(self, client: "AsyncClient") -> None:
        self._client = client
        self._calls = PortableCalls(client._calls)

    async def export(self, name: str, version: int, path: File) -> None:
        """See `Portable.export`."""
        await self._client._run(self._calls.export(name, version, Path(path)))

    async def import_(self, archive: File, name: str | None = None) -> Model:
        """See `Portable.import_`."""
        return await self._client._run(self._calls.import_(Path(archive), name))

    async def onnx(self, name: str, version: int, path: File) -> None:
        """See `Portable.onnx`."""
        await self._client._run(self._calls.onnx(name, version, Path(path)))

    async def card(self, name: str, version: int) -> str:
        """See `Portable.card`."""
        return await self._client._run(self._calls.card(name, version))

    async def push(self, name: str, version: int) -> AsyncJobHandle:
        """See `Portable.push`."""
        job = await self._client._run(self._calls.push(name, version))
        return AsyncJobHandle(self._client, job)

    async def pull(
        self, name: str, version: int | None = None, file: str | None = None
    ) -> AsyncJobHandle:
        """See `Portable.pull`."""
        order = PullRequest(name=name, version=version, file=file)
        return AsyncJobHandle(self._client, await self._client._run(self._calls.pull(order)))

    async def store(self) -> Page[StoredModel]:
        """See `Portable.store`."""
        return await self._client._run(self._calls.store())

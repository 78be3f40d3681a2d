"""The client for asyncio: the same calls as `Client`, awaited."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Self, TypeVar, Unpack

import httpx

from core.facts import Inspection
from core.requests import SampleRequest
from core.schemas import Dataset, Job, JobEvent, Page
from ganvas.calls import Calls
from ganvas.downloads import saved
from ganvas.events import SILENCE_SECONDS, EventReader
from ganvas.fields import (
    EvaluateFields,
    GeneratedImage,
    ManyFields,
    PictureFields,
    TrainFields,
    WayFields,
    evaluate_request,
    generations_request,
    train_request,
)
from ganvas.handles import AsyncJobHandle
from ganvas.image_calls import ImageCalls
from ganvas.models import AsyncModels
from ganvas.packing import Progress, Source, name_of, packed
from ganvas.portable import AsyncPortable, File
from ganvas.transport import Flow, Outcome, Pause, Request, Upload, http_options, resume

T = TypeVar("T")


class AsyncClient:
    """Talks to one service; see `Client` for the arguments and the errors."""

    def __init__(
        self,
        base_url: str = "http://127.0.0.1:8000",
        *,
        timeout: float = 30.0,
        retries: int = 4,
    ) -> None:
        self._timeout = timeout
        self._calls, self._images = Calls(retries), ImageCalls(retries)
        self._http = httpx.AsyncClient(**http_options(base_url, timeout))
        self.datasets = AsyncDatasets(self)
        self.jobs = AsyncJobs(self)
        self.models = AsyncModels(self)
        self.portable = AsyncPortable(self)

    async def train(
        self, dataset: str | None = None, **fields: Unpack[TrainFields]
    ) -> AsyncJobHandle:
        """Start a training. dataset: an id, a name, or `sample:sprites`; none with resume_from."""
        job = await self._run(self._calls.train(train_request(dataset, **fields)))
        return AsyncJobHandle(self, job)

    async def estimate(self, dataset: str, **fields: Unpack[TrainFields]) -> AsyncJobHandle:
        """What `train` with these would take: the job's `output` tells, its `resolved` how."""
        job = await self._run(self._calls.estimate(train_request(dataset, **fields)))
        return AsyncJobHandle(self, job)

    async def evaluate(self, model: str, **fields: Unpack[EvaluateFields]) -> AsyncJobHandle:
        """Measure how good a model is: `name`, `name@2`. The result lands in its card."""
        job = await self._run(self._calls.evaluate(evaluate_request(model, **fields)))
        return AsyncJobHandle(self, job)

    async def generate(
        self, seed: int | str | None = None, **fields: Unpack[PictureFields]
    ) -> GeneratedImage:
        """The bytes of one image, or of a grid (`n`, `seeds`). Equal seeds, equal bytes."""
        return await self._run(self._images.generate(seed, fields))

    async def generate_many(self, path: File, **fields: Unpack[ManyFields]) -> None:
        """Save many images as one zip: of seeds (`"0-9999"` or a list), or of latent vectors."""
        request = generations_request(**fields)
        await self._run(self._images.generate_many(request, Path(path)))

    async def interpolate(
        self, start: int | str, end: int | str, **fields: Unpack[WayFields]
    ) -> GeneratedImage:
        """The way between two seeds: an animation (webp), strip (png), zip, or one image (t)."""
        return await self._run(self._images.interpolate(start, end, fields))

    async def inspect(self, image: File | bytes) -> Inspection:
        """What made an image of ours, from its file or its bytes, and where it can be had again."""
        return await self._run(self._images.inspect(image))

    async def storage(self) -> dict[str, Any]:
        """What takes how much room, and what the disk has left."""
        return await self._run(self._calls.storage())

    async def catalogue(self) -> dict[str, Any]:
        """What the living workers can train, with every option."""
        return await self._run(self._calls.catalogue())

    async def close(self) -> None:
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _run(self, flow: Flow[T]) -> T:
        outcome: Outcome = None
        while True:
            try:
                step = resume(flow, outcome)
            except StopIteration as end:
                return end.value
            outcome = await self._take(step)

    async def _take(self, step: Request | Pause) -> Outcome:
        if isinstance(step, Pause):
            await asyncio.sleep(step.seconds)
            return None
        content = _chunks(step.upload) if step.upload else step.content
        try:
            if step.save is not None:
                return await self._save(step, step.save)
            return await self._http.request(content=content, **step.arguments(self._timeout))
        except httpx.TransportError as error:
            return error

    async def _save(self, step: Request, path: Path) -> httpx.Response:
        async with self._http.stream(**step.arguments(self._timeout)) as response:
            if response.status_code != 200:
                await response.aread()
                return response
            with saved(path) as file:
                async for chunk in response.aiter_bytes():
                    file.write(chunk)
        return response

    async def _events(self, url: str, after: str | None, *, ends: bool) -> AsyncIterator[JobEvent]:
        reader = EventReader(after, ends=ends)
        while True:
            try:
                async for event in self._stream(url, reader):
                    yield event
                error = None
            except httpx.TransportError as broken:
                error = broken
            if reader.finished:
                return
            await asyncio.sleep(reader.broken(error))

    async def _stream(self, url: str, reader: EventReader) -> AsyncIterator[JobEvent]:
        timeout = httpx.Timeout(10.0, read=SILENCE_SECONDS)
        stream = self._http.stream("GET", url, headers=reader.headers, timeout=timeout)
        async with stream as response:
            if response.status_code != 200:
                await response.aread()
            if not reader.opened(response):
                return
            async for chunk in response.aiter_bytes():
                for event in reader.feed(chunk):
                    yield event
                if reader.finished:
                    return


class AsyncDatasets:
    """`client.datasets`"""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def upload(
        self, source: Source, name: str | None = None, on_progress: Progress | None = None
    ) -> Dataset:
        """See `Datasets.upload`. Packing a folder happens in a thread."""
        packing = packed(source, on_progress)
        upload = await asyncio.to_thread(packing.__enter__)
        try:
            flow = self._client._calls.upload(upload, name or name_of(source))
            return await self._client._run(flow)
        finally:
            packing.__exit__(None, None, None)

    async def sample(self, request: SampleRequest | None = None) -> Dataset:
        """A data set that the service draws itself; the same request means the same images."""
        return await self._client._run(self._client._calls.sample(request))

    async def list(self, limit: int | None = None, after: str | None = None) -> Page[Dataset]:
        return await self._client._run(self._client._calls.datasets(limit, after))

    async def get(self, dataset_id: str) -> Dataset:
        return await self._client._run(self._client._calls.dataset(dataset_id))

    async def report(self, dataset_id: str) -> dict[str, Any]:
        """The health report: skipped files and why, duplicates, warnings."""
        return await self._client._run(self._client._calls.dataset_report(dataset_id))

    async def delete(self, dataset_id: str) -> None:
        await self._client._run(self._client._calls.delete_dataset(dataset_id))


class AsyncJobs:
    """`client.jobs`"""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def list(
        self,
        limit: int | None = None,
        after: str | None = None,
        state: str | None = None,
        q: str | None = None,
    ) -> Page[Job]:
        """Newest first. state: one or several, `queued,running`. q: words of id, model, data set or
        metadata; a page of a search may be empty while it `has_more` after its `last_id`."""
        return await self._client._run(self._client._calls.jobs(limit, after, state=state, q=q))

    async def get(self, job_id: str) -> Job:
        return await self._client._run(self._client._calls.job(job_id))

    async def handle(self, job_id: str) -> AsyncJobHandle:
        """For wait(), events(), pause() and all else that can be done with a job."""
        return AsyncJobHandle(self._client, await self.get(job_id))

    def events(self, after: str | None = None) -> AsyncIterator[JobEvent]:
        """What happens to all jobs, without an end; `data["job"]` says to which."""
        return self._client._events("/v1/events", after, ends=False)


async def _chunks(upload: Upload) -> AsyncIterator[bytes]:
    for chunk in upload.chunks():  # a read of a quarter of a MiB does not hold the loop up
        yield chunk

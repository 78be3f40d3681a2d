"""The Python client: `Client().train("sample:sprites", minutes=10).wait()`."""

import time
from collections.abc import Iterator
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
from ganvas.handles import JobHandle
from ganvas.image_calls import ImageCalls
from ganvas.models import Models
from ganvas.packing import Progress, Source, name_of, packed
from ganvas.portable import File, Portable
from ganvas.transport import Flow, Outcome, Pause, Request, http_options, resume

T = TypeVar("T")


class Client:
    """Talks to one service. Usable from several threads; close it, or use it as a context.

    All calls raise GanvasAPIError (the service refused) and Unreachable (nobody answers).
    """

    def __init__(
        self,
        base_url: str = "http://127.0.0.1:8000",
        *,
        timeout: float = 30.0,
        retries: int = 4,
    ) -> None:
        """timeout: seconds for one answer. retries: of what may be sent twice without harm."""
        self._timeout = timeout
        self._calls, self._images = Calls(retries), ImageCalls(retries)
        self._http = httpx.Client(**http_options(base_url, timeout))
        self.datasets = Datasets(self)
        self.jobs = Jobs(self)
        self.models = Models(self)
        self.portable = Portable(self)

    def train(self, dataset: str | None = None, **fields: Unpack[TrainFields]) -> JobHandle:
        """Start a training. dataset: an id, a name, or `sample:sprites`; none with resume_from."""
        return JobHandle(self, self._run(self._calls.train(train_request(dataset, **fields))))

    def estimate(self, dataset: str, **fields: Unpack[TrainFields]) -> JobHandle:
        """What `train` with these would take: the job's `output` tells, its `resolved` how."""
        return JobHandle(self, self._run(self._calls.estimate(train_request(dataset, **fields))))

    def evaluate(self, model: str, **fields: Unpack[EvaluateFields]) -> JobHandle:
        """Measure how good a model is: `name`, `name@2`. The result lands in its card."""
        job = self._run(self._calls.evaluate(evaluate_request(model, **fields)))
        return JobHandle(self, job)

    def generate(
        self, seed: int | str | None = None, **fields: Unpack[PictureFields]
    ) -> GeneratedImage:
        """The bytes of one image, or of a grid (`n`, `seeds`). Equal seeds, equal bytes."""
        return self._run(self._images.generate(seed, fields))

    def generate_many(self, path: File, **fields: Unpack[ManyFields]) -> None:
        """Save many images as one zip: of seeds (`"0-9999"` or a list), or of latent vectors."""
        request = generations_request(**fields)
        self._run(self._images.generate_many(request, Path(path)))

    def interpolate(
        self, start: int | str, end: int | str, **fields: Unpack[WayFields]
    ) -> GeneratedImage:
        """The way between two seeds: an animation (webp), strip (png), zip, or one image (t)."""
        return self._run(self._images.interpolate(start, end, fields))

    def inspect(self, image: File | bytes) -> Inspection:
        """What made an image of ours, from its file or its bytes, and where it can be had again."""
        return self._run(self._images.inspect(image))

    def storage(self) -> dict[str, Any]:
        """What takes how much room, and what the disk has left."""
        return self._run(self._calls.storage())

    def catalogue(self) -> dict[str, Any]:
        """What the living workers can train, with every option."""
        return self._run(self._calls.catalogue())

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, flow: Flow[T]) -> T:
        outcome: Outcome = None
        while True:
            try:
                step = resume(flow, outcome)
            except StopIteration as end:
                return end.value
            outcome = self._take(step)

    def _take(self, step: Request | Pause) -> Outcome:
        if isinstance(step, Pause):
            time.sleep(step.seconds)
            return None
        content = step.upload.chunks() if step.upload else step.content
        try:
            if step.save is not None:
                return self._save(step, step.save)
            return self._http.request(content=content, **step.arguments(self._timeout))
        except httpx.TransportError as error:
            return error

    def _save(self, step: Request, path: Path) -> httpx.Response:
        with self._http.stream(**step.arguments(self._timeout)) as response:
            if response.status_code != 200:
                response.read()
                return response
            with saved(path) as file:
                for chunk in response.iter_bytes():
                    file.write(chunk)
        return response

    def _events(self, url: str, after: str | None, *, ends: bool) -> Iterator[JobEvent]:
        reader = EventReader(after, ends=ends)
        while True:
            try:
                yield from self._stream(url, reader)
                error = None
            except httpx.TransportError as broken:
                error = broken
            if reader.finished:
                return
            time.sleep(reader.broken(error))

    def _stream(self, url: str, reader: EventReader) -> Iterator[JobEvent]:
        """The events of one connection."""
        timeout = httpx.Timeout(10.0, read=SILENCE_SECONDS)
        with self._http.stream("GET", url, headers=reader.headers, timeout=timeout) as response:
            if response.status_code != 200:
                response.read()
            if not reader.opened(response):
                return
            for chunk in response.iter_bytes():
                yield from reader.feed(chunk)
                if reader.finished:
                    return


class Datasets:
    """`client.datasets`"""

    def __init__(self, client: Client) -> None:
        self._client = client

    def upload(
        self, source: Source, name: str | None = None, on_progress: Progress | None = None
    ) -> Dataset:
        """Upload a folder, a zip or tar archive, or a list of images; returns when it is ready.

        Raises GanvasAPIError when it cannot become a data set, UnusableSource.
        """
        with packed(source, on_progress) as upload:
            flow = self._client._calls.upload(upload, name or name_of(source))
            return self._client._run(flow)

    def sample(self, request: SampleRequest | None = None) -> Dataset:
        """A data set that the service draws itself; the same request means the same images."""
        return self._client._run(self._client._calls.sample(request))

    def list(self, limit: int | None = None, after: str | None = None) -> Page[Dataset]:
        return self._client._run(self._client._calls.datasets(limit, after))

    def get(self, dataset_id: str) -> Dataset:
        return self._client._run(self._client._calls.dataset(dataset_id))

    def report(self, dataset_id: str) -> dict[str, Any]:
        """The health report: skipped files and why, duplicates, warnings."""
        return self._client._run(self._client._calls.dataset_report(dataset_id))

    def delete(self, dataset_id: str) -> None:
        self._client._run(self._client._calls.delete_dataset(dataset_id))


class Jobs:
    """`client.jobs`"""

    def __init__(self, client: Client) -> None:
        self._client = client

    def list(
        self,
        limit: int | None = None,
        after: str | None = None,
        state: str | None = None,
        q: str | None = None,
    ) -> Page[Job]:
        """Newest first. state: one or several, `queued,running`. q: words of id, model, data set or
        metadata; a page of a search may be empty while it `has_more` after its `last_id`."""
        return self._client._run(self._client._calls.jobs(limit, after, state=state, q=q))

    def get(self, job_id: str) -> Job:
        return self._client._run(self._client._calls.job(job_id))

    def handle(self, job_id: str) -> JobHandle:
        """For wait(), events(), pause() and all else that can be done with a job."""
        return JobHandle(self._client, self.get(job_id))

    def events(self, after: str | None = None) -> Iterator[JobEvent]:
        """What happens to all jobs, without an end; `data["job"]` says to which."""
        return self._client._events("/v1/events", after, ends=False)

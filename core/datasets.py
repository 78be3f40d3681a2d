"""The data sets on disk: `datasets/{id}` when ready, `uploads/{id}` while being prepared."""

import contextlib
import errno
import logging
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core.crashpoints import crash_point
from core.errors import BadSpec, Conflict, NotFound
from core.files import (
    PARTIAL,
    publish_folder,
    read_json,
    remove_tree,
    sync_folder,
    write_json,
)
from core.home import Home
from core.ids import new_id
from core.requests import SampleRequest
from core.schemas import Dataset

log = logging.getLogger(__name__)
SAMPLE_PREFIX = "sample:"
SAMPLES = ("sprites",)


class DatasetStore:
    """Data sets are written once by the prepare worker, then only read or removed whole."""

    def __init__(self, home: Home) -> None:
        self.home = home

    def begin(self, name: str, dataset_id: str | None = None) -> tuple[str, Path]:
        """The id, a new one unless given, and the folder that takes the uploaded files.

        Raises FileExistsError when somebody else is preparing this id.
        """
        dataset_id = dataset_id or new_id("ds")
        folder = self.home.upload(dataset_id)
        folder.mkdir(mode=0o700)
        try:
            write_json(folder / "upload.json", {"name": name, "created_at": _now()})
        except OSError:
            self.discard(dataset_id)
            raise
        return dataset_id, folder

    def take_over(self, folder: Path, name: str, dataset_id: str) -> None:
        """Let a finished folder with its `source` be the upload of this id, by one rename.

        Raises FileNotFoundError when somebody else has done so.
        """
        write_json(folder / "upload.json", {"name": name, "created_at": _now()})
        os.rename(folder, self.home.upload(dataset_id))
        sync_folder(self.home.uploads)

    def attach(self, dataset_id: str, job_id: str) -> None:
        """Remember which job prepares the data set."""
        path = self.home.upload(dataset_id) / "upload.json"
        write_json(path, read_json(path) | {"job": job_id})

    def discard(self, dataset_id: str) -> None:
        """Remove an upload that did not become a data set, or is no longer needed."""
        remove_tree(self.home.upload(dataset_id))

    def workspace(self, dataset_id: str, job_id: str, fence: int) -> Path:
        """The hidden folder in which one attempt of one job prepares the data set."""
        return self.home.datasets / f".{dataset_id}.{job_id}.f{fence}{PARTIAL}"

    def publish(self, workspace: Path, dataset_id: str, name: str, job: str | None) -> Dataset:
        """Give a prepared folder its name; when an earlier attempt has done so, keep that."""
        path = workspace / "dataset.json"
        identity = {"id": dataset_id, "name": name, "created_at": _now(), "job": job}
        write_json(path, read_json(path) | identity)
        crash_point("dataset.prepared")
        try:
            publish_folder(workspace, self.home.dataset(dataset_id))
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            remove_tree(workspace)
        crash_point("dataset.renamed")
        return self.get(dataset_id)

    def get(self, dataset_id: str) -> Dataset:
        """The record of a ready data set, or of one that is being prepared.

        Raises NotFound, and BadSpec for a record that is damaged.
        """
        try:
            ready = _plain(self.home.dataset(dataset_id) / "dataset.json")
            if ready is not None:
                return Dataset(**ready)
            pending = _plain(self.home.upload(dataset_id) / "upload.json")
            if pending is not None:
                return Dataset(id=dataset_id, state="preparing", **pending)
        except (ValueError, TypeError) as error:
            raise BadSpec(
                f"The record of the data set {dataset_id} is damaged: DELETE it and upload the "
                "images again."
            ) from error
        raise NotFound(f"There is no data set {dataset_id}; GET /v1/datasets lists them.")

    def find(self, reference: str) -> Dataset:
        """A data set by id, or by its display name when only one has that name."""
        try:
            return self.get(reference)
        except NotFound:
            named = [dataset for dataset in self.all() if dataset.name == reference]
        if len(named) > 1:
            ids = ", ".join(dataset.id for dataset in named[:5])
            raise Conflict(f"{len(named)} data sets have this name; use an id: {ids}.")
        if not named:
            raise NotFound("There is no data set with this id or name; see GET /v1/datasets.")
        return named[0]

    def all(self) -> list[Dataset]:
        """Every data set, newest first."""
        folders = (self.home.datasets, self.home.uploads)
        ids = {entry.name for folder in folders for entry in os.scandir(folder)}
        found = (self._present(name) for name in ids if not name.startswith("."))
        return sorted((d for d in found if d), key=lambda d: (d.created_at, d.id), reverse=True)

    def require(self, dataset_id: str) -> None:
        """Raise NotFound when there is no such data set. A damaged one is there."""
        with contextlib.suppress(BadSpec):
            self.get(dataset_id)

    def remove(self, dataset_id: str) -> None:
        """Raises NotFound."""
        self.require(dataset_id)
        remove_tree(self.home.dataset(dataset_id))
        self.discard(dataset_id)

    def _present(self, dataset_id: str) -> Dataset | None:
        try:
            return self.get(dataset_id)
        except NotFound:  # removed while we looked
            return None
        except BadSpec as error:  # the others still work
            log.warning("%s It is: %s", error.detail, error.__cause__)
            return None


def sample_id(request: SampleRequest) -> str:
    """The id of a sample data set: the same request always means the same images."""
    return f"sample-{request.sample}-{request.resolution}-n{request.count}-s{request.seed}"


def sample_request(reference: str, resolution: int | None) -> SampleRequest | None:
    """`sample:sprites` as a request, None for other references. Raises NotFound."""
    if not reference.startswith(SAMPLE_PREFIX):
        return None
    name = reference.removeprefix(SAMPLE_PREFIX)
    if name not in SAMPLES:
        raise NotFound(f"There is no such sample; there are: {', '.join(SAMPLES)}.")
    chosen = {} if resolution is None else {"resolution": resolution}
    return SampleRequest.model_validate({"sample": name} | chosen)


def _plain(path: Path) -> Any:
    """The record in `path`; None when there is no file, or what is none of ours: a link, or a file
    where a data set's folder would be."""
    try:
        return read_json(path)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            return None
        raise


def _now() -> Any:
    return datetime.now(UTC).isoformat()

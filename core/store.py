"""The store of models elsewhere (GANVAS_STORE): `{store}/{name}/{version}-{digest12}.zip`.

Any file system that fsspec knows; only the owner of the service names it. Credentials are found as
fsspec and its drivers do, in the environment of the process. fsspec is an optional part.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from core.errors import Conflict, CorruptArchive, GanvasError, NotFound, Unavailable
from core.extras import require
from core.files import chunks_of
from core.ids import is_id
from core.schemas import Answer, Model

FILE = r"^[1-9][0-9]{0,8}-[0-9a-f]{12}\.zip$"
MOST = 10_000  # files that are listed
OBJECTS = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "az"})  # file systems without folders
PATIENT: dict[str, Any] = {"connect_timeout": 5, "read_timeout": 60, "retries": {"max_attempts": 2}}


class StoredModel(Answer):
    """An archive in the store. `digest`: the first twelve digits of the weights' SHA-256."""

    object: str = "stored_model"
    name: str
    version: int
    digest: str
    file: str
    bytes: int


class Store:
    """One store. All calls raise Unavailable when it cannot be used."""

    def __init__(self, url: str) -> None:
        require_store(url)
        require("store")
        import fsspec.core

        protocol = url.partition("://")[0]
        options: dict[str, Any] = {"config_kwargs": PATIENT} if protocol in ("s3", "s3a") else {}
        self.url = url
        with self._reached():
            self._files, root = fsspec.core.url_to_fs(
                url, use_listings_cache=False, skip_instance_cache=True, **options
            )
        self._root = str(root).rstrip("/")
        self._folders = protocol not in OBJECTS

    def all(self) -> list[StoredModel]:
        """Every model that is there, by name, the newest version first."""
        with self._reached():
            found = self._files.find(self._root, maxdepth=2, detail=True)
        listed = (self._entry(str(path), facts) for path, facts in list(found.items())[:MOST])
        known = [model for model in listed if model is not None]
        return sorted(known, key=lambda model: (model.name, -model.version, model.file))

    def choose(self, name: str, version: int | None, file: str | None) -> StoredModel:
        """The one that is meant; by default the newest version. Raises NotFound, Conflict."""
        there = [model for model in self.all() if model.name == name]
        if file is not None:
            meant = [model for model in there if model.file == file]
        else:
            wanted = version or max((model.version for model in there), default=0)
            meant = [model for model in there if model.version == wanted]
        if not meant:
            known = ", ".join(model.file for model in there[:10]) or "nothing of this name"
            raise NotFound(f"The store has no such archive of {name}; it has: {known}.")
        if len(meant) > 1:
            files = ", ".join(model.file for model in meant[:10])
            raise Conflict(f"The store has several of this version: say which file: {files}.")
        return meant[0]

    def read(self, name: str, file: str) -> Iterator[bytes]:
        """The bytes of an archive."""
        with self._reached():
            yield from chunks_of(self._files.open(self._path(name, file), "rb"))

    def write(self, name: str, file: str, chunks: Iterable[bytes]) -> None:
        """Store an archive; half of one is removed again."""
        path = self._path(name, file)
        partial = self._path(name, f".{file}.tmp") if self._folders else path
        with self._reached():
            if self._folders:
                self._files.makedirs(self._path(name), exist_ok=True)
            try:
                with self._files.open(partial, "wb") as target:
                    for chunk in chunks:
                        target.write(chunk)
                if partial != path:
                    self._files.mv(partial, path)
            except BaseException:
                if self._files.exists(partial):
                    self._files.rm(partial)
                raise

    def size(self, name: str, file: str) -> int | None:
        """Of an archive, None when there is none."""
        with self._reached():
            path = self._path(name, file)
            return int(self._files.size(path)) if self._files.exists(path) else None

    def _path(self, *parts: str) -> str:
        return "/".join([self._root, *parts])

    def _entry(self, path: str, facts: dict[str, Any]) -> StoredModel | None:
        """None for whatever is no archive of ours."""
        *folders, file = path.removeprefix(self._root).strip("/").split("/")
        if len(folders) != 1 or not is_id(folders[0]) or not re.fullmatch(FILE, file):
            return None
        version, digest = file.removesuffix(".zip").split("-")
        return StoredModel(
            name=folders[0],
            version=int(version),
            digest=digest,
            file=file,
            bytes=int(facts.get("size") or 0),
        )

    @contextmanager
    def _reached(self) -> Iterator[None]:
        """Whatever an optional driver raises says that the store cannot be used."""
        try:
            yield
        except GanvasError:
            raise
        except Exception as error:
            told = f"{type(error).__name__}: {error}".replace(self.url, "GANVAS_STORE")[:300]
            raise Unavailable(f"The store cannot be used. {told}") from error


def file_of(model: Model) -> str:
    """What the archive of a version is called there."""
    return f"{model.version}-{model.digest[:12]}.zip"


def require_store(url: str) -> None:
    """Raise Conflict when no store is set."""
    if not url:
        raise Conflict(
            "This service has no store. Its owner sets one in the environment of all processes, "
            "as GANVAS_STORE=file:///srv/models or GANVAS_STORE=s3://bucket/path."
        )


def require_digest(stored: StoredModel, digest: str) -> None:
    """Raise CorruptArchive when the weights are not those that the file is named after."""
    if not digest.startswith(stored.digest):
        raise CorruptArchive(f"{stored.file} holds other weights than its name says.")

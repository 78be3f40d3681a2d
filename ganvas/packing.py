"""What becomes an upload: an archive as it is, or a folder or list of images as one zip file."""

import contextlib
import hashlib
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from ganvas.transport import Upload

Progress = Callable[[int, int], None]
Source = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]

IMAGES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp"})
METADATA = frozenset({"metadata.jsonl", "metadata.csv"})
ARCHIVES = {
    ".zip": "application/zip",
    ".tar": "application/x-tar",
    ".tar.gz": "application/gzip",
    ".tgz": "application/gzip",
}


class UnusableSource(ValueError):
    """What should be uploaded is not there, is no archive, or holds no images."""


@contextlib.contextmanager
def packed(source: Source, on_progress: Progress | None = None) -> Iterator[Upload]:
    """The upload for `source`; temporary files last as long as the context.

    Raises UnusableSource (not there, not an archive, no images).
    """
    if not isinstance(source, (str, os.PathLike)):
        with _zipped(_unique(Path(path) for path in source), on_progress) as upload:
            yield upload
    elif (path := Path(source).expanduser()).is_dir():
        with _zipped(_members(path), on_progress) as upload:
            yield upload
    else:
        yield Upload(path=path, media_type=media_type(path), on_progress=on_progress)


def name_of(source: Source) -> str:
    """A display name for what is uploaded: the folder's or archive's own."""
    if not isinstance(source, (str, os.PathLike)):
        return "images"
    path = Path(source).expanduser().resolve()
    ending = next((e for e in ARCHIVES if path.name.lower().endswith(e)), "")
    return path.name[: len(path.name) - len(ending)] if path.is_file() else path.name


def media_type(path: Path) -> str:
    """By the file's ending. Raises UnusableSource."""
    if not path.is_file():
        raise UnusableSource(f"There is no file or folder {path}.")
    for ending, kind in ARCHIVES.items():
        if path.name.lower().endswith(ending):
            return kind
    raise UnusableSource(f"{path} is neither a folder nor an archive: {', '.join(ARCHIVES)}.")


def _members(folder: Path) -> Iterator[tuple[Path, str]]:
    """The images and metadata below a folder, in a stable order; hidden names are left out."""
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if _visible(name))
        for name in sorted(files):
            path = Path(parent) / name
            wanted = path.suffix.lower() in IMAGES or name.lower() in METADATA
            if _visible(name) and wanted and path.is_file():
                yield path, path.relative_to(folder).as_posix()


def _unique(paths: Iterable[Path]) -> Iterator[tuple[Path, str]]:
    """Single images in one archive: numbered, because two folders may use the same name."""
    for number, path in enumerate(paths):
        if not path.is_file():
            raise UnusableSource(f"There is no file {path}.")
        yield path, f"{number:06d}-{path.name}"


@contextlib.contextmanager
def _zipped(members: Iterable[tuple[Path, str]], on_progress: Progress | None) -> Iterator[Upload]:
    """A temporary zip file. Images are stored as they are: they do not get smaller. Equal
    contents make equal bytes, and unchanged files the same identity."""
    identity = hashlib.sha256()
    with tempfile.TemporaryDirectory(prefix="ganvas-upload-") as folder:
        path = Path(folder) / "images.zip"
        count = 0
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
            for file, name in members:
                info, found = zipfile.ZipInfo(name), file.stat()
                info.file_size = found.st_size
                identity.update(f"{name}\0{found.st_size}\0{found.st_mtime_ns}\n".encode())
                with open(file, "rb") as data, archive.open(info, "w") as entry:
                    shutil.copyfileobj(data, entry)
                count += file.suffix.lower() in IMAGES
        if not count:
            raise UnusableSource(f"There are no images here ({', '.join(sorted(IMAGES))}).")
        yield Upload(
            path=path,
            media_type=ARCHIVES[".zip"],
            on_progress=on_progress,
            identity=identity.hexdigest(),
        )


def _visible(name: str) -> bool:
    return not name.startswith(".") and name != "__MACOSX"

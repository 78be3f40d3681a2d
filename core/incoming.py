"""Uploads that come in pieces: `incoming/{id}/source` holds what has come so far, in its order.

The size of the file is the offset at which it goes on, so there are no two truths. One writer at a
time holds a lock on the file, whichever process it is in; what a client is told is on the disk.
"""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from core.errors import Conflict, Locked, NotFound, NotReady, StorageFull, TooManyUploads
from core.files import read_json, remove_tree, sync_file, sync_folder, temporary, write_json
from core.home import Home
from core.ids import is_id, secret_id
from core.schemas import Answer

LIFE_SECONDS = 24 * 3600.0  # after the last byte that came
MOST = 100  # uploads that are not yet used
SPARE_BYTES = 1 << 30  # of the disk that no upload may plan with; of a small one a twentieth
SYNC_BYTES = 64 * 1024 * 1024  # that may be written before they have to be on the disk


class Upload(Answer):
    """An upload that has begun. `offset`: how many of its `length` bytes are here."""

    object: str = "upload"
    id: str
    length: int
    offset: int
    metadata: str = ""  # tus' Upload-Metadata, as the client sent it
    created_at: datetime
    expires_at: datetime


class Part:
    """The file of an upload in the hands of its only writer."""

    def __init__(self, upload: Upload, handle: int) -> None:
        self.rest = upload.length - upload.offset  # bytes that may still come
        self._upload = upload
        self._handle = handle
        self._unsynced = 0

    def write(self, block: bytes) -> None:
        """Append. Raises NotFound, OSError; then a beginning of the block may be there."""
        left = memoryview(block)
        while left:
            left = left[os.write(self._handle, left) :]
        self._unsynced += len(block)
        if self._unsynced >= SYNC_BYTES:
            self.sync()

    def sync(self) -> Upload:
        """Let everything be on the disk; answers how the upload stands. Raises the same."""
        os.fsync(self._handle)
        self._unsynced = 0
        found = os.fstat(self._handle)
        if not found.st_nlink:  # removed while it was sent
            raise _unknown(self._upload.id)
        told = {"offset": found.st_size, "expires_at": _expiry(found.st_mtime)}
        return self._upload.model_copy(update=told)

    def close(self) -> None:
        """Ends the lock."""
        os.close(self._handle)


class Incoming:
    """The uploads of one home folder that nobody has used yet."""

    def __init__(self, home: Home) -> None:
        self.home = home

    def begin(self, length: int, metadata: str) -> Upload:
        """A new upload of `length` bytes. Raises TooManyUploads, StorageFull, OSError."""
        self._require_room(length)
        upload_id = secret_id("up")
        folder = self.home.arriving(upload_id)
        partial = temporary(folder)
        try:
            partial.mkdir(mode=0o700)
            record = {"length": length, "metadata": metadata, "created_at": _now().isoformat()}
            (partial / "source").touch(mode=0o600)
            write_json(partial / "record.json", record)  # syncs the folder, with both in it
            os.rename(partial, folder)
        except OSError:
            remove_tree(partial)
            raise
        sync_folder(folder.parent)
        return self.get(upload_id)

    def get(self, upload_id: str) -> Upload:
        """The upload, everything of it on the disk. Raises NotFound."""
        found = self._look(upload_id)
        with contextlib.suppress(FileNotFoundError):
            sync_file(self.home.arriving(upload_id) / "source")
        return found

    def all(self) -> Iterator[Upload]:
        for name in os.listdir(self.home.incoming):
            with contextlib.suppress(NotFound):
                yield self._look(name)

    def open(self, upload_id: str, offset: int) -> Part:
        """Go on writing at `offset`. Close it afterwards.

        Raises NotFound, Locked (somebody else does), Conflict (it has another offset).
        """
        upload = self._look(upload_id)
        try:
            path = self.home.arriving(upload_id) / "source"
            handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW)
        except FileNotFoundError as error:
            raise _unknown(upload_id) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            there = os.fstat(handle).st_size
            if there != offset:
                raise Conflict(f"The upload goes on at Upload-Offset {there}, not at {offset}.")
        except BlockingIOError as error:
            os.close(handle)
            raise Locked(
                "Another request is sending this upload: wait for its end.", retry_after=2
            ) from error
        except BaseException:
            os.close(handle)
            raise
        return Part(upload.model_copy(update={"offset": offset}), handle)

    def whole(self, upload_id: str) -> Path:
        """The folder of an upload that is complete. Raises NotFound, NotReady."""
        found = self.get(upload_id)
        if found.offset != found.length:
            told = f"{found.offset} of {found.length} bytes have come"
            raise NotReady(f"The upload is not complete: {told}; send the others first.")
        return self.home.arriving(upload_id)

    def lend(self, upload_id: str, target: Path) -> None:
        """Link the bytes of a complete upload to `target`, where they stay when it is removed.

        Raises NotFound, NotReady.
        """
        try:
            os.link(self.whole(upload_id) / "source", target)
        except FileNotFoundError as error:
            raise _unknown(upload_id) from error

    def remove(self, upload_id: str) -> None:
        """Raises NotFound."""
        self._look(upload_id)
        remove_tree(self.home.arriving(upload_id))

    def expire(self) -> None:
        """Remove the uploads to which nothing has come for a day."""
        for name in os.listdir(self.home.incoming):
            if is_id(name) and _expiry(_last_byte(self.home.arriving(name))) < _now():
                remove_tree(self.home.arriving(name))

    def _look(self, upload_id: str) -> Upload:
        folder = self.home.arriving(upload_id)
        try:
            found = os.lstat(folder / "source")
            upload = Upload(
                id=upload_id,
                offset=found.st_size,
                expires_at=_expiry(found.st_mtime),
                **read_json(folder / "record.json"),
            )
        except (OSError, ValueError, TypeError) as error:
            raise _unknown(upload_id) from error
        if upload.expires_at < _now():
            raise _unknown(upload_id)
        return upload

    def _require_room(self, length: int) -> None:
        """For all that is still to come, this one included."""
        others = list(self.all())
        if len(others) >= MOST:
            raise TooManyUploads(
                f"{MOST} uploads are not finished or not used: finish or DELETE one of them.",
                retry_after=60,
            )
        disk = shutil.disk_usage(self.home.root)
        room = disk.free - min(SPARE_BYTES, disk.total // 20)
        room -= sum(other.length - other.offset for other in others)
        if length > room:
            raise StorageFull(f"The disk of the service has room for {max(room, 0)} bytes.")


def dataset_of(upload_id: str) -> str:
    """The id of the data set that an upload becomes: however often it is ordered, it is one.

    No data set of another origin has such an id, whatever a client names as its upload.
    """
    return f"ds-of-{upload_id}"


def _expiry(last_byte: float) -> datetime:
    return datetime.fromtimestamp(last_byte + LIFE_SECONDS, UTC)


def _last_byte(folder: Path) -> float:
    """When something last came to what may be damaged; for ever ago when there is no folder."""
    for path in (folder / "source", folder):
        with contextlib.suppress(OSError):
            return os.lstat(path).st_mtime
    return 0.0


def _unknown(upload_id: str) -> NotFound:
    return NotFound(
        f"There is no upload {upload_id}: it was used, removed, or waited for a day. Begin anew."
    )


def _now() -> datetime:
    return datetime.now(UTC)

"""The user's mistakes and the service's refusals, as nouns with a stable code.

Each error says what was wrong, what is allowed and what to do. `app/errors.py` maps the codes to
HTTP statuses; in a worker the same error becomes the `error` of the failed job.
"""

from typing import Any, ClassVar


class GanvasError(Exception):
    """Base of all expected errors. `errors` points at single fields or files, RFC 9457 style."""

    code: ClassVar[str] = "error"
    title: ClassVar[str] = "The request could not be carried out"

    def __init__(
        self,
        detail: str,
        *,
        errors: list[dict[str, str]] | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = errors or []
        self.retry_after = retry_after

    def record(self) -> dict[str, Any]:
        """The error as it is stored on a job: `{code, title, detail, errors}`."""
        return {
            "code": self.code,
            "title": self.title,
            "detail": self.detail,
            "errors": self.errors,
        }


class Invalid(GanvasError):
    code = "invalid_request"
    title = "The request is not valid"


class NotFound(GanvasError):
    code = "not_found"
    title = "There is no such thing"


class Conflict(GanvasError):
    code = "conflict"
    title = "The present state does not allow this"


class InUse(Conflict):
    code = "in_use"
    title = "It is still being used"


class NotReady(Conflict):
    code = "not_ready"
    title = "It is not ready yet"


class Locked(GanvasError):
    code = "locked"
    title = "Somebody else is writing to it"


class PreconditionFailed(GanvasError):
    code = "precondition_failed"
    title = "It is not as the request requires"


class IdempotencyMismatch(GanvasError):
    code = "idempotency_mismatch"
    title = "This Idempotency-Key was used with another body"


class NotTrainable(GanvasError):
    code = "not_trainable"
    title = "The data set cannot train this"


class QueueFull(GanvasError):
    code = "queue_full"
    title = "The queue is full"


class TooManyUploads(GanvasError):
    code = "too_many_uploads"
    title = "Too many uploads have begun"


class TooLarge(GanvasError):
    code = "too_large"
    title = "It is larger than this service accepts"


class UnsupportedMedia(GanvasError):
    code = "unsupported_media"
    title = "This content type is not accepted here"


class CorruptArchive(GanvasError):
    code = "corrupt_archive"
    title = "The archive cannot be read"


class UnsafePath(GanvasError):
    code = "unsafe_path"
    title = "The archive holds an entry that is not accepted"


class NoImages(GanvasError):
    code = "no_images"
    title = "There are not enough usable images"


class StorageFull(GanvasError):
    code = "storage_full"
    title = "There is no room to store this"


class Unavailable(GanvasError):
    code = "unavailable"
    title = "A part of the service is not available"


class Overloaded(GanvasError):
    code = "overloaded"
    title = "The service has more work than it can do in time"


class NoWorker(Unavailable):
    code = "no_worker"
    title = "No worker is alive for this kind of work"


class Diverged(GanvasError):
    code = "diverged"
    title = "The training diverged"


class OutOfMemory(GanvasError):
    code = "out_of_memory"
    title = "The work needs more memory than there is"


class DiskFull(GanvasError):
    code = "disk_full"
    title = "The disk stayed full"


class DatasetChanged(GanvasError):
    code = "dataset_changed"
    title = "The data set is not the one that the training began with"


class NoDevice(GanvasError):
    code = "no_device"
    title = "The device of this training is not here"


class IncompatibleCheckpoint(GanvasError):
    code = "incompatible_checkpoint"
    title = "This version cannot continue the checkpoint"


class Stalled(GanvasError):
    code = "stalled"
    title = "The work stopped making progress"


class DeadlineExceeded(GanvasError):
    code = "deadline_exceeded"
    title = "The work was not done in the time it was given"


class TooManyCrashes(GanvasError):
    code = "too_many_crashes"
    title = "The work crashed on every attempt"


class BadSpec(GanvasError):
    code = "bad_spec"
    title = "What is stored cannot be understood"


class Internal(GanvasError):
    code = "internal"
    title = "Something went wrong on our side"


class StaleFence(Exception):
    """A newer attempt owns the job: whatever this one wanted to record is refused."""

"""Where everything stands on disk: one home folder, shared by the API and all workers."""

import os
from dataclasses import dataclass
from pathlib import Path

from core.errors import Invalid, NotFound
from core.ids import is_id

ADVICE = "Let GANVAS_HOME be a folder that the user who runs the service may write to."
EFFECTIVE = os.access in os.supports_effective_ids


@dataclass(frozen=True)
class Home:
    """Paths below the home folder. Every path is built from a checked id, never from a name."""

    root: Path

    @property
    def datasets(self) -> Path:
        return self.root / "datasets"

    @property
    def jobs(self) -> Path:
        return self.root / "jobs"

    @property
    def models(self) -> Path:
        return self.root / "models"

    @property
    def devices(self) -> Path:
        return self.root / "devices"

    @property
    def features(self) -> Path:
        return self.root / "features"

    @property
    def uploads(self) -> Path:
        return self.root / "uploads"

    @property
    def incoming(self) -> Path:
        return self.root / "incoming"

    def dataset(self, dataset_id: str) -> Path:
        return self.datasets / _checked("data set", dataset_id)

    def job(self, job_id: str) -> Path:
        return self.jobs / _checked("job", job_id)

    def model(self, name: str) -> Path:
        return self.models / _checked("model", name)

    def upload(self, upload_id: str) -> Path:
        return self.uploads / _checked("upload", upload_id)

    def arriving(self, upload_id: str) -> Path:
        """Of an upload in pieces, until it is used."""
        return self.incoming / _checked("upload", upload_id)

    def create(self) -> None:
        """Make the folders, readable by their owner only. Raises Invalid where that is denied."""
        parts = (self.datasets, self.jobs, self.models, self.uploads, self.incoming)
        for folder in (self.root, *parts):
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                raise Invalid(f"{folder}: {error.strerror}. {ADVICE}") from error
            if not os.access(folder, os.W_OK | os.X_OK, effective_ids=EFFECTIVE):
                raise Invalid(f"{folder} cannot be written to. {ADVICE}")


def _checked(kind: str, name: str) -> str:
    if not is_id(name):
        raise NotFound(
            f"There is no {kind} with this id: ids are 1 to 64 characters of a-z, 0-9, _ and -."
        )
    return name

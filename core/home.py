"""Where everything stands on disk: one home folder, shared by the API and all workers."""

from dataclasses import dataclass
from pathlib import Path

from core.errors import NotFound
from core.ids import is_id


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
    def uploads(self) -> Path:
        return self.root / "uploads"

    def dataset(self, dataset_id: str) -> Path:
        return self.datasets / _checked("data set", dataset_id)

    def job(self, job_id: str) -> Path:
        return self.jobs / _checked("job", job_id)

    def model(self, name: str) -> Path:
        return self.models / _checked("model", name)

    def upload(self, upload_id: str) -> Path:
        return self.uploads / _checked("upload", upload_id)

    def create(self) -> None:
        """Make the folders, readable by their owner only."""
        for folder in (self.root, self.datasets, self.jobs, self.models, self.uploads):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def _checked(kind: str, name: str) -> str:
    if not is_id(name):
        raise NotFound(
            f"There is no {kind} with this id: ids are 1 to 64 characters of a-z, 0-9, _ and -."
        )
    return name

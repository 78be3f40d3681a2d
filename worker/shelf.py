"""The files that one attempt at a training leaves in its job's folder, and takes away again."""

import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from core.attempts import fence_in
from core.checkpoints import FOLDER
from core.crashpoints import crash_point
from core.files import PARTIAL, remove_tree, write_atomic, write_json
from core.registry import CARD, describe, snapshot_folders
from core.samples import SAMPLES
from worker import checkpoint
from worker.checkpoint import Committed, State

SNAPSHOTS = 2  # checkpoints that `model=job:{id}` can use


class Shelf:
    """`owned` raises StaleFence once a newer attempt owns the job: then nothing is written."""

    def __init__(self, folder: Path, fence: int, owned: Callable[[], None]) -> None:
        self.folder, self.fence, self.owned = folder, fence, owned
        self.checkpoints = folder / FOLDER
        self.kept: tuple[Committed, State] | None = None  # the newest state that is on the disk

    def clear(self) -> None:
        """Remove what killed attempts left half done. Whole checkpoints stay."""
        self.owned()
        for pattern in ("publish-f*", "snapshots/.*-f*"):
            for found in self.folder.glob(pattern):
                if self._is_older(found):
                    remove_tree(found)
        for found in (self.folder / "snapshots").glob(f".*{PARTIAL}"):
            shutil.rmtree(found, ignore_errors=True)  # it was being removed
        for found in self.checkpoints.glob("*-f*"):
            whole = found.with_suffix(".json").exists()
            torn = found.suffix == PARTIAL or (found.suffix == ".safetensors" and not whole)
            if torn and self._is_older(found):
                found.unlink(missing_ok=True)

    def save(self, step: int, state: State) -> Committed:
        """Write a checkpoint, and a model of it that can generate while the training goes on.

        Asked again for the same state, because the disk was full, it only does what is missing.
        """
        self.owned()
        if self.kept is None or self.kept[1] is not state:
            committed = checkpoint.save(self.checkpoints, step, self.fence, state)
            self.kept = committed, state
            checkpoint.prune(self.checkpoints)
        self.snapshot(step, state)
        return self.kept[0]

    def snapshot(self, step: int, state: State) -> None:
        """Make the model of a checkpoint usable as `job:{id}`, and remove those before."""
        snapshot = self.folder / "snapshots" / f"{step:09d}"
        partial = snapshot.with_name(f".{snapshot.name}-f{self.fence}")
        identity = {
            "name": self.folder.name,
            "version": step,
            "created_at": datetime.now(UTC).isoformat(),
            "job": self.folder.name,
        }
        try:
            checkpoint.publish(partial, state)
            write_json(partial / CARD, describe(partial, identity))
        except OSError:
            remove_tree(partial)
            raise
        crash_point("snapshot.partial")
        remove_tree(snapshot)
        os.rename(partial, snapshot)
        crash_point("snapshot.renamed")
        for old in snapshot_folders(self.folder)[:-SNAPSHOTS]:
            remove_tree(old)

    def newest(self) -> State | None:
        """The state that becomes the model."""
        if self.kept is not None:
            return self.kept[1]
        found = checkpoint.load(self.checkpoints)
        return found and found[1]

    def publish(self, state: State) -> None:
        """Leave `publish-f{fence}` with the model for the supervisor."""
        self.owned()
        folder = self.folder / f"publish-f{self.fence}"
        try:
            checkpoint.publish(folder, state, select=True)
            grids = sorted((self.folder / SAMPLES).glob("*.png"))
            if grids:
                write_atomic(folder / "samples.png", grids[-1].read_bytes())
        except OSError:
            remove_tree(folder)
            raise
        crash_point("model.written")

    def _is_older(self, path: Path) -> bool:
        fence = fence_in(path.name)
        return fence is not None and fence < self.fence

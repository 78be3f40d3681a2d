"""The child process of an evaluation: `python -m worker.evaluate_run HOME JOB FENCE`.

Follows the steps of `worker.evaluation.evaluate` and leaves the result as a folder
`publish-f{fence}` for the supervisor, who puts it beside the model. It runs beside trainings and
stands back for them.
"""

import shutil
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import torch

from core.attempts import fence_in, require_newest
from core.crashpoints import arm, crash_point
from core.errors import DeadlineExceeded, DiskFull, NotFound, StaleFence
from core.evaluations import FOLDER, RESULT
from core.files import PARTIAL, remove_tree, write_atomic, write_json
from core.home import Home
from core.registry import ModelStore
from core.schemas import JobKind, Model
from core.settings import Settings
from worker.attend import Tell, attend
from worker.channel import DONE, RELEASED, STOP, Channel, enter
from worker.checkpoint import libraries
from worker.course import Course, Step, Steps
from worker.evaluation.data_space import DataSpace, data_space
from worker.evaluation.evaluate import Evaluation, Outcome
from worker.evaluation.feature_store import FeatureStore
from worker.evaluation.reals import Reals, open_reals
from worker.evaluation.spaces import Space, load_space
from worker.jobfile import read_job
from worker.painter import Painter
from worker.patience import disk_full

NICE = 10
NEEDS = {
    "model": str,
    "version": int,
    "digest": str,
    "dataset_id": str,
    "dataset_name": str,
    "dataset_sha256": object,
    "space": str,
    "n": int,
    "deadline_minutes": (int, float),
}
OPENING = "opening the space"
TOLD_SECONDS = 0.5  # between two reports of progress


class Attempt:
    """One attempt at an evaluation: where its files are and whom it reports to."""

    def __init__(
        self, home: Home, job: dict[str, Any], fence: int, channel: Channel, settings: Settings
    ) -> None:
        self.home, self.fence, self.channel = home, fence, channel
        self.weights = settings.weights or home.root / "weights"
        self.precision = settings.generate_precision
        self.id, self.input, self.seed = job["id"], job["input"], job["seed"]
        self.folder = home.job(self.id)
        self.scratch = self.folder / f".scratch-f{fence}{PARTIAL}"
        self.result = self.folder / f"publish-f{fence}"
        self.owned = partial(require_newest, home, self.id, fence)
        self.began = time.monotonic()

    def run(self) -> int:
        """Evaluate, unless an earlier attempt has done so; answers the exit code."""
        self.owned()
        self.clear()
        model, folder = self.model()
        if not (folder / FOLDER / self.id / RESULT).exists():
            try:
                asked = self.follow(self.begin(model, folder))
            finally:
                shutil.rmtree(self.scratch, ignore_errors=True)
            if asked == STOP:
                return RELEASED
            if asked is not None:
                self.channel.send("result", {"cancelled": True})
                return DONE
            crash_point("evaluation.measured")
        self.channel.send("result", {"cancelled": False})
        crash_point("result.sent")
        return DONE

    def clear(self) -> None:
        """Remove what killed attempts left."""
        for found in (*self.folder.glob("publish-f*"), *self.folder.glob(f".scratch-f*{PARTIAL}")):
            fence = fence_in(found.name)
            if fence is not None and fence <= self.fence:
                shutil.rmtree(found, ignore_errors=True)

    def model(self) -> tuple[Model, Path]:
        """The version that the request was accepted for. Raises NotFound."""
        store = ModelStore(self.home)
        model = store.get(self.input["model"], self.input["version"])
        if model.digest != self.input["digest"]:
            raise NotFound(
                f"{model.name}@{model.version} holds other weights than when it was asked for; "
                "ask again."
            )
        return model, store.folder(model)

    def begin(self, model: Model, folder: Path) -> Steps[Outcome]:
        """Open everything; from here on words are answered."""
        reals = open_reals(
            self.home.dataset(self.input["dataset_id"]),
            model.resolution,
            self.input.get("dataset_sha256"),
        )
        paint = Painter(self.home, folder, model.digest, self.precision)
        self.scratch.mkdir(mode=0o700)
        self.channel.ready()
        return self.steps(reals, paint)

    def steps(self, reals: Reals, paint: Painter) -> Steps[Outcome]:
        """Open or learn the space, then compare in it."""

        def open_space(tell: Tell) -> Space:
            if self.input["space"] != DataSpace.name:
                return load_space(self.input["space"], self.weights)
            return data_space(reals.images, reals.sha256, self.home.features, tell)

        space = yield from Course({OPENING: 0.0}).part(OPENING, attend(open_space))
        evaluation = Evaluation(
            reals=reals,
            paint=paint,
            space=space,
            n=self.input["n"],
            seed=self.seed,
            store=FeatureStore(self.home.features),
            scratch=self.scratch,
            weights=self.weights,
        )
        return (yield from evaluation.steps())

    def follow(self, steps: Steps[Outcome]) -> str | None:
        """Report the steps until the end and store the result; answers what ended it early."""
        deadline = self.began + 60 * self.input["deadline_minutes"]
        phase, told = "", 0.0
        while True:
            try:
                step = next(steps)
            except StopIteration as end:
                self.store(end.value)
                return None
            now = time.monotonic()
            if step.phase != phase:
                phase, told = step.phase, 0.0
                self.channel.send("phase", {"phase": phase}, field="phase", value=phase)
            if now - told >= TOLD_SECONDS:
                told = now
                self.owned()
                self.progress(step, now - self.began)
            for word in ("cancel", STOP):
                if self.channel.asked(word):
                    steps.close()
                    return word
            if now > deadline:
                steps.close()
                raise self.too_late(phase)

    def progress(self, step: Step, seconds: float) -> None:
        left = seconds * (1 - step.value) / step.value if step.value > 0 else None
        shown = {"value": round(step.value, 4), "eta_seconds": left and round(left, 1)}
        self.channel.send("progress", shown, field="progress", value=shown)

    def too_late(self, phase: str) -> DeadlineExceeded:
        minutes = self.input["deadline_minutes"]
        return DeadlineExceeded(
            f"The evaluation was not done after {minutes:g} minutes; it was at: {phase}. Ask again "
            "with fewer images (n) or a later deadline (deadline_minutes)."
        )

    def store(self, outcome: Outcome) -> None:
        """Leave the result as a folder, whole when RESULT is in it."""
        self.owned()
        remove_tree(self.result)
        self.result.mkdir(mode=0o700)
        for name, content in outcome.pictures.items():
            write_atomic(self.result / f"{name}.png", content)
        write_json(self.result / RESULT, self.record(outcome))

    def record(self, outcome: Outcome) -> dict[str, Any]:
        model, _ = self.model()
        own = self.input["dataset_sha256"] == model.dataset.get("sha256")
        return {
            "job": self.id,
            "created_at": datetime.now(UTC).isoformat(),
            "seconds": round(time.monotonic() - self.began, 2),
            "model": {"name": model.name, "version": model.version, "digest": model.digest},
            "dataset": {
                "id": self.input["dataset_id"],
                "name": self.input["dataset_name"],
                "sha256": self.input["dataset_sha256"],
                "same_as_training": own,
            },
            "seed": self.seed,
            "metrics": outcome.metrics,
            "classes": outcome.classes,
            "nearest": outcome.nearest,
            "pictures": list(outcome.pictures),
            "libraries": libraries(),
        }


def attempted(attempt: Attempt) -> int:
    """One attempt; a full disk becomes an error with advice."""
    try:
        return attempt.run()
    except StaleFence:
        return RELEASED
    except OSError as error:
        if disk_full(error):
            raise DiskFull(
                "There is no room left in the home folder; remove what is old."
            ) from None
        raise


def main() -> None:
    torch.set_num_threads(1)  # parts of the work run side by side instead
    settings = Settings()

    def work(home: Home, job_id: str, fence: int, channel: Channel) -> int:
        arm(settings.crash_at, home.root)
        job = read_job(home, job_id, JobKind.EVALUATE, NEEDS)
        return attempted(Attempt(home, job, fence, channel, settings))

    enter(work, NICE)


if __name__ == "__main__":
    main()

"""After the faults: was every promise kept? Each check names what broke it."""

import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import psutil

from app.events import BEGIN, page
from bench.chaos.follow import Follower, ids, place
from core.datasets import DatasetStore
from core.evaluations import evaluations_of
from core.files import PARTIAL
from core.janitor import Janitor
from core.registry import ModelStore
from core.schemas import Job, JobEvent, JobState
from tests.faults.plant import Plant

NEXT: dict[str, set[str]] = {
    "queued": {"running", "cancelled", "cancelling", "paused"},
    "running": {"succeeded", "failed", "cancelled", "cancelling", "pausing", "recovering"},
    "recovering": {"running", "cancelled", "cancelling", "paused"},
    "pausing": {
        "paused",
        "cancelling",
        "running",
        "recovering",
        "succeeded",
        "failed",
        "cancelled",
    },
    "paused": {"queued", "cancelling", "cancelled"},
    "cancelling": {"cancelled", "succeeded", "failed"},
}
ALL = 100_000  # events; a stream holds fewer
DATASET, EVALUATION = "data set", "evaluation"
ENDS = ("succeeded", "failed", "cancelled")


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """A job whose POST was answered 202, and what it has to become."""

    id: str
    recipe: str  # of its undisturbed twin, DATASET or EVALUATION
    expected: JobState
    follower: Follower


@dataclass(frozen=True, kw_only=True)
class Check:
    promise: str
    of: int
    broken: list[str]


class Oracle:
    """Looks at records, files and processes of a service that has come to rest."""

    def __init__(self, plant: Plant, accepted: list[Accepted], digests: dict[str, str]) -> None:
        self.plant = plant
        self.accepted = accepted
        self.digests = digests
        ids = [job.id for job in accepted]
        self.jobs = {job.id: job for job in plant.jobs.get_many(ids)}
        self.models = ModelStore(plant.settings.folders).all()

    def checks(self) -> Iterator[Check]:
        total = len(self.accepted)
        yield Check(promise="every accepted job is known and has ended", of=total, broken=[
            a.id for a in self.accepted if not self._ended(a.id)
        ])  # fmt: skip
        yield Check(promise="each ended as it should, once", of=total, broken=list(self._ends()))
        yield Check(promise="only legal transitions", of=total, broken=list(self._illegal()))
        trained = [a for a in self.accepted if a.recipe in self.digests]
        yield Check(promise="one model of each trained job, none of others", of=len(trained),
                    broken=list(self._doubled(trained)))  # fmt: skip
        succeeded = [a for a in trained if a.expected is JobState.SUCCEEDED]
        yield Check(promise="weights equal to those of the undisturbed run", of=len(succeeded),
                    broken=list(self._different(succeeded)))  # fmt: skip
        sets = [a for a in self.accepted if a.recipe == DATASET]
        yield Check(promise="prepared data sets are there, once", of=len(sets),
                    broken=list(self._datasets()))  # fmt: skip
        evaluated = [a for a in self.accepted if a.recipe == EVALUATION]
        yield Check(promise="results of evaluations are there, once, with equal figures",
                    of=len(evaluated), broken=list(self._evaluations(evaluated)))  # fmt: skip
        yield Check(promise="followers saw every event once, and one end", of=total,
                    broken=list(self._misled()))  # fmt: skip
        streams = self._streams()
        missed = [f"{a.id}: {text}" for a, held in streams for text in a.follower.missed(held)]
        yield Check(promise="and all that its stream holds", of=len(streams), broken=missed)
        yield Check(promise="no file is left over", of=1, broken=list(self._leftovers()))

    def processes(self, family: list[psutil.Process]) -> Check:
        """To be asked when the service has stopped."""
        left = [str(process) for process in family if _alive(process)]
        return Check(promise="no process is left over", of=len(family), broken=left)

    def _ended(self, job_id: str) -> bool:
        return job_id in self.jobs and self.jobs[job_id].state.terminal

    def _ends(self) -> Iterator[str]:
        for one in self.accepted:
            job = self.jobs.get(one.id)
            if job is None:
                continue
            ends = [entry.state for entry in job.history if entry.state in ENDS]
            if job.state is not one.expected or len(ends) != 1:
                yield f"{one.id}: {job.state} {ends} {(job.error or {}).get('code', '')}"

    def _illegal(self) -> Iterator[str]:
        for job in self.jobs.values():
            states = [str(entry.state) for entry in job.history]
            for before, after in pairwise(states):
                if after not in NEXT.get(before, set()):
                    yield f"{job.id}: {before} -> {after}"

    def _doubled(self, trained: list[Accepted]) -> Iterator[str]:
        counts = Counter(model.job for model in self.models)
        for one in trained:
            wanted = {1} if one.expected is JobState.SUCCEEDED else {0, 1}
            if counts[one.id] not in wanted:
                yield f"{one.id}: {counts[one.id]} models"

    def _different(self, succeeded: list[Accepted]) -> Iterator[str]:
        digests = {model.job: model.digest for model in self.models}
        for one in succeeded:
            if digests.get(one.id) != self.digests[one.recipe]:
                yield f"{one.id}: {str(digests.get(one.id))[:12]} is not that of {one.recipe}"

    def _datasets(self) -> Iterator[str]:
        wanted = [job for job in self.jobs.values() if job.kind == "ingest" and _good(job)]
        known = Counter(dataset.id for dataset in DatasetStore(self.plant.settings.folders).all())
        for job in wanted:
            if known[job.input["dataset"]] != 1:
                yield f"{job.id}: data set {job.input['dataset']}"

    def _evaluations(self, evaluated: list[Accepted]) -> Iterator[str]:
        store = ModelStore(self.plant.settings.folders)
        results = [r for model in self.models for r in evaluations_of(store.folder(model))]
        counts = Counter(result["job"] for result in results)
        figures = {json.dumps(result["metrics"], sort_keys=True) for result in results}
        for one in evaluated:
            if counts[one.id] != 1:
                yield f"{one.id}: {counts[one.id]} results"
        if len(figures) > 1:  # all are of the same model
            yield f"{len(figures)} different results of the same evaluation"

    def _streams(self) -> list[tuple[Accepted, list[JobEvent]]]:
        """Jobs and their events on the server, where these are those that the follower read: a
        job that had ended gets others when the server has been emptied."""
        jobs, found = self.plant.jobs, []
        for one in self.accepted:
            events = page(jobs.client, jobs.keys.events(one.id), BEGIN, ALL)
            seen = ids(one.follower.events)
            if events and seen and place(events[0].id) <= place(seen[-1]):
                found.append((one, events))
        return found

    def _misled(self) -> Iterator[str]:
        for one in self.accepted:
            for mistake in one.follower.mistakes():
                yield f"{one.id}: {mistake}"
            job, seen = self.jobs.get(one.id), one.follower.states()
            told = [str(entry.state) for entry in job.history] if job else []
            both = min(len(seen), len(told))  # a rebuilt record begins anew
            if not both or seen[-both:] != told[-both:]:
                yield f"{one.id}: saw {seen}, history {told}"

    def _leftovers(self) -> Iterator[str]:
        jobs = self.plant.jobs
        jobs.ledger.archive_all()
        jobs.client.delete(jobs.keys.lock("tidy"))
        Janitor(jobs, 30).tidy()
        home: Path = self.plant.settings.home
        for folder, folders, files in os.walk(home):
            for name in (*folders, *files):
                if PARTIAL in name or name.startswith("publish-f"):
                    yield os.path.join(folder, name)
        yield from (str(path) for path in (home / "uploads").iterdir())


def _good(job: Job) -> bool:
    return job.state is JobState.SUCCEEDED


def _alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False

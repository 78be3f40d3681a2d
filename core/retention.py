"""Which versions of a model are kept when GANVAS_KEEP_VERSIONS says that not all are.

The newest so many stay, those with an alias, and those that an unfinished job has made, begins with
or works on. The others are removed after each publication, and once a minute.
"""

import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from core.aliases import LATEST
from core.errors import InUse, NotFound, Unavailable
from core.jobs import JobStore
from core.registry import ModelStore
from core.schemas import Job, Model

CHUNK = 500
EXACT = re.compile(r"([a-z0-9][a-z0-9_-]{0,63})@([0-9]{1,9})")
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Used:
    """What unfinished jobs need: versions by model and number, and whatever they made."""

    versions: frozenset[tuple[str, int]] = frozenset()
    jobs: frozenset[str] = frozenset()

    def needs(self, model: Model) -> bool:
        return (model.name, model.version) in self.versions or model.job in self.jobs


class Retention:
    """`keep`: how many of the newest versions of each model stay; 0: all."""

    def __init__(self, jobs: JobStore, keep: int) -> None:
        self.jobs = jobs
        self.keep = keep
        self.models = ModelStore(jobs.home)

    def after_publication(self, name: str) -> None:
        """Of one model. What fails now is done by the next round."""
        try:
            if self.keep and surplus(self.models.versions(name), self.keep, Used()):
                self.apply(self._jobs(), [name])
        except (OSError, ValueError, Unavailable) as error:
            log.warning("old versions of %s stay for now: %s", name, error)

    def apply(self, jobs: Iterable[Job], names: Iterable[str] | None = None) -> None:
        """Remove what is not kept; `jobs`: all of them."""
        if not self.keep:
            return
        used = in_use(jobs)
        every = {model.name for model in self.models.all()} if names is None else names
        for name in sorted(every):
            for model in surplus(self.models.versions(name), self.keep, used):
                self._remove(model)

    def _remove(self, model: Model) -> None:
        log.info("removing %s@%d: the newest %d are kept", model.name, model.version, self.keep)
        try:
            self.models.remove(model.name, model.version)
        except (InUse, NotFound) as error:  # it got an alias, or somebody else removed it
            log.info("%s@%d is left alone: %s", model.name, model.version, error)

    def _jobs(self) -> Iterator[Job]:
        after = None
        while ids := self.jobs.ids(after, CHUNK):
            yield from self.jobs.get_many(ids)
            after = ids[-1]


def surplus(versions: Sequence[Model], keep: int, used: Used) -> list[Model]:
    """Of the versions of one model, newest first, those that may go."""
    if not keep:
        return []
    return [
        model
        for model in versions[keep:]
        if not set(model.aliased_as) - {LATEST} and not used.needs(model)
    ]


def in_use(jobs: Iterable[Job]) -> Used:
    """What is not to be taken away from the unfinished ones of these jobs."""
    unfinished = [job for job in jobs if not job.state.terminal]
    return Used(
        versions=frozenset(version for job in unfinished for version in named_in(job.input)),
        jobs=frozenset(job.id for job in unfinished),
    )


def named_in(input: dict[str, Any]) -> Iterator[tuple[str, int]]:
    """Versions in the input of a job: `name@3`, `model` and `version`, or a record of both."""
    for record in (input, *(value for value in input.values() if isinstance(value, dict))):
        name, version = record.get("name", record.get("model")), record.get("version")
        if isinstance(name, str) and isinstance(version, int):
            yield name.partition("@")[0], version
    for value in input.values():
        found = EXACT.fullmatch(value) if isinstance(value, str) else None
        if found:
            yield found[1], int(found[2])

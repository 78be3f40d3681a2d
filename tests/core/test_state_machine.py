"""The scripts against the state machine on paper, step by step, in orders nobody thought of."""

import os
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import invariant, run_state_machine_as_test

from tests.core.life import Life
from tests.core.paper import BUSY, ENDS, LEGAL, WAITING


class Checked(Life):
    """After every step all of Redis is compared with the paper."""

    @invariant()
    def agrees_with_the_paper(self) -> None:
        for job, events in self.records():
            paper = self.papers[job.id]
            history = [entry.state.value for entry in job.history]
            assert (job.state, job.attempt, job.priority) == (
                paper.state,
                paper.attempt,
                paper.priority,
            )
            assert history == paper.history and events == paper.events
            assert all(after in LEGAL[before] for before, after in pairwise(history))
            assert events.count("done") == paper.ended
            assert job.version >= self.versions.get(job.id, 0)
            self.versions[job.id] = job.version
            if job.state.terminal:
                assert self.ends.setdefault(job.id, job.state.value) == job.state.value

    @invariant()
    def waits_or_is_owned(self) -> None:
        keys, papers = self.store.keys, self.papers.values()
        for queue in ("train", "prepare"):
            assert self.client.zrange(keys.queue(queue), 0, -1) == self.waiting(queue)
        leases = set(self.members(keys.leases))
        assert leases == {paper.id for paper in papers if paper.leased}
        assert all(self.papers[job].state in BUSY for job in leases)
        assert all(paper.place for paper in papers if paper.state in WAITING)
        unsaved: Any = self.client.smembers(keys.unsaved)
        assert unsaved == {p.id for p in papers if p.state in ENDS and not p.saved}

    @invariant()
    def fences_grow_and_refusals_are_counted(self) -> None:
        for job in self.papers:
            fences = [claim.fence for claim in self.claims if claim.id == job]
            assert all(before < after for before, after in pairwise(fences))
        expected = sum((paper.counts for paper in self.papers.values()), Counter[str]())
        counts = self.store.counts()
        counts.pop("restored", None)
        assert counts == expected


def test_scripts_do_what_the_documentation_says(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)  # not what is tested here, and slow

    class Here(Checked):
        def __init__(self) -> None:
            super().__init__(redis_url, tmp_path)

    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=60,
            stateful_step_count=40,
            deadline=None,
            derandomize=True,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )

"""What can happen to jobs, each done to the real store and to the paper, answers compared."""

import shutil
import uuid
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
)

from core.connection import connect
from core.errors import IdempotencyMismatch, StaleFence
from core.home import Home
from core.jobs import JobStore
from core.records import Claim, Note, Word, read_record
from core.schemas import Job, JobKind, JobState
from tests.core.paper import Paper
from tests.core.steps import lose, remember

ENDINGS = [JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED]
PICK = st.integers(0, 11)
NUMBER = st.none() | st.integers(0, 5)  # of the first note
MOST_JOBS = 5
WORDS: list[Word] = ["cancel", "pause", "resume", "checkpoint", "sample"]


class Life(RuleBasedStateMachine):
    """Clients, workers whose old claims come back as zombies, and a Redis that forgets."""

    def __init__(self, url: str, folder: Path) -> None:
        super().__init__()
        self.client = connect(url)
        self.home = Home(folder / uuid.uuid4().hex)
        self.home.create()
        self.store = JobStore(self.client, f"m{uuid.uuid4().hex[:8]}", self.home, lease=3600)
        self.papers: dict[str, Paper] = {}
        self.claims: list[Claim] = []  # all that were ever given out
        self.created: dict[str, float] = {}  # as the record says
        self.ends: dict[str, str] = {}
        self.versions: dict[str, int] = {}

    def teardown(self) -> None:
        lose(self.store)
        self.client.close()
        shutil.rmtree(self.home.root)

    @initialize(priority=st.sampled_from([0, 1]))
    def begin(self, priority: int) -> None:
        self.create(JobKind.TRAIN, 0)
        self.create(JobKind.TRAIN, priority)
        self.claim("train")

    @precondition(lambda self: len(self.papers) < MOST_JOBS)
    @rule(kind=st.sampled_from(JobKind), priority=st.sampled_from([0, -1, 2]))
    def create(self, kind: JobKind, priority: int) -> None:
        key = f"key-{len(self.papers)}"
        job, fresh = self.store.create(kind, {}, priority=priority, idempotency=(key, "digest"))
        assert fresh
        self.papers[job.id] = Paper(id=job.id, home=kind.queue, wanted_priority=priority)
        self.created[job.id] = job.created_at.timestamp()

    @rule(pick=PICK, same=st.booleans())
    def create_again(self, pick: int, same: bool) -> None:
        number = pick % len(self.papers)
        key = f"key-{number}"
        if same:
            job, fresh = self.store.create(JobKind.TRAIN, {}, idempotency=(key, "digest"))
            assert (job.id, fresh) == (list(self.papers)[number], False)
        else:
            with pytest.raises(IdempotencyMismatch):
                self.store.create(JobKind.TRAIN, {}, idempotency=(key, "other"))

    @rule(queue=st.sampled_from(["train", "train", "prepare"]))
    def claim(self, queue: str) -> None:
        waiting = self.waiting(queue)
        claim = self.store.claim_next(queue, "worker")
        if claim is None:
            assert waiting == []
            return
        paper = self.papers[claim.id]
        paper.claim(claim.fence)
        found = (claim.id, claim.attempt, claim.shrink)
        assert found == (waiting[0], paper.attempt, paper.shrink)
        remember(self.store, claim)
        self.claims.append(claim)

    @rule(pick=PICK, kinds=st.lists(st.sampled_from(["progress", "sample"])), first=NUMBER)
    def beat(self, pick: int, kinds: list[str], first: int | None) -> None:
        self._beat(
            self.held(pick), [Note(type=kind, data={"step": 1}) for kind in kinds[:4]], first
        )

    @rule(pick=PICK, step=st.integers(0, 4), first=NUMBER)
    def commit(self, pick: int, step: int, first: int | None) -> None:
        claim = self.held(pick)
        paper = self.papers[claim.id]
        if paper.home == "train" and paper.leased:  # others do not write checkpoints
            folder = self.home.job(claim.id) / "snapshots" / f"{step:09d}"
            folder.mkdir(parents=True, exist_ok=True)
            paper.snapshot = True
            note = Note(type="checkpoint", data={"step": step})
            self._beat(Claim(id=paper.id, fence=paper.fence, attempt=1), [note], first)

    @rule(pick=PICK)
    def everybody_beats(self, pick: int) -> None:
        paper = self.job(pick)
        claims = [claim for claim in self.claims if claim.id == paper.id]
        accepted = [claim for claim in claims if self.store.beat(claim).signal != "lost"]
        assert accepted == [claim for claim in claims if paper.beat(claim.fence) != "lost"]
        assert len(accepted) <= 1

    @rule(pick=PICK, state=st.sampled_from(ENDINGS), times=st.integers(1, 2))
    def finish(self, pick: int, state: JobState, times: int) -> None:
        claim = self.held(pick)
        for _ in range(times):
            if self.papers[claim.id].finish(claim.fence, state.value):
                self.store.finish(claim, state, reason="said")
            else:
                with pytest.raises(StaleFence):
                    self.store.finish(claim, state, reason="said")

    @rule(pick=PICK, how=st.sampled_from(["planned", "crash", "shrink"]), times=st.integers(1, 2))
    def release(self, pick: int, how: str, times: int) -> None:
        claim = self.held(pick)
        paper = self.papers[claim.id]
        for _ in range(times):
            owned = paper.owns(claim.fence)
            if owned:
                paper.give_up(how)
            crashed, shrink = how == "crash", how == "shrink"
            answer = self.store.release(claim, "back", crashed=crashed, shrink=shrink)
            assert answer == (paper.state if owned else "lost")

    @rule(pick=PICK, word=st.sampled_from(WORDS))
    def ask(self, pick: int, word: Word) -> None:
        paper = self.job(pick)
        assert self.store.ask(paper.id, word) == paper.ask(word)

    @rule(pick=PICK, priority=st.integers(-2, 2))
    def prioritise(self, pick: int, priority: int) -> None:
        paper = self.job(pick)
        assert self.store.prioritise(paper.id, priority) is not paper.ended
        if not paper.ended:
            paper.priority = priority
            paper.events.append("priority")

    @rule(
        pick=PICK, what=st.sampled_from(["silence", "silence", "reap", "reap", "archive", "loss"])
    )
    def mishap(self, pick: int, what: str) -> None:
        if what == "silence":
            paper = self.job(pick)
            paper.late = paper.leased
            self.client.zadd(self.store.keys.leases, {paper.id: 1}, xx=True)
        else:
            {"reap": self._reap, "archive": self._archive, "loss": self._lose}[what]()

    def _reap(self) -> None:
        late = [paper for paper in self.papers.values() if paper.late]
        for paper in late:
            paper.give_up("crash")
            paper.counts["leases_expired"] += 1
        assert self.store.reap() == len(late)

    def _archive(self) -> None:
        self.store.ledger.archive_all()
        for paper in self.papers.values():
            paper.saved = paper.ended

    def _lose(self) -> None:
        lose(self.store)
        for paper in self.papers.values():
            if not paper.saved:
                self.ends.pop(paper.id, None)  # if it had ended, nobody but Redis knew
            paper.lose()
        self.store.ledger.complete()
        self.created = {job.id: job.created_at.timestamp() for job, _ in self.records()}

    def _beat(self, claim: Claim, notes: list[Note], first: int | None) -> None:
        paper = self.papers[claim.id]
        answer = self.store.beat(claim, notes, first=first)
        assert answer.signal == paper.beat(claim.fence)
        if answer.signal != "lost":
            for place, note in enumerate(notes):
                number = None if first is None else first + place
                paper.note(number, note.type, note.data["step"])
            assert answer.asked == paper.asked

    def job(self, pick: int) -> Paper:
        return list(self.papers.values())[pick % len(self.papers)]

    def held(self, pick: int) -> Claim:
        """An old claim or the newest, as likely."""
        newest = {claim.id: claim for claim in self.claims}
        choice = [*newest.values(), *self.claims[-len(newest) :]]
        return choice[pick % len(choice)]

    def waiting(self, queue: str) -> list[str]:
        here = [paper for paper in self.papers.values() if paper.place == queue]
        return [paper.id for paper in sorted(here, key=lambda p: p.rank(self.created[p.id]))]

    def members(self, key: str) -> list[str]:
        found: Any = self.client.zrange(key, 0, -1)
        return found

    def records(self) -> list[tuple[Job, list[str]]]:
        """Every job with the types of its events."""
        pipe = self.client.pipeline(transaction=False)
        for job in self.papers:
            pipe.hgetall(self.store.keys.job(job))
            pipe.xrange(self.store.keys.events(job))
        answers = pipe.execute()
        pairs = zip(answers[::2], answers[1::2], strict=True)
        return [(read_record(job), [fields["type"] for _, fields in log]) for job, log in pairs]

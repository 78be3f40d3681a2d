"""The rules of batching, with a `send` that only notes what it is given."""

import asyncio
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest
from starlette.requests import ClientDisconnect

from app import batcher as module
from app import returning
from app.batcher import Batcher
from app.lanes import Made, Target
from app.workforce import Workforce
from core.errors import Invalid, NoWorker, Overloaded, Unavailable
from core.generation import Batch, Picture
from core.presence import WorkerInfo
from core.queue import GENERATE

T = TypeVar("T")
CATS = Target(folder="models/cats/1", model="cats", version=1, digest="c")
DOGS = Target(folder="models/dogs/1", model="dogs", version=1, digest="d")


class Bench:
    """A batcher, its imaginary workers, and the requests that were made of it."""

    def __init__(self, workers: int = 1, deadline: float = 20.0) -> None:
        self.workers = workers
        self.sent: list[Batch] = []
        self.broken: Exception | None = None
        workforce = Workforce(self._alive)
        workforce.names = frozenset(str(number) for number in range(workers))
        self.batcher = Batcher(self._send, "reply", workforce, deadline)

    def ask(
        self, seed: int, target: Target = CATS, n: int = 1, gone: Any = None
    ) -> asyncio.Task[tuple[Made, bool]]:
        picture = Picture(seeds=tuple(range(seed, seed + n)))
        gone = gone or asyncio.get_running_loop().create_future()
        etag = f"{target.digest}:{picture.model_dump_json()}"
        return asyncio.create_task(self.batcher.make(target, picture, etag, gone))

    def reply(self, batch: Batch) -> None:
        images = [str(picture.seeds[0]).encode() for picture in batch.pictures]
        self.batcher.answered({"id": batch.id, "ok": True, "timing": {"infer_ms": 5}}, images)

    async def settle(self) -> None:
        """Let everything run that can run."""
        for _ in range(20):
            await asyncio.sleep(0)

    async def _send(self, batch: Batch, again: bool) -> None:
        if self.broken is not None:
            raise self.broken
        self.sent.append(batch)

    def _alive(self) -> list[WorkerInfo]:
        fields: dict[str, Any] = {"pid": 1, "host": "h", "started_at": "2026-01-01T00:00:00Z"}
        numbers = range(self.workers)
        return [WorkerInfo(id=f"w{n}", queues=[GENERATE], **fields) for n in numbers]


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    async def limited() -> T:
        async with asyncio.timeout(15):
            return await coroutine

    return asyncio.run(limited())


def seeds(batch: Batch) -> list[int | str]:
    return [seed for picture in batch.pictures for seed in picture.seeds]


def test_first_request_leaves_at_once_and_the_rest_together() -> None:
    async def scenario() -> None:
        bench = Bench()
        asked = [bench.ask(seed) for seed in range(6)]
        await bench.settle()
        assert [seeds(batch) for batch in bench.sent] == [[0]]
        bench.reply(bench.sent[0])
        await bench.settle()
        assert [seeds(batch) for batch in bench.sent] == [[0], [1, 2, 3, 4, 5]]
        bench.reply(bench.sent[1])
        made = [await task for task in asked]
        assert [one.image for one, _ in made] == [b"0", b"1", b"2", b"3", b"4", b"5"]
        assert [one.batch for one, _ in made] == [1, 5, 5, 5, 5, 5]

    run(scenario())


def test_as_many_batches_fly_as_workers_live() -> None:
    async def scenario() -> None:
        bench = Bench(workers=3)
        asked = [bench.ask(seed) for seed in range(5)]
        await bench.settle()
        assert len(bench.sent) == 3
        for batch in list(bench.sent):
            bench.reply(batch)
        await bench.settle()
        bench.reply(bench.sent[3])
        await asyncio.gather(*asked)
        assert seeds(bench.sent[3]) == [3, 4]

    run(scenario())


def test_batch_is_bounded_and_a_large_grid_goes_alone() -> None:
    async def scenario() -> None:
        bench = Bench()
        asked = [bench.ask(0), *(bench.ask(seed) for seed in range(100, 120))]
        asked.append(bench.ask(1000, n=30))
        for step in range(4):
            await bench.settle()
            bench.reply(bench.sent[step])
        await asyncio.gather(*asked)
        assert [len(seeds(batch)) for batch in bench.sent] == [1, 16, 4, 30]

    run(scenario())


def test_full_batch_is_sent_one_ahead_of_the_workers() -> None:
    async def scenario() -> None:
        bench = Bench(workers=2)
        asked = [bench.ask(seed) for seed in range(40)]
        await bench.settle()
        assert [len(seeds(batch)) for batch in bench.sent] == [1, 1, 16]
        bench.reply(bench.sent[2])  # two fly again, and a full batch waits
        await bench.settle()
        assert [len(seeds(batch)) for batch in bench.sent] == [1, 1, 16, 16]
        bench.reply(bench.sent[3])
        await bench.settle()
        assert len(bench.sent) == 4  # six wait: no full batch
        bench.reply(bench.sent[0])
        await bench.settle()
        assert len(seeds(bench.sent[4])) == 6
        for number in (1, 4):
            bench.reply(bench.sent[number])
        await asyncio.gather(*asked)

    run(scenario())


@pytest.mark.parametrize(("share", "sizes"), [(1e9, [1, 5, 5]), (0.0, [1, 5, 1, 4])])
def test_clients_that_were_answered_together_are_waited_for(
    monkeypatch: pytest.MonkeyPatch, share: float, sizes: list[int]
) -> None:
    monkeypatch.setattr(returning, "SHARE", share)
    monkeypatch.setattr(returning, "LONGEST", 60.0)

    async def scenario() -> None:
        bench = Bench()
        asked = [bench.ask(seed) for seed in range(6)]
        await bench.settle()
        bench.reply(bench.sent[0])
        await bench.settle()
        bench.reply(bench.sent[1])
        for seed in range(10, 15):  # they come back, one after another
            await bench.settle()
            asked.append(bench.ask(seed))
        await bench.settle()
        for batch in bench.sent[2:]:
            bench.reply(batch)
            await bench.settle()
        for batch in bench.sent[3:]:
            bench.reply(batch)
        await asyncio.gather(*asked)
        assert [len(seeds(batch)) for batch in bench.sent] == sizes

    run(scenario())


def test_wait_for_clients_ends_when_they_do_not_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(returning, "SHARE", 1e9)
    monkeypatch.setattr(returning, "LONGEST", 0.01)

    async def scenario() -> None:
        bench = Bench()
        asked = [bench.ask(seed) for seed in range(4)]
        await bench.settle()
        bench.reply(bench.sent[0])
        await bench.settle()
        bench.reply(bench.sent[1])
        asked.append(bench.ask(9))
        while len(bench.sent) < 3:
            await asyncio.sleep(0)
        bench.reply(bench.sent[2])
        await asyncio.gather(*asked)
        assert seeds(bench.sent[2]) == [9]

    run(scenario())


def test_models_take_turns() -> None:
    async def scenario() -> None:
        bench = Bench()
        asked = [bench.ask(0), bench.ask(1), bench.ask(500, DOGS)]
        asked += [bench.ask(seed) for seed in range(2, 20)]
        for step in range(4):
            await bench.settle()
            bench.reply(bench.sent[step])
        await asyncio.gather(*asked)
        assert [batch.model for batch in bench.sent] == ["cats", "cats", "dogs", "cats"]

    run(scenario())


def test_identical_requests_share_one_ticket() -> None:
    async def scenario() -> None:
        bench = Bench()
        asked = [bench.ask(1), bench.ask(1), bench.ask(1, DOGS)]
        await bench.settle()
        bench.reply(bench.sent[0])
        await bench.settle()
        bench.reply(bench.sent[1])
        shared = [coalesced for _, coalesced in await asyncio.gather(*asked)]
        assert shared == [False, True, False]
        assert [batch.model for batch in bench.sent] == ["cats", "dogs"]

    run(scenario())


def test_request_after_the_answer_is_made_anew() -> None:
    async def scenario() -> None:
        bench = Bench()
        for step in range(2):
            asked = bench.ask(1)
            await bench.settle()
            bench.reply(bench.sent[step])
            assert not (await asked)[1]

    run(scenario())


def test_gone_client_is_dropped_before_sending() -> None:
    async def scenario() -> None:
        bench = Bench()
        gone = asyncio.get_running_loop().create_future()
        first, left, stays = bench.ask(0), bench.ask(1, gone=gone), bench.ask(2)
        await bench.settle()
        gone.set_result(None)
        with pytest.raises(ClientDisconnect):
            await left
        bench.reply(bench.sent[0])
        await bench.settle()
        bench.reply(bench.sent[1])
        await asyncio.gather(first, stays)
        assert seeds(bench.sent[1]) == [2]

    run(scenario())


def test_one_of_two_identical_clients_may_go() -> None:
    async def scenario() -> None:
        bench = Bench()
        gone = asyncio.get_running_loop().create_future()
        first, left, stays = bench.ask(0), bench.ask(1, gone=gone), bench.ask(1)
        await bench.settle()
        gone.set_result(None)
        await asyncio.wait([left])
        bench.reply(bench.sent[0])
        await bench.settle()
        bench.reply(bench.sent[1])
        await first
        assert (await stays)[0].image == b"1"
        assert isinstance(left.exception(), ClientDisconnect)

    run(scenario())


def test_passed_deadline_is_dropped_before_sending() -> None:
    async def scenario() -> None:
        bench = Bench(deadline=0.05)
        asked = [bench.ask(0), bench.ask(1)]
        results = await asyncio.gather(*asked, return_exceptions=True)
        assert [type(result) for result in results] == [Overloaded, Overloaded]
        bench.reply(bench.sent[0])
        await bench.settle()
        assert len(bench.sent) == 1

    run(scenario())


def test_too_long_a_queue_is_refused_quickly() -> None:
    async def scenario() -> None:
        bench = Bench(deadline=5)
        asked = [bench.ask(seed * 100, n=50) for seed in range(6)]
        await bench.settle()
        started = time.perf_counter()
        with pytest.raises(Overloaded) as refusal:
            await bench.ask(9999)
        assert time.perf_counter() - started < 0.005
        assert refusal.value.retry_after is not None and refusal.value.retry_after >= 1
        bench.batcher.close()
        await asyncio.gather(*asked, return_exceptions=True)

    run(scenario())


def test_nobody_alive_is_told_at_once() -> None:
    async def scenario() -> None:
        bench = Bench(workers=0)
        with pytest.raises(NoWorker):
            await bench.ask(1)
        assert bench.sent == []

    run(scenario())


def test_new_worker_is_seen_by_the_next_request() -> None:
    async def scenario() -> None:
        bench = Bench(workers=0)
        bench.workers = 1
        asked = bench.ask(1)
        while not bench.sent:
            await asyncio.sleep(0)
        bench.reply(bench.sent[0])
        assert (await asked)[0].image == b"1"

    run(scenario())


def test_unanswered_batch_is_sent_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MIN_PATIENCE", 0.02)
    monkeypatch.setattr(module, "FIRST_LOAD", 0.001)

    async def scenario() -> None:
        bench = Bench()
        asked = bench.ask(1)
        while len(bench.sent) < 2:
            await asyncio.sleep(0)
        assert bench.sent[0] == bench.sent[1]
        bench.reply(bench.sent[1])
        bench.reply(bench.sent[0])  # the first worker was only slow
        assert (await asked)[0].image == b"1"

    run(scenario())


def test_batch_that_nobody_answers_ends_in_503(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MIN_PATIENCE", 0.02)
    monkeypatch.setattr(module, "FIRST_LOAD", 0.001)

    async def scenario() -> None:
        bench = Bench()
        lost, waits = bench.ask(1), bench.ask(2)
        with pytest.raises(Unavailable):
            await lost
        await bench.settle()
        assert [seeds(batch) for batch in bench.sent] == [[1], [1], [2]]
        bench.reply(bench.sent[2])
        assert (await waits)[0].image == b"2"

    run(scenario())


def test_broker_that_is_down_fails_the_batch_and_no_other() -> None:
    async def scenario() -> None:
        bench = Bench()
        bench.broken = ConnectionError("down")
        failed = bench.ask(1)
        with pytest.raises(Exception, match="could not be asked for"):
            await failed
        bench.broken = None
        asked = bench.ask(2)
        await bench.settle()
        bench.reply(bench.sent[0])
        assert (await asked)[0].image == b"2"

    run(scenario())


def test_error_of_the_worker_reaches_every_request() -> None:
    async def scenario() -> None:
        bench = Bench()
        asked = bench.ask(1)
        await bench.settle()
        error = Invalid("No such label.").record()
        bench.batcher.answered({"id": bench.sent[0].id, "ok": False, "error": error}, [])
        with pytest.raises(Invalid, match="No such label"):
            await asked

    run(scenario())


def test_reply_to_nobody_is_ignored() -> None:
    async def scenario() -> None:
        Bench().batcher.answered({"id": "unknown", "ok": True}, [b"x"])

    run(scenario())

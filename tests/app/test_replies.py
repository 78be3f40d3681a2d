"""The way to the workers: who sleeps is woken, who looks at the list is not disturbed."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from app.replies import HINT_SECONDS, Courier
from app.workforce import Workforce
from core.connection import connect
from core.generation import Batch, Picture, batches_key, pack_reply
from core.queue import GENERATE, celery_app, key_prefix
from core.settings import Settings


def batch(number: int) -> Batch:
    return Batch(
        id=str(number),
        reply="r",
        expires_at=time.time() + 10,
        folder="models/cats/1",
        model="cats",
        version=1,
        digest="d",
        pictures=(Picture(seeds=(number,)),),
    )


def told(settings: Settings, *workers: str, **steps: Callable[[Courier], Awaitable[None]]) -> dict:
    """After each step: batches in the list and hints in Celery's queue."""

    async def scenario() -> dict[str, tuple[int, int]]:
        workforce = Workforce(list)
        workforce.names = frozenset(workers)
        celery = celery_app(settings.redis_url, settings.prefix)
        courier = Courier(settings, celery, workforce)
        lists = batches_key(settings.prefix), key_prefix(settings.prefix) + GENERATE
        found = {}
        with connect(settings.redis_url) as client:
            async with courier.receiving(lambda head, images: None):
                for name, step in steps.items():
                    await step(courier)
                    found[name] = tuple(int(client.llen(key)) for key in lists)  # pyright: ignore
        celery.close()
        return found

    return asyncio.run(scenario())


def answered(worker: str, looks: float = 30.0) -> Callable[[Courier], Awaitable[None]]:
    async def step(courier: Courier) -> None:
        reply = pack_reply({"id": "1", "ok": True, "worker": worker, "looks": looks}, [])
        courier.deliver(reply, lambda head, images: None)

    return step


def send(again: bool = False) -> Callable[[Courier], Awaitable[None]]:
    return lambda courier: courier.send(batch(1), again)


async def later(courier: Courier) -> None:
    courier._next_hint -= HINT_SECONDS


def test_every_sleeping_worker_gets_a_hint_and_one_that_has_answered_none(
    settings: Settings,
) -> None:
    assert told(
        settings,
        "a",
        "b",
        first=send(),
        a=answered("a"),
        soon=send(),
        later=later,
        second=send(),
        b=answered("b"),
        still_later=later,
        third=send(),
    ) == {
        "first": (1, 2),
        "a": (1, 2),
        "soon": (2, 2),  # b has its hint already
        "later": (2, 2),
        "second": (3, 3),
        "b": (3, 3),
        "still_later": (3, 3),
        "third": (4, 3),
    }


def test_worker_whose_time_is_over_or_that_died_sleeps(settings: Settings) -> None:
    steps = {"b": answered("b"), "a": answered("a", looks=0.5), "first": send()}
    assert told(settings, "a", **steps)["first"] == (1, 1)


@pytest.mark.parametrize("workers", [(), ("a",)])
def test_batch_without_an_answer_wakes_a_worker_in_any_case(
    settings: Settings, workers: tuple[str, ...]
) -> None:
    steps = {"a": answered("a"), "first": send(), "again": send(again=True)}
    found = told(settings, *workers, **steps)
    assert found["again"][1] == found["first"][1] + 1


def test_what_is_no_reply_is_dropped(settings: Settings) -> None:
    async def garbage(courier: Courier) -> None:
        for data in (b"", b"\0\0\0\x05{}", pack_reply({"worker": "a", "looks": "long"}, [])):
            courier.deliver(data, lambda head, images: pytest.fail("delivered"))

    assert told(settings, garbage=garbage) == {"garbage": (0, 0)}

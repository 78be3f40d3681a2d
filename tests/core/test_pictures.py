"""The cache of finished images: bounded by bytes, what was not asked for longest goes first."""

import asyncio
import os
from collections.abc import Iterator

import pytest

from app.shelf import Shelf
from core.connection import connect, connect_async
from core.generation import unpack_reply
from core.pictures import SHARE, Pictures
from core.settings import Settings

SIZE = 1000
CAPACITY = SHARE * SIZE
REPLY = "reply"


@pytest.fixture
def pictures(settings: Settings) -> Iterator[Pictures]:
    with connect(settings.redis_url, text=False) as client:
        yield Pictures(client, settings.prefix, CAPACITY)


def keep(pictures: Pictures, images: dict[str, bytes]) -> None:
    pictures.answer(REPLY, {"id": "1"}, list(images.values()), list(images))


def image(number: int, size: int = SIZE) -> dict[str, bytes]:
    return {str(number): os.urandom(size)}


def present(settings: Settings, *tags: str, capacity: int = CAPACITY) -> list[bytes | None]:
    """What the API finds; everything is asked for in one moment."""

    async def ask() -> list[bytes | None]:
        client = connect_async(settings.redis_url, text=False)
        shelf = Shelf(client, settings.prefix, capacity)
        found = await asyncio.gather(*(shelf.get(tag) for tag in tags))
        await asyncio.gather(*shelf.tasks)
        await client.aclose()
        return list(found)

    return asyncio.run(ask())


def test_image_comes_back_byte_for_byte_and_others_are_missing(
    settings: Settings, pictures: Pictures
) -> None:
    kept = image(1) | image(2)
    keep(pictures, kept)
    assert present(settings, "2", "0", "1", "2") == [kept["2"], None, kept["1"], kept["2"]]


def test_bytes_stay_below_the_capacity_and_the_oldest_image_goes(
    settings: Settings, pictures: Pictures
) -> None:
    for number in range(SHARE):
        keep(pictures, image(number))
    assert present(settings, "0") != [None]  # and is used now
    for number in range(SHARE, SHARE + 3):
        keep(pictures, image(number) | image(0, SIZE))  # what is there already stays as it is
    names = [str(number) for number in range(SHARE + 3)]
    missing = [
        name for name, found in zip(names, present(settings, *names), strict=True) if not found
    ]
    assert missing == ["1", "2", "3"]
    total = int(pictures.client.get(pictures.keys.total))  # pyright: ignore
    assert total == CAPACITY == sum(len(found) for found in present(settings, *names) if found)


def test_smaller_capacity_makes_room_and_none_takes_nothing(
    settings: Settings, pictures: Pictures
) -> None:
    for number in range(SHARE):
        keep(pictures, image(number))
    pictures.capacity = 0
    keep(pictures, image(99))
    pictures.make_room()
    assert present(settings, "0", "15", "99") == [None, None, None]
    assert not pictures.client.exists(pictures.keys.index, pictures.keys.total)


def test_image_too_large_for_its_share_is_not_kept(settings: Settings, pictures: Pictures) -> None:
    keep(pictures, image(1, SIZE + 1) | image(2))
    assert [found is None for found in present(settings, "1", "2")] == [True, False]


def test_shelf_that_is_switched_off_or_cannot_be_reached_has_nothing(
    settings: Settings, pictures: Pictures
) -> None:
    keep(pictures, image(1))
    assert present(settings, "1", capacity=0) == [None]
    gone = settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"})
    assert present(gone, "1") == [None]


def test_answer_has_all_images_also_those_that_are_not_kept(
    settings: Settings, pictures: Pictures
) -> None:
    images = [b"one", os.urandom(SIZE + 1), b"", b"four"]
    for capacity in (CAPACITY, 0):
        pictures.capacity = capacity
        pictures.answer("{t}:answer", {"id": "7"}, images, ["1", "2", None, "4"])
        head, found = unpack_reply(pictures.client.lpop("{t}:answer"))  # pyright: ignore
        assert (head["id"], found) == ("7", images)
    assert present(settings, "1", "2", "4") == [b"one", None, b"four"]


def test_full_server_still_answers(settings: Settings, pictures: Pictures) -> None:
    pictures._keep = pictures.client.register_script("return redis.error_reply('OOM full')")
    pictures.make_room()  # a worker starts by it
    pictures.answer("{t}:answer", {"id": "8"}, [b"image"], ["1"])
    assert unpack_reply(pictures.client.lpop("{t}:answer"))[1] == [b"image"]  # pyright: ignore

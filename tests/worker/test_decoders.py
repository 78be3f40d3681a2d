"""Decoder processes that die or hang cost the image that killed them, and nothing else."""

import io
import os
import signal
from collections.abc import Iterator
from multiprocessing.connection import Connection

import numpy as np
import pytest
from PIL import Image

from core.errors import NoImages
from worker.ingest import decoders
from worker.ingest.decoders import CRASHED, TOO_SLOW, Decoded, Decoders, Job
from worker.ingest.pictures import NOT_ACCEPTED, Picture, decode
from worker.sprites import Sprites, draw

pytestmark = pytest.mark.service


def png(value: int) -> bytes:
    stream = io.BytesIO()
    Image.new("L", (16, 16), value).save(stream, "PNG")
    return stream.getvalue()


def poisoned(data: bytes, resolutions: tuple[int, ...], max_pixels: int) -> Picture:
    if data == b"die":
        os.abort()
    if data == b"hang":
        signal.pause()
    return decode(data, resolutions, max_pixels)


def serve_poisoned(connection: Connection, max_pixels: int) -> None:
    """A decoder process with two faults, as a broken library may have them."""
    decoders.decode = poisoned
    decoders.serve(connection, max_pixels)


def run(files: list[bytes], **options: float) -> dict[int, Decoded | str]:
    settings = {"processes": 2, "max_pixels": 10**6, "seconds": 60} | options
    jobs = (Job.file(slot, content) for slot, content in enumerate(files))
    with Decoders(
        processes=int(settings["processes"]),
        max_pixels=int(settings["max_pixels"]),
        seconds=settings["seconds"],
    ) as pool:
        answers = list(pool.run(jobs, (32, 64)))
    assert len(dict(answers)) == len(answers), "each image is answered once"
    return dict(answers)


def assert_decoded(answer: Decoded | str, value: int) -> None:
    assert isinstance(answer, Decoded)
    assert len(answer.pixels) == 32 * 32 * 3 + 64 * 64 * 3
    assert set(answer.pixels) == {value}


@pytest.mark.parametrize("processes", [1, 2])
def test_every_image_is_answered_whatever_the_order(processes: int) -> None:
    answers = run([png(value) for value in range(100)], processes=processes)
    for value in range(100):
        assert_decoded(answers[value], value)


def test_nothing_to_do_is_done() -> None:
    assert run([]) == {}


def test_bad_images_come_back_with_a_reason() -> None:
    answers = run([png(1), b"text", png(2)])
    assert answers[1] == NOT_ACCEPTED
    assert_decoded(answers[2], 2)


def test_images_that_kill_the_decoder_cost_only_themselves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(decoders, "serve", serve_poisoned)
    files = [b"die" if value in (0, 7, 8, 39) else png(value) for value in range(40)]
    answers = run(files)
    for value in range(40):
        if value in (0, 7, 8, 39):
            assert answers[value] == CRASHED
        else:
            assert_decoded(answers[value], value)


def test_images_that_hang_the_decoder_cost_only_themselves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(decoders, "serve", serve_poisoned)
    answers = run([png(0), b"hang", png(2)], seconds=10, processes=1)
    assert answers[1] == TOO_SLOW
    assert_decoded(answers[2], 2)


def test_a_set_made_of_crashes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoders, "serve", serve_poisoned)
    monkeypatch.setattr(decoders, "MAX_CRASHES", 4)
    with pytest.raises(NoImages, match="crashed"):
        run([b"die"] * 10)


def test_no_image_is_blamed_for_a_decoder_killed_from_outside() -> None:
    with Decoders(processes=2, max_pixels=10**6, seconds=60) as pool:

        def jobs() -> Iterator[Job]:
            for slot in range(100):
                if slot == 50:
                    for decoder in pool.decoders:
                        decoder.process.kill()
                yield Job.file(slot, png(slot))

        answers = dict(pool.run(jobs(), (32, 64)))
    for value in range(100):
        assert_decoded(answers[value], value)


def test_processes_are_gone_afterwards() -> None:
    with Decoders(processes=2, max_pixels=10**6, seconds=60) as pool:
        numbers = [decoder.process.pid for decoder in pool.decoders]
    for number in numbers:
        assert number is not None
        with pytest.raises(ProcessLookupError):
            os.kill(number, 0)


def test_sprites_are_drawn_by_the_decoders() -> None:
    order = Sprites(count=3, resolution=32, seed=5)
    with Decoders(processes=1, max_pixels=10**6, seconds=60) as pool:
        jobs = [Job.sprite(slot, order) for slot in range(3)]
        answers = dict(pool.run(jobs, (32,)))
    for slot, answer in answers.items():
        assert isinstance(answer, Decoded)
        assert answer.pixels == np.asarray(draw(5, slot, 32)[0]).tobytes()

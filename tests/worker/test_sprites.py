"""The drawn data set: every factor appears, and the same order always gives the same bytes."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from worker.sprites import FACTORS, caption, draw, factors_of, main


def test_two_thousand_pictures_show_every_value_of_every_factor() -> None:
    rows = [factors_of(0, index) for index in range(2000)]
    for name, values in FACTORS.items():
        counts = {value: sum(row[name] == value for row in rows) for value in values}
        fair = 2000 / len(values)
        assert all(0.7 * fair < count < 1.3 * fair for count in counts.values()), (name, counts)


def test_bytes_depend_on_seed_and_index_alone() -> None:
    def digest(indices: list[int]) -> dict[int, str]:
        return {i: hashlib.sha256(draw(7, i, 32)[0].tobytes()).hexdigest() for i in indices}

    forwards, backwards = digest(list(range(12))), digest([11, 5, 0])
    assert backwards == {i: forwards[i] for i in (11, 5, 0)}
    assert len(set(forwards.values())) == 12
    assert digest([0]) != {0: hashlib.sha256(draw(8, 0, 32)[0].tobytes()).hexdigest()}


def test_the_choice_of_factors_is_frozen() -> None:
    """Golden: a set that was named by its seed must not become another one by an upgrade."""
    assert list(factors_of(0, 0).values()) == [
        "bunny",
        "green",
        "lilac",
        "sleepy",
        "tongue",
        "flower",
        "none",
        "spots",
    ]


@pytest.mark.parametrize("resolution", [16, 17, 32, 64, 100, 256])
def test_any_resolution_from_sixteen_on(resolution: int) -> None:
    image, factors = draw(0, 3, resolution)
    assert image.size == (resolution, resolution)
    assert image.mode == "RGB"
    assert factors == factors_of(0, 3)


@settings(deadline=None)
@given(st.integers(0, 2**31), st.integers(0, 10**6))
def test_the_caption_names_what_is_seen(seed: int, index: int) -> None:
    factors = factors_of(seed, index)
    text = caption(factors)
    assert f"{factors['colour']} {factors['kind']}" in text
    assert text.endswith(f"on a {factors['background']} background")
    assert (factors["cheeks"] == "rosy") == ("rosy cheeks" in text)
    assert factors["accessory"] == "none" or factors["accessory"] in text


def test_captions_tell_all_factors_apart() -> None:
    rows = {tuple(factors_of(1, index).values()) for index in range(3000)}
    captions = {caption(dict(zip(FACTORS, row, strict=True))) for row in rows}
    assert len(captions) == len(rows)


def test_each_factor_changes_the_picture() -> None:
    """Of two pictures that differ in the background alone, and so on, the pixels differ."""
    corner = {}
    for index in range(60):
        image, factors = draw(0, index, 32)
        corner.setdefault(factors["background"], set()).add(image.getpixel((0, 0)))
    assert all(len(colours) == 1 for colours in corner.values())
    assert len(set.union(*corner.values())) == len(corner)


def test_small_pictures_are_the_large_ones_seen_from_afar() -> None:
    large, _ = draw(2, 5, 256)
    small, _ = draw(2, 5, 32)
    shrunk = np.asarray(large.reduce(8), np.float32)
    assert np.abs(shrunk - np.asarray(small, np.float32)).mean() < 6


def test_command_writes_an_image_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([str(tmp_path / "out"), "--n", "9", "--resolution", "32", "--seed", "4"])
    lines = (tmp_path / "out" / "metadata.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    assert len(rows) == 9
    for index, row in enumerate(rows):
        assert row["file_name"].split("/")[0] == row["label"] == row["kind"]
        with Image.open(tmp_path / "out" / row["file_name"]) as image:
            assert image.tobytes() == draw(4, index, 32)[0].tobytes()
    assert "9 of 9 sprites" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--n", "0"], ["--resolution", "8"], ["--n", "x"]])
def test_command_refuses_senseless_numbers(arguments: list[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        main([str(tmp_path), *arguments])

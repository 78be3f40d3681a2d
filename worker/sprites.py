"""`sample:sprites`: small creatures drawn by our own code, so that nobody needs data to begin.

Each picture is a choice of one value per factor, written down with it: tests can measure what a
generator covers exactly. A picture depends on (seed, index) alone, whatever the count.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageChops

from worker.sprite_face import ACCESSORIES, EYES, MOUTHS, blush
from worker.sprite_parts import BODIES, BODY, CREAM, GROUND, INK, WHITE, Body, Colour, Pen, mix

FACTORS: dict[str, tuple[str, ...]] = {
    "kind": tuple(BODIES),
    "colour": tuple(BODY),
    "background": tuple(GROUND),
    "eyes": tuple(EYES),
    "mouth": tuple(MOUTHS),
    "accessory": tuple(ACCESSORIES),
    "cheeks": ("none", "rosy"),
    "pattern": ("plain", "spots", "stripes"),
}
SMALLEST = 16
OUTLINE = 1.7

_SPOTS = ((24, 50, 5.5), (77, 53, 6), (41, 36, 4.5), (63, 35, 3.6), (30, 77, 4.5), (70, 80, 5))
_STRIPES = (
    ((12, 52), (27, 54), (12, 57)),
    ((12, 63), (26, 64), (12, 68)),
    ((12, 74), (29, 73.5), (12, 78)),
    ((88, 52), (73, 54), (88, 57)),
    ((88, 63), (74, 64), (88, 68)),
    ((88, 74), (71, 73.5), (88, 78)),
    ((48, 20), (50, 43), (52, 20)),
    ((38, 20), (41, 41), (43, 20)),
    ((62, 20), (59, 41), (57, 20)),
)
_MOUTH_WORDS = {
    "smile": "a smile",
    "grin": "a big grin",
    "gasp": "a round mouth",
    "tongue": "its tongue out",
    "pout": "a pout",
}


@dataclass(frozen=True, kw_only=True)
class Sprites:
    """An order for a drawn data set: `count` pictures of `resolution` pixels a side."""

    count: int = 4000
    resolution: int = 64
    seed: int = 0


def draw(seed: int, index: int, resolution: int) -> tuple[Image.Image, dict[str, str]]:
    """Picture number `index` of the set `seed`: RGB, `resolution` (at least 16) px a side."""
    assert resolution >= SMALLEST, resolution
    factors = factors_of(seed, index)
    # Small movements besides the factors, so that no two pictures are quite equal.
    zoom, dx, dy = (number / 2**32 * 2 - 1 for number in _numbers(seed, index)[13:])
    times = 4 if resolution >= 64 else 8  # drawn larger and averaged: soft edges
    side = resolution * times
    image = Image.new("RGB", (side, side), GROUND[factors["background"]])
    _creature(image, factors, zoom=1 + 0.03 * zoom, dx=1.2 * dx, dy=dy)
    return image.reduce(times), factors


def factors_of(seed: int, index: int) -> dict[str, str]:
    """What `draw` draws, without drawing it: a value for every name in FACTORS."""
    numbers = _numbers(seed, index)
    return {
        name: values[numbers[place] % len(values)]
        for place, (name, values) in enumerate(FACTORS.items())
    }


def caption(factors: dict[str, str]) -> str:
    """One English sentence that says every factor."""
    pattern = {"plain": "", "spots": "spotted ", "stripes": "striped "}[factors["pattern"]]
    body = f"{pattern}{factors['colour']} {factors['kind']}"
    article = "an" if body[0] in "aeiou" else "a"
    features = [f"{factors['eyes']} eyes", _MOUTH_WORDS[factors["mouth"]]]
    if factors["cheeks"] == "rosy":
        features.append("rosy cheeks")
    if factors["accessory"] != "none":
        features.append(f"a {factors['accessory']}")
    listed = f"{', '.join(features[:-1])} and {features[-1]}"
    return f"{article} {body} with {listed} on a {factors['background']} background"


def _numbers(seed: int, index: int) -> list[int]:
    """Sixteen numbers of 32 bits: a hash, because its values never change with a library."""
    digest = hashlib.sha512(f"sprites:{seed}:{index}".encode()).digest()
    return [int.from_bytes(digest[at : at + 4], "big") for at in range(0, 64, 4)]


def _creature(
    image: Image.Image, factors: dict[str, str], *, zoom: float, dx: float, dy: float
) -> None:
    body, colour = BODIES[factors["kind"]], BODY[factors["colour"]]
    ground = GROUND[factors["background"]]
    line = mix(colour, INK, 0.62)
    pen = Pen(image, zoom=zoom, dx=dx, dy=dy)
    pen.oval(50, 90.5, 30, 3.6, mix(ground, INK, 0.13))
    for parts, fill in ((body.ivory, CREAM), (body.outline, colour)):
        for part in parts:
            part.draw(pen, line, grow=OUTLINE)
        for part in parts:
            part.draw(pen, fill)
    if factors["pattern"] != "plain":
        _pattern(image, body, factors["pattern"], mix(colour, line, 0.34), (zoom, dx, dy))
    for part in body.light:
        part.draw(pen, mix(colour, WHITE, 0.5))
    for part in body.dark:
        part.draw(pen, mix(colour, line, 0.75))
    if factors["cheeks"] == "rosy":
        blush(pen, body, colour)
    EYES[factors["eyes"]](pen, body, colour)
    MOUTHS[factors["mouth"]](pen, body)
    ACCESSORIES[factors["accessory"]](pen, body)


def _pattern(
    image: Image.Image,
    body: Body,
    pattern: str,
    fill: Colour,
    place: tuple[float, float, float],
) -> None:
    """Spots or stripes that end where the body ends."""
    zoom, dx, dy = place
    inside, marks = (Image.new("L", image.size) for _ in range(2))
    pen = Pen(inside, zoom=zoom, dx=dx, dy=dy)
    for part in body.outline:
        part.draw(pen, 255)
    pen = Pen(marks, zoom=zoom, dx=dx, dy=dy)
    if pattern == "spots":
        for x, y, r in _SPOTS:
            pen.oval(x, y, r, r, 255)
    else:
        for points in _STRIPES:
            pen.spike(points, 0.9, 255)
    image.paste(fill, mask=ImageChops.darker(inside, marks))


def write_folder(folder: Path, *, count: int, resolution: int, seed: int) -> None:
    """Write an image folder: `<kind>/000001.png` and one `metadata.jsonl` with every factor."""
    for kind in FACTORS["kind"]:
        (folder / kind).mkdir(parents=True, exist_ok=True)
    with open(folder / "metadata.jsonl", "w", encoding="utf-8") as metadata:
        for index in range(count):
            image, factors = draw(seed, index, resolution)
            name = f"{factors['kind']}/{index + 1:06d}.png"
            image.save(folder / name)
            row = {"file_name": name, "text": caption(factors), "label": factors["kind"]}
            metadata.write(json.dumps(row | factors) + "\n")
            if (index + 1) % 100 == 0 or index + 1 == count:
                print(f"\r{index + 1} of {count} sprites", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m worker.sprites", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--n", type=_between(1, 1_000_000), default=1000, help="pictures")
    parser.add_argument("--resolution", type=_between(SMALLEST, 1024), default=64, help="pixels")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    write_folder(given.folder, count=given.n, resolution=given.resolution, seed=given.seed)


def _between(least: int, most: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        value = int(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{value} is not between {least} and {most}")
        return value

    return number


if __name__ == "__main__":
    main()

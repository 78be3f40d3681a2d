"""A drawn set that no recipe was tuned on: hills in haze under a sky, with sun, clouds and water.

Nearly photographic in its statistics: smooth gradients, 1/f textures, soft and hard edges. A
picture depends on (seed, index) alone.
"""

from pathlib import Path

import numpy as np
from PIL import Image

SKIES = (  # colours at the top and at the horizon
    ((60, 120, 200), (190, 220, 240)),
    ((40, 40, 100), (240, 150, 90)),
    ((110, 130, 150), (200, 205, 205)),
    ((15, 20, 50), (70, 80, 130)),
    ((120, 90, 160), (250, 200, 170)),
)
GROUNDS = ((50, 90, 40), (110, 85, 50), (60, 70, 80), (30, 60, 50), (150, 140, 120))


def landscape(seed: int, index: int, resolution: int) -> np.ndarray:
    """uint8 [resolution, resolution, 3]."""
    random = np.random.Generator(np.random.Philox(key=np.array([seed, index], np.uint64)))
    side = 2 * resolution  # drawn larger and averaged
    y, x = np.mgrid[0:side, 0:side] / side
    top, low = (np.array(colour, float) for colour in SKIES[random.integers(len(SKIES))])
    horizon = random.uniform(0.35, 0.6)
    image = top + (low - top) * np.clip(y / horizon, 0, 1)[..., None]
    _sun(image, random, x, y, horizon)
    clouds = np.clip(_noise(random, side, 1.6, stretch=3) - random.uniform(0, 1.5), 0, 1)
    image += (np.array([235.0, 235, 240]) - image) * (0.7 * clouds * (y < horizon))[..., None]
    ground = np.array(GROUNDS[random.integers(len(GROUNDS))], float)
    hills = int(random.integers(2, 5))
    for hill in range(hills):
        near = (hill + 1) / hills
        _hill(image, random, y, horizon, near, low + (ground - low) * (0.25 + 0.75 * near))
    if random.random() < 0.4:
        _water(image, random)
    small = image.reshape(resolution, 2, resolution, 2, 3).mean((1, 3))
    return np.clip(small, 0, 255).round().astype(np.uint8)


def write_landscapes(folder: Path, count: int, resolution: int, seed: int = 0) -> Path:
    """Write them as PNG files."""
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        Image.fromarray(landscape(seed, index, resolution)).save(folder / f"{index:06d}.png")
    return folder


def _sun(
    image: np.ndarray, random: np.random.Generator, x: np.ndarray, y: np.ndarray, horizon: float
) -> None:
    across, up, size = random.uniform(0.1, 0.9), random.uniform(0.1, horizon), 0.04
    distance = np.hypot(x - across, y - up)
    light = np.clip((size - distance) * 80 + 0.5, 0, 1) + 0.5 * np.exp(-distance / 0.12)
    image += (np.array([255.0, 245, 210]) - image) * np.clip(light, 0, 1)[..., None]


def _hill(
    image: np.ndarray,
    random: np.random.Generator,
    y: np.ndarray,
    horizon: float,
    near: float,
    colour: np.ndarray,
) -> None:
    side = len(y)
    frequency = np.fft.rfftfreq(side, 1 / side)
    spectrum = np.exp(2j * np.pi * random.random(len(frequency)))
    spectrum *= np.where(frequency > 0, 1 / np.maximum(frequency, 1) ** 1.7, 0)
    ridge = np.fft.irfft(spectrum, side)
    ridge *= random.uniform(0.03, 0.1) / max(ridge.std(), 1e-9)
    edge = horizon + (near - 0.5) * (0.9 - horizon) + ridge
    inside = np.clip((y - edge) * side, 0, 1)
    shade = 1 + 0.12 * near * _noise(random, side, 0.9) - 0.5 * (y - edge)
    image += (colour * shade[..., None] - image) * inside[..., None]


def _water(image: np.ndarray, random: np.random.Generator) -> None:
    """The picture above a line, mirrored below it, darker and with ripples."""
    side = len(image)
    line = int(side * random.uniform(0.7, 0.85))
    ripples = np.rint(2 * np.sin(np.arange(side - line) ** 1.3)).astype(int)
    for row in range(line, side):
        mirror = np.roll(image[max(2 * line - row - 1, 0)], ripples[row - line], axis=0)
        image[row] = mirror * 0.8


def _noise(
    random: np.random.Generator, side: int, power: float, stretch: float = 1.0
) -> np.ndarray:
    """[side, side] of 1/f^power noise with unit deviation; `stretch`: wider than high."""
    fy, fx = np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None]
    frequency = np.hypot(fy, fx * stretch)
    frequency[0, 0] = np.inf
    spectrum = np.exp(2j * np.pi * random.random(frequency.shape)) / frequency**power
    noise = np.fft.irfft2(spectrum, (side, side))
    return noise / max(noise.std(), 1e-9)

"""Feature spaces: what images are turned into before they are compared. A space is one loader,
registered by name; figures are comparable inside one space only, so its hash goes with them.

`rand64-v1` needs no download: a small random network. arXiv 2002.09797 judges with random VGG
features where ImageNet ones do not fit, 2208.09218 finds random networks to rank generators well.
"""

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Protocol, TypeVar, runtime_checkable

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d, interpolate, leaky_relu

from core.errors import Invalid
from worker.tasks import pixels

BATCH = 64
SIDE = 64
WIDTHS = (16, 32, 64, 64)
READ = (4, 6, 10, 6)  # channels that are pooled into features, per layer
KEY = 64
SLOPE = 0.2  # below zero: no channel is ever dead
SYNTHETIC = 256  # images that fix origin and scale of the features


class Space(Protocol):
    """Images -> features. `sha256` is the hash of the weights, `resize` says how images are fitted.

    Features of an image do not depend, to 1e-6, on which others it comes with.
    """

    name: str
    sha256: str
    dim: int
    resize: str

    def features(self, images: np.ndarray) -> np.ndarray:
        """uint8 [N, H, W, C], C 1 or 3 -> float32 [N, dim], computed in small batches."""
        ...


@runtime_checkable
class SmoothSpace(Space, Protocol):
    """A space that also takes images between the 256 levels, as path lengths need."""

    def features_of(self, images: Tensor) -> Tensor:
        """float [N, C, H, W], -1..1 -> float32 [N, dim], all in one batch."""
        ...


Loader = Callable[[Path | None], Space]  # the folder of downloaded weights, if there is one
_SPACES: dict[str, Loader] = {}
L = TypeVar("L", bound=Loader)


def register(name: str) -> Callable[[L], L]:
    """Decorator: enter the loader of a space under this name."""

    def enter(loader: L) -> L:
        _SPACES[name] = loader
        return loader

    return enter


def spaces() -> dict[str, Loader]:
    """Every loader by name."""
    return dict(_SPACES)


def load_space(name: str, weights: Path | None = None) -> Space:
    """The space called `name`. Raises `Invalid`, or what its loader raises without its weights."""
    if name not in _SPACES:
        raise Invalid(f"there is no feature space {name!r}; there are {', '.join(_SPACES)}")
    return _SPACES[name](weights)


class RandomSpace:
    """Four 3x3 convolutions with leaky ReLU, He normal without biases; average pooling in between.

    Of the first three layers some channels give their mean and their standard deviation over the
    image (colour and brightness; edges and noise), of the last some give their mean in each quarter
    (where things stand). Every feature is then shifted and scaled by constants: mean and three
    standard deviations over fixed synthetic images of spectrum 1/f, drawn after the weights.
    """

    name = "rand64-v1"
    dim = 2 * sum(READ[:-1]) + 4 * READ[-1]
    resize = "64x64 bicubic (a=-0.5), antialiased, in float, clamped; 64x64 as it is; grey as RGB"

    def __init__(self, device: str = "cpu") -> None:
        random = np.random.Generator(np.random.Philox(key=KEY))
        drawn = [_he_normal(random, *ends) for ends in zip((3, *WIDTHS), WIDTHS, strict=False)]
        self.sha256 = hashlib.sha256(b"".join(weight.tobytes() for weight in drawn)).hexdigest()
        layout = torch.channels_last
        self._weights = [torch.from_numpy(w).to(device, memory_format=layout) for w in drawn]
        self._origin, self._scale = torch.zeros(self.dim), torch.ones(self.dim)
        synthetic = torch.from_numpy(_one_over_f(random, SYNTHETIC))
        with torch.inference_mode(False), torch.no_grad():  # constants for either mode
            known = torch.cat([self.features_of(part) for part in synthetic.split(BATCH)]).double()
        self._origin = known.mean(0).float()
        self._scale = (3 * known.std(0, correction=0)).float()

    def features(self, images: np.ndarray) -> np.ndarray:
        """uint8 [N, H, W, C], C 1 or 3 -> float32 [N, 64]."""
        assert images.dtype == np.uint8 and images.ndim == 4, (images.dtype, images.shape)
        return in_batches(lambda part: self.features_of(pixels(part)), images, self.dim, BATCH)

    def features_of(self, images: Tensor) -> Tensor:
        """float [N, C, H, W], -1..1 -> float32 [N, 64] on the CPU; differentiable."""
        x = fit(images, SIDE).to(self._weights[0].device)
        x = x.expand(max(2, len(x)), 3, -1, -1)  # one alone is computed in another, noisier way
        with torch.autocast(x.device.type, enabled=False):
            read = self._read(x.contiguous(memory_format=torch.channels_last))
        return (read[: len(images)].cpu() - self._origin) / self._scale

    def _read(self, x: Tensor) -> Tensor:
        read: list[Tensor] = []
        for weight, count in zip(self._weights, READ, strict=True):
            x = leaky_relu(conv2d(x, weight, padding=1), SLOPE)
            chosen = x[:, :count]
            if len(read) < len(READ) - 1:
                variance, mean = torch.var_mean(chosen, dim=(2, 3), correction=0)
                read.append(torch.cat([mean, (variance + 1e-5).sqrt()], 1))
                x = avg_pool2d(x, 2)
            else:
                read.append(avg_pool2d(chosen, chosen.shape[-1] // 2).flatten(1))
        return torch.cat(read, 1)


def in_batches(
    look: Callable[[Tensor], Tensor], images: np.ndarray, dim: int, batch: int
) -> np.ndarray:
    """uint8 [N, H, W, C] -> float32 [N, dim]: what `look` makes of `batch` images at a time."""
    found = np.empty((len(images), dim), np.float32)
    with torch.inference_mode():
        for start in range(0, len(images), batch):
            part = torch.from_numpy(np.array(images[start : start + batch]))
            found[start : start + batch] = look(part).numpy()
    return found


def fit(images: Tensor, side: int) -> Tensor:
    """float [N, C, H, W] -> [N, C, side, side]: bicubic with antialiasing, clamped to -1..1."""
    if images.shape[2:] == (side, side):
        return images
    resized = interpolate(images, size=(side, side), mode="bicubic", antialias=True)
    return resized.clamp(-1, 1)


@register(RandomSpace.name)
def rand64(weights: Path | None = None) -> RandomSpace:
    """A fixed random network on 64x64 pixels, 64 features; nothing to download."""
    return _rand64()


@cache
def _rand64() -> RandomSpace:
    return RandomSpace()


def _he_normal(random: np.random.Generator, inputs: int, outputs: int) -> np.ndarray:
    """Weights of a 3x3 convolution, float32 [outputs, inputs, 3, 3], variance 2 / (9 inputs)."""
    drawn = random.standard_normal((outputs, inputs, 3, 3)) * np.sqrt(2 / (9 * inputs))
    return drawn.astype(np.float32)


def _one_over_f(random: np.random.Generator, count: int) -> np.ndarray:
    """float32 [count, 3, SIDE, SIDE], -1..1: noise with amplitudes 1/f, like photographs have."""
    frequency = np.hypot(np.fft.fftfreq(SIDE)[:, None], np.fft.rfftfreq(SIDE))
    frequency[0, 0] = 1 / SIDE
    white = np.fft.rfft2(random.standard_normal((count, 3, SIDE, SIDE)))
    noise = np.fft.irfft2(white / frequency, s=(SIDE, SIDE))
    noise = noise + noise.mean(1, keepdims=True)  # channels go together, but not quite
    noise /= noise.std((1, 2, 3), keepdims=True)
    return np.clip(0.45 * noise, -1, 1).astype(np.float32)

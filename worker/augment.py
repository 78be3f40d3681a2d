"""Differentiable augmentation of what the discriminator sees, reals and fakes alike.

After DiffAugment (arXiv 2006.10738) and ADA's adaptive probability (arXiv 2006.06676), from the
papers. Each operation happens to each image with probability p; geometry is separable, so an image
is moved by two small matrices: y = A x B^T, which works on a whole batch and twice differentiates.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

MAX_PROBABILITY = 0.8  # beyond it augmentations leak into the images (2006.06676, fig. 5)
ADJUST_EVERY = 16  # steps

Draw = Callable[[int, float, float], Tensor]  # (columns, low, high) -> uniform numbers [N, columns]
Operation = Callable[[Tensor, Draw], Tensor]  # the images that it happens to -> as many

_OPERATIONS: dict[str, Operation] = {}


def register(operation: Operation) -> Operation:
    """Function decorator: enter the operation under its own name."""
    _OPERATIONS[getattr(operation, "__name__", "")] = operation
    return operation


def operations() -> dict[str, Operation]:
    """Every operation by name."""
    return dict(_OPERATIONS)


def resampling(size: int, scale: Tensor, shift: Tensor) -> Tensor:
    """Matrices [N, size, size] of linear interpolation along one axis; outside is zero (grey).

    Row i weighs the old pixels around scale * (i - centre) + centre + shift. scale, shift: [N, 1].
    """
    index = torch.arange(size, device=scale.device, dtype=scale.dtype)
    centre = (size - 1) / 2
    source = scale * (index - centre) + centre + shift
    return (1 - (source[:, :, None] - index).abs()).clamp(min=0)


def moved(images: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """A x B^T for every channel: [N, C, H, W] with [N, H, H] and [N, W, W]."""
    return rows[:, None] @ images @ columns[:, None].mT


@register
def translate(images: Tensor, draw: Draw) -> Tensor:
    """Shift by up to an eighth of the side, in whole pixels."""
    size = images.shape[-1]
    shifts = (draw(2, -1, 1) * size / 8).round().split(1, dim=1)
    rows, columns = (resampling(size, torch.ones_like(shift), shift) for shift in shifts)
    return moved(images, rows, columns)


@register
def zoom(images: Tensor, draw: Draw) -> Tensor:
    """Scale by a factor of 0.8 to 1.25 about the centre."""
    scale = torch.exp(draw(1, -0.223, 0.223))
    matrix = resampling(images.shape[-1], scale, torch.zeros_like(scale))
    return moved(images, matrix, matrix)


@register
def mirror(images: Tensor, draw: Draw) -> Tensor:
    """Exchange left and right. Only for sets whose mirror images belong to them."""
    return images.flip(3)


def blurred(images: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of `sigma` pixels, renormalised at the borders; below 0.3 the identity."""
    if sigma < 0.3:
        return images
    index = torch.arange(images.shape[-1], device=images.device, dtype=images.dtype)
    weights = torch.exp(-(((index[:, None] - index) / sigma) ** 2) / 2)
    matrix = weights / weights.sum(1, keepdim=True)
    return matrix @ images @ matrix.T


def mirrored(images: Tensor, chosen: Tensor) -> Tensor:
    """The chosen [N] of images [N, C, H, W] turned left to right."""
    return torch.where(chosen.to(images.device)[:, None, None, None], images.flip(3), images)


@register
def colour(images: Tensor, draw: Draw) -> Tensor:
    """Brightness +-0.5, saturation x 0..2, contrast x 0.5..1.5."""
    brightness, saturation, contrast = draw(3, -1, 1)[:, :, None, None, None].unbind(1)
    x = images + brightness * 0.5
    grey = x.mean(1, keepdim=True)
    x = grey + (x - grey) * (1 + saturation)
    middle = x.mean((1, 2, 3), keepdim=True)
    return middle + (x - middle) * (1 + contrast * 0.5)


@register
def cutout(images: Tensor, draw: Draw) -> Tensor:
    """Grey out a square of half the side, somewhere."""
    size = images.shape[-1]
    index = torch.arange(size, device=images.device)
    centre = (draw(2, 0, 1) * size).floor()[:, :, None]
    inside = ((index - centre).abs() <= size // 4).to(images.dtype)
    hole = inside[:, 0, :, None] * inside[:, 1, None, :]
    return images * (1 - hole[:, None])


@dataclass(kw_only=True)
class Augment:
    """The pipe of operations and its probability, which rises while the discriminator overfits.

    The sign is that it knows more than `target` of the real-fake pairs: r = E sign(D(x) - D(G(z))).
    p goes from 0 to 1 in `ramp_kimg` thousand images at the earliest. State: `p`, `signs`, `pairs`.
    """

    names: tuple[str, ...]
    p: float = 0.0
    adaptive: bool = True
    target: float = 0.6
    ramp_kimg: float = 500.0
    signs: float | Tensor = 0.0
    pairs: int = 0

    def __call__(self, images: Tensor, rng: torch.Generator) -> Tensor:
        """Augmented images, [N, C, H, W] -> [N, C, H, W]; draws from `rng` (on the CPU)."""
        if self.p <= 0 or not self.names:
            return images
        device, dtype = images.device, images.dtype

        def drawn(columns: int, low: float, high: float) -> Tensor:
            """For all images, so that what comes later does not depend on how many are chosen."""
            return torch.rand(len(images), columns, generator=rng) * (high - low) + low

        for name in self.names:
            chosen = (drawn(1, 0, 1)[:, 0] < self.p).nonzero()[:, 0]

            def draw(columns: int, low: float, high: float, chosen: Tensor = chosen) -> Tensor:
                return drawn(columns, low, high)[chosen].to(device, dtype)

            places = chosen.to(device)
            changed = _OPERATIONS[name](images[places], draw)
            images = images.index_copy(0, places, changed)
        return images

    def observe(self, signs: float | Tensor, count: int) -> None:
        """Of `count` pairs the sum of sign(D(x) - D(G(z))); adjusts p now and then."""
        if not (self.adaptive and self.names):
            return
        self.signs = self.signs + signs  # stays where the logits are
        self.pairs += count
        if self.pairs >= ADJUST_EVERY * count:
            towards = 1 if float(self.signs) / self.pairs > self.target else -1
            self.p += towards * self.pairs / (self.ramp_kimg * 1000)
            self.p = min(max(self.p, 0.0), MAX_PROBABILITY)
            self.signs, self.pairs = 0.0, 0

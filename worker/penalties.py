"""What keeps the discriminator smooth: penalties on its gradient in the images, registered classes.

All are computed in float32, exactly (by a second derivative) or, with `sigma`, as differences over
a small random step, which costs no second derivative: for eps ~ N(0, I),
E [(D(x + sigma eps) - D(x))^2] / sigma^2 -> ||grad D||^2 as sigma -> 0.
"""

from collections.abc import Callable
from typing import Any, ClassVar, Protocol, TypeVar

import torch
from torch import Tensor

Judge = Callable[[Tensor], Tensor]  # images [N, C, H, W] -> logits [N]
TINY = 1e-12  # under a root: its slope at zero is infinite


class Penalty(Protocol):
    """Scalars by name, means over the batch, to be weighted by gamma * `weight`."""

    weight: ClassVar[float]

    def of(
        self, judge: Judge, real: Tensor, fake: Tensor, rng: torch.Generator
    ) -> dict[str, Tensor]: ...


_PENALTIES: dict[str, type[Any]] = {}
P = TypeVar("P", bound=type[Any])


def register(definition: P) -> P:
    """Class decorator: enter the penalty under its `name`."""
    _PENALTIES[definition.name] = definition
    return definition


def penalties() -> dict[str, type[Any]]:
    """Every penalty by name; each is made with `sigma`, 0 for exact ones."""
    return dict(_PENALTIES)


def squared_gradient(judge: Judge, images: Tensor, sigma: float, rng: torch.Generator) -> Tensor:
    """||d judge(x) / dx||^2 for each image, in float32, differentiable in `judge`'s parameters.

    `images` [N, C, H, W] -> [N]. arXiv 1801.04406; as differences 2510.26828.
    """
    with torch.autocast(images.device.type, enabled=False):
        x = images.detach().float()
        if sigma:
            noise = torch.randn(x.shape, generator=rng).to(x.device)
            state = rng.get_state()  # both are to be augmented alike
            near = judge(x + sigma * noise)
            rng.set_state(state)
            return ((near - judge(x)) / sigma).square()
        x.requires_grad_()
        (gradient,) = torch.autograd.grad(judge(x).sum(), x, create_graph=True)
        return gradient.square().sum((1, 2, 3))


class _Squared:
    """Half the squared gradient, on some of the images."""

    weight = 0.5
    sides: ClassVar[tuple[str, ...]]

    def __init__(self, sigma: float) -> None:
        self.sigma = sigma

    def of(
        self, judge: Judge, real: Tensor, fake: Tensor, rng: torch.Generator
    ) -> dict[str, Tensor]:
        images = {"R1": real, "R2": fake}
        return {
            side: squared_gradient(judge, images[side], self.sigma, rng).mean()
            for side in self.sides
        }


@register
class R1R2(_Squared):
    """Flat around reals and fakes alike: with it the relativistic game converges (2501.05441)."""

    name = "r1r2"
    sides = ("R1", "R2")


@register
class R1(_Squared):
    """Flat around reals (arXiv 1801.04406)."""

    name = "r1"
    sides = ("R1",)


@register
class R2(_Squared):
    """Flat around fakes (arXiv 1801.04406)."""

    name = "r2"
    sides = ("R2",)


@register
class WganGp:
    """Slope 1 between reals and fakes: (||grad D(x)|| - 1)^2, x on lines between (1704.00028)."""

    name = "wgan-gp"
    weight = 1.0

    def __init__(self, sigma: float) -> None:
        self.sigma = sigma

    def of(
        self, judge: Judge, real: Tensor, fake: Tensor, rng: torch.Generator
    ) -> dict[str, Tensor]:
        t = torch.rand(len(real), 1, 1, 1, generator=rng).to(real.device)
        between = t * real.float() + (1 - t) * fake.float()
        squared = squared_gradient(judge, between, self.sigma, rng)
        return {"GP": ((squared + TINY).sqrt() - 1).square().mean()}

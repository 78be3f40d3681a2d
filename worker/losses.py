"""What the two players minimise. Logits are [N]; a loss is one registered class.

`D` means the discriminator's logits; softplus(t) = ln(1 + e^t), so -ln sigmoid(t) = softplus(-t).
"""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor
from torch.nn.functional import softplus


class Loss(Protocol):
    """A game: one scalar for each player, from paired logits of reals and fakes."""

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor: ...

    def generator(self, real: Tensor, fake: Tensor) -> Tensor: ...


_LOSSES: dict[str, Loss] = {}
L = TypeVar("L", bound=type[Any])


def register(definition: L) -> L:
    """Class decorator: enter the loss under its `name`."""
    _LOSSES[definition.name] = definition()
    return definition


def losses() -> dict[str, Loss]:
    """Every loss by name."""
    return dict(_LOSSES)


@register
class Rpgan:
    """Relativistic pairing: every fake is judged against a real one; no collapse by design.

    arXiv 1807.00734, 2501.05441: L_D = E softplus(-(D(x) - D(G(z)))), L_G = E softplus(+...).
    Both are ln 2 when the discriminator cannot tell.
    """

    name = "rpgan"

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return softplus(fake - real).mean()

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        return softplus(real - fake).mean()


@register
class Bce:
    """The original game, non-saturating: real against fake by cross entropy.

    arXiv 1406.2661: L_D = E softplus(-D(x)) + E softplus(D(G(z))), L_G = E softplus(-D(G(z))).
    L_D is 2 ln 2 when the discriminator cannot tell.
    """

    name = "bce"

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return softplus(-real).mean() + softplus(fake).mean()

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        return softplus(-fake).mean()


def gradient_penalty(judge: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    """||d judge(x) / dx||^2 for each image, exact, in float32: R1 on reals, R2 on fakes.

    arXiv 1801.04406. `images` [N, C, H, W] -> [N]; differentiable in the parameters of `judge`.
    """
    with torch.autocast(images.device.type, enabled=False):
        x = images.detach().float().requires_grad_()
        (gradient,) = torch.autograd.grad(judge(x).sum(), x, create_graph=True)
    return gradient.square().sum((1, 2, 3))

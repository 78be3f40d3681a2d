"""What the two players minimise. Logits are [N]; a loss is one registered class. `recipe` holds the
training options that its paper trains with, over the general ones and those of the networks.

`D` means the discriminator's logits; softplus(t) = ln(1 + e^t), so -ln sigmoid(t) = softplus(-t).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, TypeVar

import torch
from torch import Tensor
from torch.nn.functional import relu, softplus

MOST = 10.0  # of the function that bounds a divergence, before it bends
MEMORY = 0.99  # of LeCam's means, per step


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


def recipe_of(loss: Loss) -> Mapping[str, Any]:
    """The options that the loss's paper trains with, where it asks for other ones."""
    return getattr(loss, "recipe", {})


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


@register
class Minimax(Bce):
    """The original game as it was first written: the generator fears being found out.

    arXiv 1406.2661, eq. 1: L_G = E ln(1 - sigmoid D(G(z))). It learns slowly from a discriminator
    that is sure of itself; `bce` is the same game without that.
    """

    name = "minimax"

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        return -softplus(fake).mean()


@register
class Kl:
    """The information-theoretic game: a lower bound of the Kullback-Leibler divergence.

    f-GAN, arXiv 1606.00709, eq. 6 and table 2: KL(P || Q) >= E_P T(x) - E_Q exp(T(x) - 1), which
    the discriminator maximises. The generator maximises E_Q T (section 3.2). T is bounded above,
    or one fake would outweigh all.
    """

    name = "kl"
    recipe: ClassVar[Mapping[str, Any]] = {"lr": 2e-4, "lr_final": 1e-4}

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return (bounded(fake) - 1).exp().mean() - bounded(real).mean()

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        return -bounded(fake).mean()


@register
class Lsgan:
    """Least squares: reals towards 1, fakes towards 0 (arXiv 1611.04076, eq. 9)."""

    name = "lsgan"

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return ((real - 1).square().mean() + fake.square().mean()) / 2

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        return (fake - 1).square().mean() / 2


@register
class Hinge:
    """Only what is not yet told apart by a margin counts (arXiv 1705.02894, 1802.05957)."""

    name = "hinge"

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return relu(1 - real).mean() + relu(1 + fake).mean()

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        return -fake.mean()


@register
class Wgan:
    """The earth mover's distance, with a critic whose weights are clipped (arXiv 1701.07875)."""

    name = "wgan"
    recipe: ClassVar[Mapping[str, Any]] = {
        "gamma": 0.0,
        "gamma_final": 0.0,
        "clip": 0.01,
        "n_critic": 5,
        "lr": 5e-5,
        "lr_final": 5e-5,
    }

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return fake.mean() - real.mean()

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        return -fake.mean()


@register
class WganGp(Wgan):
    """The same with a critic of slope 1 between reals and fakes (arXiv 1704.00028)."""

    name = "wgan-gp"
    recipe: ClassVar[Mapping[str, Any]] = {
        "penalty": "wgan-gp",
        "gamma": 10.0,
        "gamma_final": 10.0,
        "penalty_interval": 1,
        "n_critic": 5,
        "lr": 2e-4,
        "lr_final": 1e-4,
        "beta2": 0.9,
        "beta2_final": 0.9,
    }


def bounded(t: Tensor) -> Tensor:
    """t up to MOST, beyond it ever flatter, never with a slope of zero."""
    return torch.where(t > MOST, MOST + relu(t - MOST).log1p(), t)


@dataclass(kw_only=True)
class LeCam:
    """A pull of the logits towards what they lately were, for few images (arXiv 2104.03310, eq. 5).

    R = E relu(D(x) - a_F)^2 + E relu(a_R - D(G(z)))^2, a_R and a_F means over the last steps.
    """

    weight: float
    of_real: float | Tensor = 0.0
    of_fake: float | Tensor = 0.0

    def of(self, real: Tensor, fake: Tensor) -> Tensor:
        """The penalty, weighted. Logits are [N]."""
        pulled = relu(real - self.of_fake).square().mean()
        return self.weight * (pulled + relu(self.of_real - fake).square().mean())

    def observe(self, real: Tensor, fake: Tensor) -> None:
        """Go on with the means of a step, which stay where the logits are."""
        self.of_real = self.of_real + (1 - MEMORY) * (real - self.of_real)
        self.of_fake = self.of_fake + (1 - MEMORY) * (fake - self.of_fake)

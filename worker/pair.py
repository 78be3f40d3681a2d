"""A pair of networks with one part of the batch: what both players learn from it, as gradients.

Several pairs share their weights and work side by side, one on each core; each has gradients of its
own, which the game adds up. On two cores this shows half as many images again as torch with two
threads, and hardly suffers from other work on the machine.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from worker.device import Device
from worker.losses import LeCam, Loss
from worker.penalties import Penalty

View = Callable[[Tensor, torch.Generator], Tensor]  # what the discriminator sees of images


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of a batch: reals [N, C, H, W], conditions, noise, and random numbers of its own."""

    real: Tensor
    c: Tensor | None
    z: Tensor
    rng: torch.Generator
    share: float  # of the whole batch


@dataclass(frozen=True, kw_only=True)
class Turn:
    """What the discriminator's turn leaves to the generator's. Logits are [N]."""

    fake: Tensor
    of_real: Tensor
    of_fake: Tensor
    scalars: dict[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class Rules:
    """The game as it stands at one step. `penalty`: None where none is due."""

    loss: Loss
    view: View
    penalty: Penalty | None
    gamma: float  # times the interval
    lecam: LeCam | None


@contextmanager
def frozen(weights: Sequence[Tensor]) -> Iterator[None]:
    """Let gradients pass through the network of `weights` without collecting its own."""
    for weight in weights:
        weight.requires_grad_(False)
    try:
        yield
    finally:
        for weight in weights:
            weight.requires_grad_(True)


class Pair:
    """Generator and discriminator, in the hands of one thread."""

    def __init__(self, G: nn.Module, D: nn.Module, device: Device) -> None:
        self.G, self.D, self.device = G, D, device
        # Finding them takes a walk through all modules, which is much for every step.
        self.weights: dict[str, list[Tensor]] = {"G": [*G.parameters()], "D": [*D.parameters()]}

    def twin(self) -> "Pair":
        """A pair with the same weights, which stay the same, and gradients of its own."""
        return Pair(sharing(self.G), sharing(self.D), self.device)

    def follow(self, first: "Pair") -> None:
        """Take over its buffers, such as running means: those of the first pair are the game's."""
        for mine, its in ((self.G, first.G), (self.D, first.D)):
            for kept, own in zip(mine.buffers(), its.buffers(), strict=True):
                kept.copy_(own)

    def teach_discriminator(self, part: Part, rules: Rules, *, last: bool) -> Turn:
        """The discriminator's gradients; `last`: the generator will learn from these fakes too."""
        with self.device.autocast(), torch.set_grad_enabled(last):
            fake = getattr(self.G, "pyramid", self.G)(part.z, part.c)
        real, shown = getattr(self.D, "pyramid", nn.Identity())(part.real), fake.detach()

        def judge(images: Tensor) -> Tensor:
            return self.D(seen(images, part, rules), part.c).float()

        with self.device.autocast():
            of_real, of_fake = judge(real), judge(shown)
            loss = rules.loss.discriminator(of_real, of_fake)
            scalars = {"D": loss.detach()}
            if rules.lecam is not None:
                loss = loss + rules.lecam.of(of_real, of_fake)
            if lesson := lesson_of(self.D):
                more = lesson(part.real, part.c)
                scalars["D_lesson"] = more.detach()
                loss = loss + more
        (loss * part.share).backward()
        if rules.penalty is not None:
            total = part.real.new_zeros(())
            for name, value in rules.penalty.of(judge, real, shown, part.rng).items():
                scalars[name] = value.detach()
                total = total + value
            (total * (rules.gamma * rules.penalty.weight * part.share)).backward()
        scalars["accuracy"] = (of_real > of_fake).float().mean()
        scalars["sign"] = (of_real - of_fake).detach().sign().mean()
        scalars |= {"of_real": of_real.detach().mean(), "of_fake": of_fake.detach().mean()}
        return Turn(fake=fake, of_real=of_real.detach(), of_fake=of_fake.detach(), scalars=scalars)

    def teach_generator(self, part: Part, turn: Turn, rules: Rules) -> dict[str, Tensor]:
        """The generator's gradients, against the logits that reals had a moment ago."""
        with frozen(self.weights["D"]), self.device.autocast():
            of_fake = self.D(seen(turn.fake, part, rules), part.c).float()
            loss = rules.loss.generator(turn.of_real, of_fake)
            scalars = {"G": loss.detach()}
            if lesson := lesson_of(self.G):
                more = lesson(part.real, part.c, self.D)
                scalars["G_lesson"] = more.detach()
                loss = loss + more
            (loss * part.share).backward()
        return scalars


def seen(images: Tensor, part: Part, rules: Rules) -> Tensor:
    """What the discriminator sees; of a pyramid's pictures each alike (see `models.registry`)."""
    channels = part.real.shape[1]
    if images.shape[1] == channels:
        return rules.view(images, part.rng)
    state, views = part.rng.get_state(), list[Tensor]()
    for picture in images.split(channels, dim=1):
        part.rng.set_state(state)
        views.append(rules.view(picture, part.rng))
    return torch.cat(views, dim=1)


def lesson_of(network: nn.Module) -> Callable[..., Tensor] | None:
    """What the network has to learn besides the game, as a loss; see `models.registry`."""
    return getattr(network, "lesson", None)


def sharing(network: nn.Module) -> nn.Module:
    """A copy whose parameters are stored where those of `network` are."""
    twin = copy.deepcopy(network)
    for own, shared in zip(twin.parameters(), network.parameters(), strict=True):
        own.data = shared.data
    return twin

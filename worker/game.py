"""The two players, their optimisers and the averaged generator: one step, and its whole state."""

import copy
import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm
from torch.optim.swa_utils import get_ema_multi_avg_fn

from models.registry import Architecture, architectures
from worker.augment import Augment, blurred
from worker.device import Device
from worker.losses import LeCam, losses
from worker.pair import Pair, Part, Rules, Turn
from worker.penalties import penalties
from worker.spec import TrainSpec
from worker.tasks import Batch
from worker.team import ALONE, Team

UNTOLD = ("sign", "of_real", "of_fake")  # scalars that only `Game.observe` needs
WARM_UP_STEPS = 50  # while Adam's second moments are still guesses
R = TypeVar("R")


def cosine(start: float, end: float, fraction: float) -> float:
    """From `start` at fraction 0 to `end` at 1 along half a cosine."""
    return end + (start - end) * (1 + math.cos(math.pi * min(max(fraction, 0.0), 1.0))) / 2


def networks(spec: TrainSpec) -> tuple[nn.Module, nn.Module]:
    """Generator and discriminator, freshly initialised from the spec's seed."""
    architecture: Architecture = architectures()[spec.architecture]
    options = architecture.Options(**spec.options)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(spec.seed)
        G = architecture.generator(spec.shape, options)
        D = architecture.discriminator(spec.shape, options)
        if spec.recipe.spectral_norm:
            for layer in D.modules():
                if isinstance(layer, nn.Conv2d | nn.Linear):
                    spectral_norm(layer)  # arXiv 1802.05957
    return G, D


def optimiser(network: nn.Module, spec: TrainSpec) -> torch.optim.Adam:
    recipe = spec.recipe
    return torch.optim.Adam(
        network.parameters(), lr=recipe.lr, betas=(recipe.beta1, recipe.beta2), fused=True
    )


class Game:
    """A training between steps. `rng` (CPU) draws noise and augmentation."""

    def __init__(self, spec: TrainSpec, device: Device, team: Team = ALONE) -> None:
        self.spec, self.device, self.team = spec, device.divided(team.size), team
        self.step = 0
        self.images = 0  # real ones shown; the batch may change between attempts
        self.sigma = 0.0  # pixels, of the blur in front of the discriminator
        self.lr_scale = 1.0  # halved by every roll-back
        self.gamma_scale = 1.0  # doubled when the discriminator wins
        self.rng = torch.Generator().manual_seed(spec.seed)
        G, D = networks(spec)
        self.G, self.D = device.place(G), device.place(D)
        self.ema = copy.deepcopy(self.G).eval().requires_grad_(False)
        self.averages: list[Tensor] = list(self.ema.parameters())
        self.optimisers = {"G": optimiser(self.G, spec), "D": optimiser(self.D, spec)}
        recipe = spec.recipe
        self.loss = losses()[recipe.loss]
        self.penalty = penalties()[recipe.penalty](recipe.penalty_sigma)
        self.lecam = LeCam(weight=recipe.lecam)
        self.augment = Augment(names=recipe.augment, p=recipe.augment_p, adaptive=recipe.adaptive)
        hands = self.device.hands(recipe.batch // team.size)
        if device.name == "cpu":
            torch.set_num_threads(max(1, self.device.threads // hands))
        first = Pair(self.G, self.D, device)
        self.pairs = [first, *(first.twin() for _ in range(hands - 1))]
        self._pool = ThreadPoolExecutor(len(self.pairs), thread_name_prefix="pair")

    @property
    def kimg(self) -> float:
        """Thousands of real images shown so far."""
        return self.images / 1000

    def play(self, batches: Sequence[Batch], fraction: float) -> dict[str, Tensor]:
        """One step at `fraction` of the budget: the discriminator's turn on each of `batches`, then
        the generator's on the last. Of a team each process gives its own part of the batches.
        Returns detached scalars, the same in all processes.

        One draw of noise serves both: the generator answers to the discriminator that has just
        learnt from the same fakes, which saves a forward pass.
        """
        self.adjust(fraction)
        self.team.share([*self.G.buffers(), *self.D.buffers()])
        for pair in self.pairs[1:]:
            pair.follow(self.pairs[0])
        rules = self.rules(fraction)
        parts, turns, scalars = list[Part](), list[Turn](), dict[str, Tensor]()
        for place, batch in enumerate(batches):
            last = place == len(batches) - 1
            parts = self.parts(batch)
            turns = self.each(
                lambda k, parts=parts, last=last: self.pairs[k].teach_discriminator(
                    parts[k], rules, last=last
                )
            )
            self.advance("D")
            self.images += self.spec.recipe.batch
            scalars = self.mean(parts, [turn.scalars for turn in turns])
            self.observe(scalars)
        told = self.each(lambda k: self.pairs[k].teach_generator(parts[k], turns[k], rules))
        self.advance("G")
        if self.team.leads:
            self.average()
        self.step += 1
        shown = {name: value for name, value in scalars.items() if name not in UNTOLD}
        return shown | self.mean(parts, told)

    def rules(self, fraction: float) -> Rules:
        """The game at this step."""
        recipe = self.spec.recipe
        due = recipe.gamma > 0 and self.step % recipe.penalty_interval == 0
        gamma = cosine(recipe.gamma, recipe.gamma_final, fraction)
        return Rules(
            loss=self.loss,
            view=self.view,
            penalty=self.penalty if due else None,
            gamma=gamma * self.gamma_scale * recipe.penalty_interval,
            lecam=self.lecam if recipe.lecam else None,
        )

    def view(self, images: Tensor, rng: torch.Generator) -> Tensor:
        """What the discriminator sees of images."""
        return self.augment(blurred(images, self.sigma), rng)

    def parts(self, batch: Batch) -> list[Part]:
        """This process's part of the batch, divided among its pairs."""
        count, hands = self.spec.recipe.batch, len(self.pairs)
        z = torch.randn(count, self.spec.shape.z_dim, generator=self.rng)
        z = z.tensor_split(self.team.size)[self.team.rank]
        seed = int(torch.randint(2**62, (1,), generator=self.rng)) + self.team.rank * hands
        reals, noises = batch.target.tensor_split(hands), z.tensor_split(hands)
        given = [None] * hands if batch.condition is None else batch.condition.tensor_split(hands)
        return [
            Part(
                real=self.placed(real),
                c=None if c is None else self.placed(c),
                z=self.placed(noise),
                rng=torch.Generator().manual_seed(seed + hand),
                share=len(real) / count,
            )
            for hand, (real, c, noise) in enumerate(zip(reals, given, noises, strict=True))
        ]

    def each(self, work: Callable[[int], R]) -> list[R]:
        """`work` for the place of every pair, side by side."""
        if len(self.pairs) == 1:
            return [work(0)]
        return list(self._pool.map(work, range(len(self.pairs))))

    def placed(self, images: Tensor) -> Tensor:
        """The same numbers where and how the networks want them."""
        images = images.to(self.device.torch_device, non_blocking=True)
        if images.dim() == 4:
            images = images.contiguous(memory_format=self.device.memory_format)
        return images

    def mean(self, parts: Sequence[Part], told: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
        """Of the scalars of all parts, each as heavy as its share; they stay on their device."""
        shares = [part.share for part in parts]
        means = {
            name: torch.stack([w * own[name] for w, own in zip(shares, told, strict=True)]).sum()
            for name in told[0]
        }
        self.team.add([*means.values()])
        return means

    def observe(self, scalars: dict[str, Tensor]) -> None:
        """What augmentation and LeCam learn from the logits of a turn."""
        count = self.spec.recipe.batch
        self.augment.observe(scalars["sign"] * count, count)
        if self.lecam.weight:
            self.lecam.observe(scalars["of_real"], scalars["of_fake"])

    def adjust(self, fraction: float) -> None:
        """Put learning rate, momentum and blur where the schedule has them.

        The blur (as in StyleGAN3, arXiv 2106.12423, app. B) makes both players settle shapes and
        colours before details, which the discriminator would otherwise win by.
        """
        recipe = self.spec.recipe
        sharp = min(fraction / recipe.blur_until, 1.0) if recipe.blur_until else 1.0
        self.sigma = recipe.blur * self.spec.shape.resolution * (1 - sharp)
        warm = min((self.step + 1) / WARM_UP_STEPS, 1.0)
        lr = self.lr_scale * warm * cosine(recipe.lr, recipe.lr_final, fraction)
        for player in self.optimisers.values():
            for group in player.param_groups:
                group["lr"] = lr
                beta2 = cosine(recipe.beta2, recipe.beta2_final, fraction)
                group["betas"] = (recipe.beta1, beta2)

    @torch.no_grad()
    def advance(self, player: str) -> None:
        """Add the gradients of all pairs, and take the step."""
        first, *others = (pair.weights[player] for pair in self.pairs)
        for other in others:
            for own, theirs in zip(first, other, strict=True):
                if theirs.grad is not None:
                    own.grad = theirs.grad if own.grad is None else own.grad.add_(theirs.grad)
                    theirs.grad = None
        self.team.add([p.grad for p in first if p.grad is not None])
        self.optimisers[player].step()
        self.optimisers[player].zero_grad(set_to_none=True)
        if player == "D" and self.spec.recipe.clip:
            for weights in first:
                weights.clamp_(-self.spec.recipe.clip, self.spec.recipe.clip)

    @torch.no_grad()
    def average(self) -> None:
        """ema <- decay ema + (1 - decay) G, with a half-life that grows with what was seen."""
        half_life = min(self.spec.recipe.ema_kimg * 1000, 0.1 * self.kimg * 1000)
        decay = 0.5 ** (self.spec.recipe.batch / half_life) if half_life else 0.0
        get_ema_multi_avg_fn(decay)(self.averages, self.pairs[0].weights["G"], None)
        for kept, new in zip(self.ema.buffers(), self.G.buffers(), strict=True):
            kept.copy_(new)

    @torch.no_grad()
    def paint(self, z: Tensor, c: Tensor | None) -> Tensor:
        """Images of the averaged generator, float32 [N, C, H, W] on the CPU.

        A batch at a time: more at once would need more memory than the training itself.
        """
        size = self.spec.recipe.batch
        conditions = c.split(size) if c is not None else [None] * len(z)
        painted = [
            self.ema(self.placed(part), None if given is None else self.placed(given))
            for part, given in zip(z.split(size), conditions, strict=False)
        ]
        return torch.cat([images.float().cpu() for images in painted])

    def finite(self) -> bool:
        """Whether every weight of both players, and every mean square of Adam's, is a number: then
        their sums are. A mean square that overflowed stops its weight for good."""
        weights = [*self.pairs[0].weights["G"], *self.pairs[0].weights["D"]]
        squares = [s["exp_avg_sq"] for p in self.optimisers.values() for s in p.state.values()]
        return bool(torch.stack([t.detach().sum() for t in [*weights, *squares]]).isfinite().all())

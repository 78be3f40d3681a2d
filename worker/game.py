"""The two players, their optimisers and the averaged generator: one step, and its whole state."""

import copy
import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from models.registry import Architecture, architectures
from worker.augment import Augment, blurred
from worker.device import Device
from worker.losses import gradient_penalty, losses
from worker.spec import TrainSpec
from worker.tasks import Batch

WARM_UP_STEPS = 50  # while Adam's second moments are still guesses


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
    return G, D


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """Let gradients pass through `network` without collecting its own."""
    network.requires_grad_(False)
    try:
        yield
    finally:
        network.requires_grad_(True)


def optimiser(network: nn.Module, spec: TrainSpec) -> torch.optim.Adam:
    recipe = spec.recipe
    return torch.optim.Adam(
        network.parameters(), lr=recipe.lr, betas=(recipe.beta1, recipe.beta2), fused=True
    )


class Game:
    """A training between steps. `rng` (CPU) draws noise and augmentation."""

    def __init__(self, spec: TrainSpec, device: Device) -> None:
        self.spec, self.device = spec, device
        self.step = 0
        self.images = 0  # real ones shown; the batch may change between attempts
        self.sigma = 0.0  # pixels, of the blur in front of the discriminator
        self.lr_scale = 1.0  # halved by every roll-back
        self.rng = torch.Generator().manual_seed(spec.seed)
        G, D = networks(spec)
        self.G, self.D = device.place(G), device.place(D)
        self.ema = copy.deepcopy(self.G).eval().requires_grad_(False)
        self.optimisers = {"G": optimiser(self.G, spec), "D": optimiser(self.D, spec)}
        self.loss = losses()[spec.recipe.loss]
        self.augment = Augment(
            names=spec.recipe.augment, p=spec.recipe.augment_p, adaptive=spec.recipe.adaptive
        )

    @property
    def kimg(self) -> float:
        """Thousands of real images shown so far."""
        return self.images / 1000

    def play(self, batch: Batch, fraction: float) -> dict[str, Tensor]:
        """One step of both players at `fraction` of the budget. Returns detached scalars.

        One draw of noise serves both: the generator answers to the discriminator that has just
        learnt from the same fakes, which saves a forward pass.
        """
        self.adjust(fraction)
        real = self.placed(batch.target)
        c = None if batch.condition is None else self.placed(batch.condition)
        z = torch.randn(len(batch.target), self.spec.shape.z_dim, generator=self.rng)
        with self.device.autocast():
            fake = self.G(z.to(real.device), c)
        scalars, logits = self.teach_discriminator(real, fake.detach(), c, fraction)
        scalars["G"] = self.teach_generator(fake, c, logits)
        self.average()
        self.step += 1
        self.images += len(batch.target)
        return scalars

    def placed(self, images: Tensor) -> Tensor:
        """The same numbers where and how the networks want them."""
        images = images.to(self.device.torch_device, non_blocking=True)
        if images.dim() == 4:
            images = images.contiguous(memory_format=self.device.memory_format)
        return images

    def judge(self, images: Tensor, c: Tensor | None) -> Tensor:
        """Logits [N] of augmented images, in float32."""
        return self.D(self.augment(blurred(images, self.sigma), self.rng), c).float()

    def teach_discriminator(
        self, real: Tensor, fake: Tensor, c: Tensor | None, fraction: float
    ) -> tuple[dict[str, Tensor], Tensor]:
        """The discriminator's turn: its scalars, and the logits of the reals."""
        with self.device.autocast():
            of_real, of_fake = self.judge(real, c), self.judge(fake, c)
        loss = self.loss.discriminator(of_real, of_fake)
        loss.backward()
        scalars = {"D": loss.detach()}
        recipe = self.spec.recipe
        if recipe.gamma and self.step % recipe.penalty_interval == 0:
            gamma = cosine(recipe.gamma, recipe.gamma_final, fraction)
            r1 = gradient_penalty(lambda x: self.judge(x, c), real).mean()
            r2 = gradient_penalty(lambda x: self.judge(x, c), fake).mean()
            ((r1 + r2) * (gamma / 2 * recipe.penalty_interval)).backward()
            scalars |= {"R1": r1.detach(), "R2": r2.detach()}
        self.advance("D")
        self.augment.observe(of_real.detach(), of_fake.detach())
        scalars["accuracy"] = (of_real > of_fake).float().mean()
        return scalars, of_real.detach()

    def teach_generator(self, fake: Tensor, c: Tensor | None, of_real: Tensor) -> Tensor:
        """The generator's turn, against the logits that reals had a moment ago; its loss."""
        with frozen(self.D), self.device.autocast():
            of_fake = self.judge(fake, c)
        loss = self.loss.generator(of_real, of_fake)
        loss.backward()
        self.advance("G")
        return loss.detach()

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

    def advance(self, player: str) -> None:
        self.optimisers[player].step()
        self.optimisers[player].zero_grad(set_to_none=True)

    @torch.no_grad()
    def average(self) -> None:
        """ema <- decay ema + (1 - decay) G, with a half-life that grows with what was seen."""
        half_life = min(self.spec.recipe.ema_kimg * 1000, 0.1 * self.kimg * 1000)
        decay = 0.5 ** (self.spec.recipe.batch / half_life) if half_life else 0.0
        for kept, new in zip(self.ema.parameters(), self.G.parameters(), strict=True):
            kept.lerp_(new, 1 - decay)
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
        """Whether every weight of both players is a number."""
        tensors = [*self.G.parameters(), *self.D.parameters()]
        return all(bool(torch.isfinite(t).all()) for t in tensors)

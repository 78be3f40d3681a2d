"""The limit for our trainer: the same game in a loop written by hand, with nothing around it.

Relativistic pairing, exact penalties on reals and fakes every few steps, fused Adam, averaged
weights. The images lie ready in memory as the networks want them; nothing is told or kept. The
batch is divided among threads with a pair of networks each, or torch divides every layer.
"""

import copy
import time
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus
from torch.optim.swa_utils import get_ema_multi_avg_fn

from models.registry import architectures
from worker.device import Device
from worker.spec import TrainSpec

BATCHES = 16  # that lie ready
WARM_UP_STEPS = 10


class Bare:
    """One loop. `pairs`: of networks side by side, each on one thread."""

    def __init__(self, spec: TrainSpec, device: Device, *, pairs: int) -> None:
        recipe = spec.recipe
        assert (recipe.loss, recipe.penalty, recipe.n_critic) == ("rpgan", "r1r2", 1)
        assert spec.shape.c_dim == 0
        self.recipe, self.device, self.z_dim = recipe, device, spec.shape.z_dim
        self.threads = device.threads if pairs == 1 else 1
        torch.set_num_threads(self.threads)
        torch.manual_seed(spec.seed)
        networks = architectures()[spec.architecture]
        options = networks.Options(**spec.options)
        G = device.place(networks.generator(spec.shape, options))
        D = device.place(networks.discriminator(spec.shape, options))
        self.pairs = [(G, D)] + [(shared(G), shared(D)) for _ in range(pairs - 1)]
        self.weights: list[list[list[Tensor]]] = [
            [[*net.parameters()] for net in pair] for pair in self.pairs
        ]
        self.average = get_ema_multi_avg_fn(0.999)  # one lerp of all weights
        self.ema: list[Tensor] = [weight.detach().clone() for weight in self.weights[0][0]]
        betas = (recipe.beta1, recipe.beta2)
        self.adam = [
            torch.optim.Adam(own, lr=recipe.lr, betas=betas, fused=True) for own in self.weights[0]
        ]
        side, channels = spec.shape.resolution, spec.shape.channels
        images = torch.rand(BATCHES, recipe.batch // pairs, channels, side, side) * 2 - 1
        layout = device.memory_format
        self.reals = [x.to(device.torch_device, memory_format=layout) for x in images]
        self.pool, self.steps = ThreadPoolExecutor(pairs), 0
        for _ in range(WARM_UP_STEPS):
            self.step()

    def run(self, seconds: float) -> float:
        """Images per second over about so long."""
        begun, shown = time.monotonic(), 0
        while time.monotonic() - begun < seconds:
            self.step()
            shown += sum(len(self.reals[0]) for _ in self.pairs)
        return shown / (time.monotonic() - begun)

    def autocast(self) -> torch.autocast:
        """Threads must not share casts of weights; one alone may keep them."""
        dtype, low = getattr(torch, self.device.dtype), self.device.dtype != "float32"
        alone = len(self.pairs) == 1
        return torch.autocast(self.device.name, dtype=dtype, enabled=low, cache_enabled=alone)

    def step(self) -> None:
        every = range(len(self.pairs))
        turns = list(self.pool.map(self.discriminator, every))
        self.advance(1)
        list(self.pool.map(self.generator, every, turns))
        self.advance(0)
        self.average(self.ema, self.weights[0][0], None)
        self.steps += 1

    def discriminator(self, place: int) -> tuple[Tensor, Tensor]:
        G, D = self.pairs[place]
        real = self.reals[(self.steps + place) % BATCHES]
        with self.autocast():
            fake = G(torch.randn(len(real), self.z_dim, device=real.device))
            of_real, of_fake = D(real).float(), D(fake.detach()).float()
        (softplus(of_fake - of_real).mean() / len(self.pairs)).backward()
        if self.steps % self.recipe.penalty_interval == 0:
            squares = torch.stack([squared_slope(D, x) for x in (real, fake)]).sum()
            weight = self.recipe.gamma / 2 * self.recipe.penalty_interval
            (weight / len(self.pairs) * squares).backward()
        return fake, of_real.detach()

    def generator(self, place: int, turn: tuple[Tensor, Tensor]) -> None:
        fake, of_real = turn
        judge = self.weights[place][1]
        for weight in judge:
            weight.requires_grad_(False)
        with self.autocast():
            of_fake = self.pairs[place][1](fake).float()
        (softplus(of_real - of_fake).mean() / len(self.pairs)).backward()
        for weight in judge:
            weight.requires_grad_(True)

    @torch.no_grad()
    def advance(self, player: int) -> None:
        first, *others = (own[player] for own in self.weights)
        for other in others:
            for own, theirs in zip(first, other, strict=True):
                assert own.grad is not None and theirs.grad is not None
                own.grad.add_(theirs.grad)
                theirs.grad = None
        self.adam[player].step()
        self.adam[player].zero_grad()


def shared(network: nn.Module) -> nn.Module:
    """A copy with the same storage of the weights."""
    twin = copy.deepcopy(network)
    for own, its in zip(twin.parameters(), network.parameters(), strict=True):
        own.data = its.data
    return twin


def squared_slope(D: nn.Module, images: Tensor) -> Tensor:
    """Mean of ||grad D||^2, in float32."""
    x = images.detach().float().requires_grad_()
    (slope,) = torch.autograd.grad(D(x).sum(), x, create_graph=True)
    return slope.square().sum((1, 2, 3)).mean()

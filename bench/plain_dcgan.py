"""The yardstick: DCGAN as the well-known tutorial trains it, in fp32, for a time.

After arXiv 1511.06434: transposed convolutions, BatchNorm, cross entropy, Adam 2e-4 (0.5, 0.999),
batches of 64, noise of length 100, 64 channels at the full resolution.
"""

import math
import time

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from worker.data import Dataset, Sampler
from worker.tasks import pixels

NOISE, WIDTH, BATCH = 100, 64, 64


def generator(resolution: int, channels: int) -> nn.Sequential:
    """z [N, 100, 1, 1] -> images [N, C, H, W], -1..1."""
    stages = int(math.log2(resolution)) - 2
    width = WIDTH * 2 ** (stages - 1)
    layers: list[nn.Module] = [nn.ConvTranspose2d(NOISE, width, 4, bias=False)]
    for _ in range(stages - 1):
        layers += [nn.BatchNorm2d(width), nn.ReLU(True)]
        layers.append(nn.ConvTranspose2d(width, width // 2, 4, 2, 1, bias=False))
        width //= 2
    layers += [nn.BatchNorm2d(width), nn.ReLU(True)]
    layers += [nn.ConvTranspose2d(width, channels, 4, 2, 1, bias=False), nn.Tanh()]
    return _initialised(nn.Sequential(*layers))


def discriminator(resolution: int, channels: int) -> nn.Sequential:
    """Images [N, C, H, W] -> logits [N, 1, 1, 1]."""
    stages, width = int(math.log2(resolution)) - 2, WIDTH
    layers: list[nn.Module] = [nn.Conv2d(channels, width, 4, 2, 1, bias=False), nn.LeakyReLU(0.2)]
    for _ in range(stages - 1):
        layers += [nn.Conv2d(width, 2 * width, 4, 2, 1, bias=False), nn.BatchNorm2d(2 * width)]
        layers.append(nn.LeakyReLU(0.2))
        width *= 2
    return _initialised(nn.Sequential(*layers, nn.Conv2d(width, 1, 4, bias=False)))


def trained(data: Dataset, *, seconds: float, seed: int) -> tuple[nn.Module, int]:
    """The generator after so much time, and how many images were shown."""
    torch.manual_seed(seed)
    G = generator(data.resolution, data.channels)
    D = discriminator(data.resolution, data.channels)
    players = [torch.optim.Adam(net.parameters(), lr=2e-4, betas=(0.5, 0.999)) for net in (G, D)]
    sampler, shown = Sampler(len(data), seed), 0
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        step(G, D, players, pixels(data.rows(sampler.take(BATCH)).images).contiguous())
        shown += BATCH
    return G.eval(), shown


def step(G: nn.Module, D: nn.Module, players: list[torch.optim.Adam], real: Tensor) -> None:
    """One step of both players."""
    of_generator, of_discriminator = players
    fake = G(torch.randn(len(real), NOISE, 1, 1))
    of_discriminator.zero_grad()
    loss = _entropy(D(real), 1.0) + _entropy(D(fake.detach()), 0.0)
    loss.backward()
    of_discriminator.step()
    of_generator.zero_grad()
    _entropy(D(fake), 1.0).backward()
    of_generator.step()


@torch.inference_mode()
def painted(G: nn.Module, count: int, seed: int) -> Tensor:
    """float [count, C, H, W]."""
    rng = np.random.Generator(np.random.Philox(key=seed))
    z = torch.from_numpy(rng.standard_normal((count, NOISE, 1, 1), dtype=np.float32))
    return torch.cat([G(part) for part in z.split(BATCH)])


def _entropy(logits: Tensor, target: float) -> Tensor:
    return binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))


def _initialised(net: nn.Sequential) -> nn.Sequential:
    for layer in net:
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(layer.weight, 0.0, 0.02)
        elif isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 1.0, 0.02)
    return net

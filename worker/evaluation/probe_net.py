"""The small convolutional network that looks at pictures for an evaluation: it judges, it paints
nothing. Finer pixels are stacked as channels, so a look costs about the same at 32 and at 128 px.
"""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from worker.attend import Tell
from worker.evaluation.spaces import fit
from worker.tasks import levels, pixels

GRID = 16  # places per side of the first layer
SMALLEST, LARGEST = 32, 64  # pixels per side that are looked at; others are fitted
STAGES = ((48, 1), (96, 2), (128, 2), (128, 1))  # channels and stride of each convolution
DECAY = 0.02
CHUNK = 256  # images that are fitted at once
WARM_UP = 0.2  # of the steps, in which the learning rate rises


class ProbeNet(nn.Module):
    """Images [N, C, H, W], -1..1, H and W `side_of` them, to outputs [N, `outputs`].

    Its initial weights depend on `seed` only.
    """

    def __init__(self, channels: int, side: int, outputs: int, *, seed: int) -> None:
        super().__init__()
        self.fold = side // GRID
        ends = [(channels * self.fold**2, 0), *STAGES]
        rng = torch.Generator().manual_seed(seed)  # not the shared one: threads make nets at once
        self.body = nn.Sequential(
            *(_stage(inputs, *stage, rng) for (inputs, _), stage in pairwise(ends))
        )
        self.head = linear(STAGES[-1][0], outputs, rng)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.levels(images)[-1])

    def levels(self, images: Tensor) -> list[Tensor]:
        """What every convolution but the first sees, meant over all places: [N, 96], [N, 128]..."""
        x = F.pixel_unshuffle(images, self.fold).contiguous(memory_format=torch.channels_last)
        found = []
        for stage in self.body:
            x = stage(x)
            found.append(x.mean((2, 3)))
        return found[1:]


def side_of(resolution: int) -> int:
    """The pixels per side at which the network looks at pictures of `resolution`."""
    return SMALLEST if resolution < LARGEST else LARGEST


def fitted(images: np.ndarray) -> np.ndarray:
    """uint8 [N, H, W, C] -> uint8 [N, S, S, C], S being `side_of` them."""
    side = side_of(images.shape[1])
    if images.shape[1:3] == (side, side):
        return images
    chunks = (images[start : start + CHUNK] for start in range(0, len(images), CHUNK))
    return np.concatenate([levels(fit(pixels(torch.from_numpy(c)), side)) for c in chunks])


def shifted(images: Tensor, rng: torch.Generator) -> Tensor:
    """The images moved together by up to a sixteenth of their side; edges are repeated."""
    side = images.shape[-1]
    most = max(1, side // 16)
    y, x = torch.randint(0, 2 * most + 1, (2,), generator=rng).tolist()
    return F.pad(images, (most,) * 4, mode="replicate")[:, :, y : y + side, x : x + side]


def trained(
    net: nn.Module, loss: Callable[[], Tensor], tell: Tell, *, steps: int, rate: float
) -> None:
    """Train `net` on what `loss` gives, telling how much is done; it is then in eval mode.

    AdamW (arXiv 1711.05101) under a learning rate that rises to `rate` and falls to zero.
    """
    optimizer = torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, rate, total_steps=steps, pct_start=WARM_UP
    )
    net.train()
    for step in range(steps):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()
        schedule.step()
        tell((step + 1) / steps)
    net.eval()


def linear(inputs: int, outputs: int, rng: torch.Generator) -> nn.Linear:
    """A linear layer; weights N(0, 1 / inputs), biases zero."""
    layer = nn.Linear(inputs, outputs, device="meta").to_empty(device="cpu")
    nn.init.normal_(layer.weight, std=inputs**-0.5, generator=rng)
    nn.init.zeros_(layer.bias)
    return layer


def _stage(inputs: int, outputs: int, stride: int, rng: torch.Generator) -> nn.Sequential:
    layer = nn.Conv2d(
        inputs, outputs, 3, stride=stride, padding=1, bias=False, device="meta"
    ).to_empty(device="cpu")
    nn.init.kaiming_normal_(layer.weight, generator=rng)
    return nn.Sequential(layer, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))

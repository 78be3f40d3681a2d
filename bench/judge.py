"""What a recipe is judged by: figures of 2,000 images against the reals, and what sprites show."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from worker.data import Dataset, Sampler
from worker.encode import grid
from worker.evaluation.data_space import data_space
from worker.evaluation.metrics import measure
from worker.evaluation.probe_net import ProbeNet, fitted, shifted, trained
from worker.evaluation.reals import spread
from worker.evaluation.sides import Sides
from worker.evaluation.spaces import Space, rand64
from worker.sprites import FACTORS, draw
from worker.tasks import pixels

FAKES, REALS = 2000, 4000
FIGURES = ("kd", "swd", "coverage", "diversity")
LESSONS, STEPS, BATCH = 12_000, 900, 64  # of the network that reads sprites
OTHER_SEED = 9  # of sprites that are in no training set
SURE = 0.5
PRESENT = 0.2  # of the share among reals: so often a value has to appear


def judged(data: Dataset, fakes: np.ndarray, cache: Path) -> dict[str, float]:
    """Figures of uint8 fakes [N, H, W, C] by name; `data_kd` in the space learnt from the set."""
    reals = np.asarray(data.images[spread(len(data), REALS)])
    found: dict[str, float] = {}
    learnt = data_space(np.asarray(data.images), data.sha256, cache, lambda done: None)
    spaces: dict[str, Space] = {"": rand64(), "data_": learnt}
    for prefix, space in spaces.items():
        sides = Sides(
            real=space.features(reals),
            fake=space.features(fakes),
            real_images=reals,
            fake_images=fakes,
            space=space.name,
        )
        figures = measure(sides, FIGURES if not prefix else ("kd", "coverage"))
        found |= {prefix + k: v for k, v in figures.items() if k in (*FIGURES, "kd_floor")}
    return found


@dataclass(frozen=True)
class Reader:
    """A network that reads the factors of sprites."""

    net: ProbeNet

    def shares(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """How often each value of each factor is seen, unsure ones left out: factor -> [values]."""
        with torch.inference_mode():
            parts = torch.from_numpy(np.ascontiguousarray(fitted(images))).split(BATCH)
            logits = torch.cat([self.net(pixels(part)) for part in parts])
        seen = {}
        for name, part in _split(logits).items():
            sure, value = part.softmax(1).max(1)
            counts = torch.bincount(value[sure > SURE], minlength=part.shape[1])
            seen[name] = (counts / len(part)).numpy()
        return seen


def factors(fakes: np.ndarray, resolution: int, cache: Path) -> dict[str, float]:
    """Of sprites: the share of each factor's values that appear, the least and the mean of it."""
    reader = read_sprites(resolution, cache)
    reals = np.stack([np.asarray(draw(OTHER_SEED, i, resolution)[0]) for i in range(1000)])
    wanted, seen = reader.shares(reals), reader.shares(fakes)
    shares = {k: float((seen[k] >= PRESENT * wanted[k]).mean()) for k in wanted}
    return {"factors_least": min(shares.values()), "factors": sum(shares.values()) / len(shares)}


def read_sprites(resolution: int, cache: Path) -> Reader:
    """The reader, learnt once and kept in `cache`."""
    outputs = sum(len(values) for values in FACTORS.values())
    net = ProbeNet(3, min(resolution, 64), outputs, seed=0)
    path = cache / f"sprite-reader-{resolution}.safetensors"
    if path.exists():
        net.load_state_dict(safetensors.torch.load_file(path))
        return Reader(net.eval())
    drawn = [draw(OTHER_SEED, 1000 + i, resolution) for i in range(LESSONS)]
    images = fitted(np.stack([np.asarray(image) for image, _ in drawn]))
    targets = torch.tensor(
        [[FACTORS[k].index(v) for k, v in values.items()] for _, values in drawn]
    )
    sampler, rng = Sampler(len(images), 0), torch.Generator().manual_seed(0)

    def loss() -> Tensor:
        rows = sampler.take(BATCH)
        told = _split(net(shifted(pixels(torch.from_numpy(images[rows])), rng)))
        right = targets[rows].unbind(1)
        losses = [F.cross_entropy(p, t) for p, t in zip(told.values(), right, strict=True)]
        return torch.stack(losses).mean()

    trained(net, loss, lambda done: None, steps=STEPS, rate=6e-3)
    safetensors.torch.save_file(net.state_dict(), path)
    return Reader(net)


def write_grid(path: Path, images: np.ndarray) -> None:
    """A PNG of the first 64 images, 8 in a row."""
    Image.fromarray(grid(images[:64]).squeeze()).save(path)


def _split(logits: Tensor) -> dict[str, Tensor]:
    return dict(zip(FACTORS, logits.split([len(v) for v in FACTORS.values()], 1), strict=True))

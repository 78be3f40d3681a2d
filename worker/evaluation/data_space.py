"""The space `data`: what a small network sees that learnt from the data set itself, without labels.

It learns two things at once. Two crops of one image belong together (SimCLR, arXiv 2002.05709):
that is what images are of. And which of seven ways an image was spoilt (after 1803.07728): that is
where its parts belong and how sharp it is. It never sees an image that was made. Its features are
whitened on the set, so that every way in which its images differ counts the same.
"""

import hashlib
import logging
from pathlib import Path

import numpy as np
import safetensors
import safetensors.torch
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.errors import NotTrainable
from core.files import write_atomic
from worker.attend import Tell
from worker.data import Sampler
from worker.evaluation.probe_net import ProbeNet, fitted, linear, side_of, trained
from worker.evaluation.reals import spread
from worker.evaluation.spaces import fit, in_batches
from worker.evaluation.spoil import WAYS, spoilt, viewed
from worker.tasks import pixels

FEWEST = 500  # images to learn from
MOST = 10_000
DIM = 64
STEPS = 250
VIEWED, SPOILT = 40, 42  # images of one step
RATE = 4e-3
TEMPERATURE = 0.2  # of the likeness of two views
WHITENED = 2_000  # images that fix origin and scale
RIDGE = 1e-4  # of the largest variance, added to all
TINIEST = 1e-12  # variance, so that a set of equal images has a space as well
REACH = 3.0  # times the usual length, beyond which no feature vector is longer
BATCH = 64
VERSION = 1  # of all this; another one does not read the files of this one
log = logging.getLogger(__name__)


class DataSpace:
    """The trained network as a space; see spaces.py. `sha256` is that of its file."""

    name = "data"
    dim = DIM

    def __init__(self, content: bytes) -> None:
        """Raises ValueError, LookupError, RuntimeError or SafetensorError when it is damaged."""
        tensors = safetensors.torch.load(content)
        self.side, self.channels = (int(size) for size in tensors.pop("shape"))
        self.origin, self.axes = tensors.pop("origin"), tensors.pop("axes")
        self.net = ProbeNet(self.channels, self.side, DIM, seed=0).eval().requires_grad_(False)
        self.net.load_state_dict(tensors)
        self.sha256 = hashlib.sha256(content).hexdigest()
        self.resize = f"{self.side}x{self.side} bicubic (a=-0.5), antialiased, in float, clamped"

    def features(self, images: np.ndarray) -> np.ndarray:
        """uint8 [N, H, W, C] -> float32 [N, 64]; grey images count as RGB where that is learnt."""
        return in_batches(lambda part: self.features_of(pixels(part)), images, DIM, BATCH)

    def features_of(self, images: Tensor) -> Tensor:
        """float [N, C, H, W], -1..1 -> float32 [N, 64]; differentiable."""
        assert images.shape[1] in (1, self.channels), images.shape
        # One alone would be computed in another, noisier way.
        x = fit(images, self.side).expand(max(2, len(images)), self.channels, -1, -1)
        seen = torch.cat(self.net.levels(x), 1)[: len(images)]
        white = (seen - self.origin) @ self.axes
        return white / (1 + white.square().mean(1, keepdim=True) / REACH**2).sqrt()


def data_space(images: np.ndarray, sha256: str, folder: Path, progress: Tell) -> DataSpace:
    """The space of the data set `sha256`, whose training images are uint8 [N, H, W, C].

    Learnt once per resolution and kept in `folder`; 20 to 40 seconds of one core. `progress` is
    told 0..1 and may raise to end the work. Raises NotTrainable when there are too few images.
    """
    if len(images) < FEWEST:
        raise NotTrainable(
            f"the space `data` is learnt from at least {FEWEST} images, there are {len(images)}; "
            "choose another space"
        )
    stem = f"data-v{VERSION}-{sha256[:24]}-{images.shape[1]}"
    kept = _kept(folder, stem)
    if kept is None:
        identity = hashlib.sha256(f"{stem} {sha256}".encode()).digest()
        content = learnt(images, int.from_bytes(identity[:4]), progress)
        kept = DataSpace(content)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomic(folder / f"{stem}-{kept.sha256[:16]}.safetensors", content)
    progress(1.0)
    return kept


def learnt(images: np.ndarray, seed: int, tell: Tell) -> bytes:
    """A network trained on `images`, with what whitens its features: a safetensors file."""
    images = fitted(images[spread(len(images), MOST)])
    side, channels = images.shape[2:]
    assert side == side_of(side)
    net = ProbeNet(channels, side, DIM, seed=seed)
    rng = torch.Generator().manual_seed(seed)
    width = net.head.in_features
    project, tell_way = linear(DIM, DIM, rng), linear(width, len(WAYS), rng)
    sampler = Sampler(len(images), seed)

    def loss() -> Tensor:
        x = pixels(torch.from_numpy(images[sampler.take(VIEWED + SPOILT)]))
        views = [viewed(x[:VIEWED], rng) for _ in range(2)]
        wrong, ways = spoilt(x[VIEWED:], rng)
        seen = net.levels(torch.cat([*views, wrong]))[-1]
        views = project(F.relu(net.head(seen[: 2 * VIEWED]))).chunk(2)
        return contrast(*views) + F.cross_entropy(tell_way(seen[2 * VIEWED :]), ways)

    trained(nn.ModuleList([net, project, tell_way]), loss, tell, steps=STEPS, rate=RATE)
    origin, axes = whitening(_seen(net, images[spread(len(images), WHITENED)]))
    shape = torch.tensor([side, channels])
    tensors = net.state_dict() | {"origin": origin, "axes": axes, "shape": shape}
    return safetensors.torch.save({name: part.contiguous() for name, part in tensors.items()})


def contrast(one: Tensor, other: Tensor) -> Tensor:
    """Equation 1 of 2002.05709: each of [N, d] should be likest to its counterpart."""
    views = F.normalize(torch.cat([one, other]), dim=1)
    likeness = (views @ views.T / TEMPERATURE).fill_diagonal_(-torch.inf)
    return F.cross_entropy(likeness, torch.arange(len(views)).roll(len(one)))


def whitening(seen: Tensor) -> tuple[Tensor, Tensor]:
    """Origin [D] and axes [D, 64] by which rows of `seen` [N, D] get unit covariance."""
    values, vectors = torch.linalg.eigh(torch.cov(seen.double().T))
    values, vectors = values[-DIM:].clamp(min=0), vectors[:, -DIM:]
    ridge = max(RIDGE * float(values[-1]), TINIEST)
    return seen.double().mean(0).float(), (vectors / (values + ridge).sqrt()).float()


def _seen(net: ProbeNet, images: np.ndarray) -> Tensor:
    """float32 [N, D]: all levels of the network."""
    with torch.inference_mode():
        parts = torch.from_numpy(images).split(BATCH)
        return torch.cat([torch.cat(net.levels(pixels(part)), 1) for part in parts])


def _kept(folder: Path, stem: str) -> DataSpace | None:
    """The space in a file whose name begins with `stem`, unless it is damaged."""
    for path in sorted(folder.glob(f"{stem}-*.safetensors")):
        try:
            space = DataSpace(path.read_bytes())
        except (OSError, ValueError, LookupError, RuntimeError, safetensors.SafetensorError):
            log.warning("%s is damaged and is learnt again", path.name)
            continue
        if path.stem == f"{stem}-{space.sha256[:16]}":
            return space
    return None

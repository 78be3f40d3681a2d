"""Do classifiers mistake made images for real ones? A small one is trained on either side.

GAN-test: trained on real images, it recognises the classes of made ones (they look right).
GAN-train: trained on made images, it recognises those of real ones (they also vary enough).
arXiv 1807.09499; GAN-train is the classification accuracy score of 1905.10887.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from worker.attend import Tell
from worker.data import Sampler
from worker.evaluation.chance import of_share
from worker.evaluation.probe_net import ProbeNet, fitted, shifted, trained
from worker.hands import side_by_side
from worker.tasks import pixels

MOST = 5_000  # images that a classifier is trained on, and that it is tested on
FEWEST = 100  # of each side: with less the figures are noise
HELD_OUT = 5  # every fifth image of a class, where no others are kept apart
STEPS = 200
BATCH = 64  # twice as many cost 2.6 times as much, and find nothing more
RATE = 8e-3
SMOOTHING = 0.1  # of the labels
FIGURES = {"gan_test": "gan_test", "gan_train": "gan_train", "real": "classifier_floor"}


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """Images with their classes: uint8 [N, H, W, C], int64 [N] (-1: none; such are left out)."""

    images: np.ndarray
    labels: np.ndarray

    def part(self, indices: np.ndarray) -> "Labelled":
        return Labelled(images=self.images[indices], labels=self.labels[indices])


@dataclass(frozen=True, kw_only=True)
class GanScores:
    """Accuracies, 0..1. `flat`: `gan_test`, `gan_train` and `classifier_floor` (real on real), each
    with its `_sd`.

    `classes`, by name: `gan_test` over the `n` made images of the class; `gan_train` and `real`
    over its held-out real images; null where there are none.
    """

    flat: dict[str, float | str | None]
    classes: dict[str, dict[str, float | None]]


def gan_scores(
    *,
    real: Labelled,
    heldout: Labelled,
    fake: Labelled,
    classes: Sequence[str],
    seed: int,
    progress: Tell,
) -> GanScores:
    """Train two classifiers, equally long and on equally many images, and compare them.

    `real` and `heldout` must have no image in common; see `split`. `progress` is told 0..1 and
    may raise to end the work. The process has to have set torch to one thread.
    """
    real, heldout, fake = (_labelled(side) for side in (real, heldout, fake))
    reason = _reason(real, heldout, fake)
    if reason:
        flat = {f"{name}_reason": reason for name in FIGURES.values()}
        return GanScores(flat={**dict.fromkeys(FIGURES.values()), **flat}, classes={})
    real, heldout, fake = (_fitted(_some(side, MOST, seed)) for side in (real, heldout, fake))
    count = min(len(real.labels), len(fake.labels))
    learnt = [_some(side, count, seed) for side in (real, fake)]
    told = [0.0, 0.0]

    def learn(place: int) -> ProbeNet:
        def tell(done: float) -> None:
            told[place] = done
            progress(sum(told) / 2)

        return classifier(learnt[place], len(classes), tell, seed=seed)

    judge, pupil = side_by_side(learn, (0, 1))
    tests = ((judge, fake), (pupil, heldout), (judge, heldout))
    right = side_by_side(lambda test: recognised(*test), tests)
    return GanScores(
        flat=_flat(right),
        classes={
            label: _of_class(k, tests, right) | {"n": int((fake.labels == k).sum())}
            for k, label in enumerate(classes)
        },
    )


def split(data: Labelled, seed: int) -> tuple[Labelled, Labelled]:
    """Most of the images and a fifth of every class that is held out; the same for equal seeds."""
    order = _order(len(data.labels), seed)
    position = np.empty(len(order), np.int64)  # of each image among those of its class
    for label in np.unique(data.labels):
        own = order[data.labels[order] == label]
        position[own] = np.arange(len(own))
    out = position % HELD_OUT == HELD_OUT - 1
    return data.part(np.flatnonzero(~out)), data.part(np.flatnonzero(out))


def classifier(data: Labelled, classes: int, tell: Tell, *, seed: int) -> ProbeNet:
    """A network trained to tell the `classes` of `data`, whose images are fitted to it."""
    side, channels = data.images.shape[2:]
    net = ProbeNet(channels, side, classes, seed=seed)
    sampler, rng = Sampler(len(data.labels), seed), torch.Generator().manual_seed(seed)

    def loss() -> Tensor:
        chosen = sampler.take(BATCH)
        images = shifted(pixels(torch.from_numpy(data.images[chosen])), rng)
        labels = torch.from_numpy(data.labels[chosen])
        return F.cross_entropy(net(images), labels, label_smoothing=SMOOTHING)

    trained(net, loss, tell, steps=STEPS, rate=RATE)
    return net


def recognised(net: ProbeNet, data: Labelled) -> np.ndarray:
    """bool [N]: whether the class of each image is told rightly."""
    right = np.empty(len(data.labels), bool)
    with torch.inference_mode():
        for start in range(0, len(right), BATCH):
            images = torch.from_numpy(np.array(data.images[start : start + BATCH]))
            told = net(pixels(images)).argmax(1).numpy()
            right[start : start + BATCH] = told == data.labels[start : start + BATCH]
    return right


def _fitted(data: Labelled) -> Labelled:
    return Labelled(images=fitted(data.images), labels=data.labels)


def _labelled(data: Labelled) -> Labelled:
    known = np.flatnonzero(data.labels >= 0)
    return data if len(known) == len(data.labels) else data.part(known)


def _reason(real: Labelled, heldout: Labelled, fake: Labelled) -> str | None:
    """Why nothing can be said, in plain words."""
    if len(np.unique(real.labels)) < 2:
        return "needs real images of at least two classes"
    if not len(heldout.labels):
        return "needs labelled real images that are held out"
    fewest = min(len(real.labels), len(fake.labels))
    if fewest < FEWEST:
        return f"needs >= {FEWEST} labelled images on each side; there are {fewest}"
    return None


def _order(count: int, seed: int) -> np.ndarray:
    return np.random.Generator(np.random.Philox(key=seed)).permutation(count)


def _some(data: Labelled, count: int, seed: int) -> Labelled:
    """At most `count` of the images, in the order of the set."""
    if len(data.labels) <= count:
        return data
    return data.part(np.sort(_order(len(data.labels), seed)[:count]))


def _flat(right: Sequence[np.ndarray]) -> dict[str, float | str | None]:
    """The accuracies over all images, each with its deviation."""
    flat: dict[str, float | str | None] = {}
    for name, hits in zip(FIGURES.values(), right, strict=True):
        share = float(hits.mean())
        flat |= {name: share, f"{name}_sd": of_share(share, len(hits))}
    return flat


def _of_class(
    k: int, tests: Sequence[tuple[ProbeNet, Labelled]], right: Sequence[np.ndarray]
) -> dict[str, float | None]:
    """The accuracies over the images of class `k`."""
    own = [hits[data.labels == k] for (_, data), hits in zip(tests, right, strict=True)]
    return {
        name: float(hits.mean()) if len(hits) else None
        for name, hits in zip(FIGURES, own, strict=True)
    }

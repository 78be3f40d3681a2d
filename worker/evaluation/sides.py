"""The two sides of an evaluation, real and fake, and what several figures share of them."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from worker.evaluation import neighbours
from worker.evaluation.neighbours import Overlap
from worker.evaluation.swd import IMAGES

FEWEST = 32  # held-out images below which the training images themselves say more


@dataclass(frozen=True, kw_only=True)
class Sides:
    """Images uint8 [N, H, W, C] (may be mapped), their features float32 [N, d] in `space`.

    `real` are training images, `heldout` others that training has not seen, where there are any.
    `train` are features of all the training images among which copies are looked for; None means
    those of `real`.
    """

    real: np.ndarray
    fake: np.ndarray
    real_images: np.ndarray
    fake_images: np.ndarray
    heldout: np.ndarray | None = None
    heldout_images: np.ndarray | None = None
    train: np.ndarray | None = None
    space: str
    seed: int = 0

    @cached_property
    def overlap(self) -> Overlap:
        return neighbours.overlap(self.real, self.fake)

    @property
    def known(self) -> np.ndarray:
        """[T, d]: the training images that could have been copied."""
        return self.real if self.train is None else self.train

    @cached_property
    def copies(self) -> tuple[np.ndarray, np.ndarray]:
        """[M]: which training image is nearest to each fake, and its distance."""
        indices, distances = neighbours.nearest(self.fake, self.known)
        return indices[:, 0], distances[:, 0]

    @cached_property
    def lone(self) -> np.ndarray:
        """[T]: how far each training image is from its nearest other one."""
        return neighbours.lone_distances(self.known)

    @cached_property
    def honest(self) -> np.ndarray:
        """[H]: how near to the training images those come that were not copied from them."""
        held = self.told_apart
        return self.lone if held is None else neighbours.nearest(held, self.known)[1][:, 0]

    @property
    def told_apart(self) -> np.ndarray | None:
        """The held-out features, if they are enough to compare with."""
        enough = self.heldout is not None and len(self.heldout) >= FEWEST
        return self.heldout if enough else None

    def random(self, stream: int) -> np.random.Generator:
        """Random numbers of this evaluation, the same every time; one stream per purpose."""
        return np.random.Generator(np.random.Philox(key=np.array([self.seed, stream], np.uint64)))

    def floor(self) -> "Sides":
        """Reals against reals: held-out ones in place of the fakes, else one half of the reals.

        Held-out ones face as many reals in proportion as the fakes do, because figures depend on
        it; the smaller the sides, the larger `fd` and `swd` are.
        """
        held, order = self.told_apart, self.random(0).permutation(len(self.real))
        if held is None:
            here, there = np.split(order, [len(order) // 2])
            fake, fake_images, train = self.real, self.real_images, None
        else:
            assert self.heldout_images is not None
            there = self.random(1).permutation(len(held))[: len(self.fake)]
            here = order[: round(len(there) * len(self.real) / len(self.fake))]
            fake, fake_images, train = held, self.heldout_images, self.known
        return replace(
            self,
            real=self.real[np.sort(here)],
            real_images=self.real_images[np.sort(here[:IMAGES])],
            fake=fake[np.sort(there)],
            fake_images=fake_images[np.sort(there[:IMAGES])],
            train=train,
        )

"""The batches of a game, in the order that its seed decides; processes of a team share them."""

from dataclasses import replace

import numpy as np
import torch

from worker.augment import mirrored
from worker.data import Dataset, Sampler
from worker.game import Game
from worker.tasks import TASKS, Batch


class Feed:
    """Reads what the next step needs. Its state is the sampler's position."""

    def __init__(self, game: Game, data: Dataset) -> None:
        self.game, self.data = game, data
        self.sampler = Sampler(len(data), game.spec.seed)

    def batches(self) -> list[Batch]:
        """One for each turn of the discriminator."""
        return [self.batch() for _ in range(self.game.spec.recipe.n_critic)]

    def batch(self) -> Batch:
        """This process's part of the next batch."""
        spec, team = self.game.spec, self.game.team
        indices = self.sampler.take(spec.recipe.batch)
        rows = self.data.rows(np.array_split(indices, team.size)[team.rank])
        if self.data.stored is not None:
            self.data.stored.expect(self.sampler.ahead(len(indices)))
        batch = TASKS[spec.task].batch(rows, self.game.rng)
        if not spec.recipe.flip:
            return batch
        chosen = torch.rand(len(indices), generator=self.game.rng) < 0.5  # the same in all
        own = chosen.tensor_split(team.size)[team.rank]
        return replace(batch, target=mirrored(batch.target, own))

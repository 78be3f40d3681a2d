"""The other processes of a training: they play along, step for step, and keep no files."""

from collections.abc import Mapping

from torch import Tensor

from worker.checkpoint import State
from worker.data import Dataset
from worker.device import Device
from worker.feed import Feed
from worker.game import Game
from worker.snapshot import capture, plant, restore
from worker.spec import TrainSpec
from worker.team import Team


def follow(
    spec: TrainSpec,
    data: Dataset,
    device: Device,
    team: Team,
    resume: State | None,
    weights: Mapping[str, Tensor],
) -> None:
    """Play what the leader plays until it says the end. Begins as `worker.train.train` does.

    Raises RuntimeError when the leader is gone.
    """
    game = Game(spec, device, team)
    feed = Feed(game, data)

    def state() -> State:
        return capture(game, {"sampler": feed.sampler.position})

    def load(state: State) -> None:
        restore(game, state)
        feed.sampler.position = state.facts["sampler"]

    if resume is None:
        plant(game, dict(weights))
    else:
        load(resume)
    good = resume or state()
    while True:
        word, (fraction, game.lr_scale, game.gamma_scale) = team.hear()
        if word == "play":
            game.play(feed.batches(), fraction)
        elif word == "keep":
            good = state()
        elif word == "back":
            load(good)
        else:
            return

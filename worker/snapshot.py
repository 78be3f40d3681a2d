"""The whole state of a game as a `State`, and back: resumed, it plays on bit for bit."""

from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from core.errors import IncompatibleCheckpoint
from worker.checkpoint import State
from worker.game import Game


def kept(tensor: Tensor) -> Tensor:
    """A contiguous copy on the CPU."""
    return tensor.detach().to("cpu", copy=True).contiguous()


def capture(game: Game, facts: dict[str, Any]) -> State:
    """Copy everything that decides the next step; `facts` are the caller's own (JSON)."""
    tensors = {"rng.noise": game.rng.get_state(), "rng.torch": torch.get_rng_state()}
    if game.device.name == "cuda":
        tensors["rng.cuda"] = torch.cuda.get_rng_state()
    for name, network in (("G", game.G), ("D", game.D), ("ema", game.ema)):
        tensors |= {f"{name}.{key}": kept(value) for key, value in network.state_dict().items()}
    for name, player in game.optimisers.items():
        for index, values in player.state_dict()["state"].items():
            named = {f"opt.{name}.{index}.{key}": kept(value) for key, value in values.items()}
            tensors |= named
    pipe, lecam = game.augment, game.lecam
    own = {
        "step": game.step,
        "images": game.images,
        "kimg": game.kimg,
        "spec": asdict(game.spec),
        "augment": {"p": pipe.p, "signs": float(pipe.signs), "pairs": pipe.pairs},
        "lecam": {"of_real": float(lecam.of_real), "of_fake": float(lecam.of_fake)},
        "lr_scale": game.lr_scale,
        "gamma_scale": game.gamma_scale,
    }
    return State(tensors=tensors, facts={**facts, **own})


def part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors under `prefix`, without it."""
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def restore(game: Game, state: State) -> None:
    """Put `game` where `capture` found it. Raises `IncompatibleCheckpoint` when it cannot be."""
    plant(game, state.tensors)
    for name, player in game.optimisers.items():
        restore_optimiser(player, part(state.tensors, f"opt.{name}."))
    game.rng.set_state(state.tensors["rng.noise"])
    torch.set_rng_state(state.tensors["rng.torch"])
    if game.device.name == "cuda" and "rng.cuda" in state.tensors:
        torch.cuda.set_rng_state(state.tensors["rng.cuda"])
    for key, value in state.facts["augment"].items():
        setattr(game.augment, key, value)
    for key, value in state.facts.get("lecam", {}).items():
        setattr(game.lecam, key, value)
    game.step, game.images = state.facts["step"], images_of(state.facts)
    game.lr_scale = state.facts["lr_scale"]
    game.gamma_scale = state.facts.get("gamma_scale", 1.0)


def plant(game: Game, tensors: dict[str, Tensor]) -> None:
    """Give the networks the weights in `tensors`; one of which there are none keeps its own."""
    for name, network in (("G", game.G), ("D", game.D), ("ema", game.ema)):
        weights = part(tensors, f"{name}.")
        try:
            network.load_state_dict(weights or network.state_dict())
        except RuntimeError as error:
            raise IncompatibleCheckpoint(
                f"the stored weights of {name} do not fit this version's "
                f"{game.spec.architecture}; continue with the version that wrote them"
            ) from error


def images_of(facts: dict[str, Any]) -> int:
    """Real images shown. Checkpoints from before they were counted never changed their batch."""
    return facts.get("images", facts["step"] * facts["spec"]["recipe"]["batch"])


def restore_optimiser(player: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Adam's moments, each in the memory layout of its parameter."""
    player.state.clear()
    for index, parameter in enumerate(player.param_groups[0]["params"]):
        for key, value in part(tensors, f"{index}.").items():
            like = torch.empty_like(parameter) if value.shape == parameter.shape else value.clone()
            player.state[parameter][key] = like.copy_(value)

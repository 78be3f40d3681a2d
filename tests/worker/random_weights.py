"""Random weights for the networks of `worker/evaluation/weights.py`: right names and shapes."""

from functools import cache

import torch
from torch import Tensor, nn

from worker.evaluation.dinov2 import Sizes, VisionTransformer
from worker.evaluation.inception import Inception

TINY = Sizes(dim=64, depth=2, heads=4, patch=14, grid=16)


@cache
def inception_tensors() -> dict[str, Tensor]:
    """He normal convolutions, and batch statistics around those of normal features."""
    with torch.device("meta"):
        layout = Inception()
    return _drawn(layout)


@cache
def dino_tensors(sizes: Sizes = TINY) -> dict[str, Tensor]:
    return _drawn(VisionTransformer(sizes))


def _drawn(layout: nn.Module) -> dict[str, Tensor]:
    rng = torch.Generator().manual_seed(0)
    return {name: _tensor(name, part, rng) for name, part in layout.state_dict().items()}


def _tensor(name: str, like: Tensor, rng: torch.Generator) -> Tensor:
    if not like.is_floating_point():
        return torch.zeros(like.shape, dtype=like.dtype)
    if name.endswith(("running_var", "bn.weight", "gamma")):
        return torch.rand(like.shape, generator=rng) + 0.5
    normal = torch.randn(like.shape, generator=rng)
    matrix = like.ndim > 1 and name.endswith("weight")
    return normal * (2 / like[0].numel()) ** 0.5 if matrix else normal * 0.1

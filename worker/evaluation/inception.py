"""The network behind FID, KID and the Inception Score: Inception-v3 as released on 2015-12-05.

Architecture of arXiv 1512.00567; what the released TensorFlow graph does otherwise is followed, as
published figures do: averages leave out the padding, the last block takes a maximum where all
others average, there are 1008 logits, and pictures are enlarged without antialiasing. Tensors have
the names of pytorch-fid and torch-fidelity. Where weights come from is not known here.
"""

from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from worker.evaluation.spaces import in_batches

SIDE = 299
FEATURES, LOGITS = 2048, 1008
BATCH = 16

Conv = tuple[str, int, int, int, int]  # name, channels, height, width, stride
Step = Conv | tuple[Conv, Conv] | str  # two convolutions side by side; a kind of pooling
Branches = tuple[tuple[Step, ...], ...]

STEM: tuple[Conv | str, ...] = (
    ("Conv2d_1a_3x3", 32, 3, 3, 2),
    ("Conv2d_2a_3x3", 32, 3, 3, 1),
    ("Conv2d_2b_3x3", 64, 3, 3, 1),
    "halve",
    ("Conv2d_3b_1x1", 80, 1, 1, 1),
    ("Conv2d_4a_3x3", 192, 3, 3, 1),
    "halve",
)
PADDED_IN_STEM = "Conv2d_2b_3x3"  # the others there do without
POOLS = {
    "mean": lambda x: F.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False),
    "max": lambda x: F.max_pool2d(x, 3, stride=1, padding=1),
    "halve": lambda x: F.max_pool2d(x, 3, stride=2),
}


def _wide(pooled: int) -> Branches:
    """At 35 x 35 places, figure 5 of the paper (with 5 x 5 kept in one branch)."""
    return (
        (("branch1x1", 64, 1, 1, 1),),
        (("branch5x5_1", 48, 1, 1, 1), ("branch5x5_2", 64, 5, 5, 1)),
        (
            ("branch3x3dbl_1", 64, 1, 1, 1),
            ("branch3x3dbl_2", 96, 3, 3, 1),
            ("branch3x3dbl_3", 96, 3, 3, 1),
        ),
        ("mean", ("branch_pool", pooled, 1, 1, 1)),
    )


def _factorised(c: int) -> Branches:
    """At 17 x 17 places, figure 6: 7 x 7 as 1 x 7 and 7 x 1, `c` channels in between."""
    return (
        (("branch1x1", 192, 1, 1, 1),),
        (
            ("branch7x7_1", c, 1, 1, 1),
            ("branch7x7_2", c, 1, 7, 1),
            ("branch7x7_3", 192, 7, 1, 1),
        ),
        (
            ("branch7x7dbl_1", c, 1, 1, 1),
            ("branch7x7dbl_2", c, 7, 1, 1),
            ("branch7x7dbl_3", c, 1, 7, 1),
            ("branch7x7dbl_4", c, 7, 1, 1),
            ("branch7x7dbl_5", 192, 1, 7, 1),
        ),
        ("mean", ("branch_pool", 192, 1, 1, 1)),
    )


def _spread(pool: str) -> Branches:
    """At 8 x 8 places, figure 7: the ends of two branches are spread."""
    return (
        (("branch1x1", 320, 1, 1, 1),),
        (
            ("branch3x3_1", 384, 1, 1, 1),
            (("branch3x3_2a", 384, 1, 3, 1), ("branch3x3_2b", 384, 3, 1, 1)),
        ),
        (
            ("branch3x3dbl_1", 448, 1, 1, 1),
            ("branch3x3dbl_2", 384, 3, 3, 1),
            (("branch3x3dbl_3a", 384, 1, 3, 1), ("branch3x3dbl_3b", 384, 3, 1, 1)),
        ),
        (pool, ("branch_pool", 192, 1, 1, 1)),
    )


MIXED: dict[str, tuple[int, Branches]] = {  # channels that go in, and what is done to them
    "Mixed_5b": (192, _wide(32)),
    "Mixed_5c": (256, _wide(64)),
    "Mixed_5d": (288, _wide(64)),
    "Mixed_6a": (
        288,
        (
            (("branch3x3", 384, 3, 3, 2),),
            (
                ("branch3x3dbl_1", 64, 1, 1, 1),
                ("branch3x3dbl_2", 96, 3, 3, 1),
                ("branch3x3dbl_3", 96, 3, 3, 2),
            ),
            ("halve",),
        ),
    ),
    "Mixed_6b": (768, _factorised(128)),
    "Mixed_6c": (768, _factorised(160)),
    "Mixed_6d": (768, _factorised(160)),
    "Mixed_6e": (768, _factorised(192)),
    "Mixed_7a": (
        768,
        (
            (("branch3x3_1", 192, 1, 1, 1), ("branch3x3_2", 320, 3, 3, 2)),
            (
                ("branch7x7x3_1", 192, 1, 1, 1),
                ("branch7x7x3_2", 192, 1, 7, 1),
                ("branch7x7x3_3", 192, 7, 1, 1),
                ("branch7x7x3_4", 192, 3, 3, 2),
            ),
            ("halve",),
        ),
    ),
    "Mixed_7b": (1280, _spread("mean")),
    "Mixed_7c": (2048, _spread("max")),
}


class Unit(nn.Module):
    """Convolution without bias, batch normalisation with fixed statistics, rectifier."""

    def __init__(self, inputs: int, conv: Conv, *, padded: bool) -> None:
        super().__init__()
        _, width, *size, stride = conv
        padding = (size[0] // 2, size[1] // 2) if padded else 0
        self.conv = nn.Conv2d(
            inputs, width, (size[0], size[1]), stride=stride, padding=padding, bias=False
        )
        self.bn = nn.BatchNorm2d(width, eps=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))


class Mixed(nn.Module):
    """Branches side by side, their results stacked; a stride of 2 goes without padding."""

    def __init__(self, inputs: int, branches: Branches) -> None:
        super().__init__()
        self.branches = branches
        for branch in branches:
            width = inputs
            for step in branch:
                if isinstance(step, str):
                    continue
                for conv in _convs(step):
                    self.add_module(conv[0], Unit(width, conv, padded=conv[-1] == 1))
                width = _convs(step)[-1][1]

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self._branch(x, branch) for branch in self.branches], 1)

    def _branch(self, x: Tensor, branch: tuple[Step, ...]) -> Tensor:
        for step in branch:
            if isinstance(step, str):
                x = POOLS[step](x)
            else:
                x = torch.cat([self.get_submodule(conv[0])(x) for conv in _convs(step)], 1)
        return x


class Inception(nn.Module):
    """Pictures [N, 3, 299, 299], -1..1, to features [N, 2048]: the means of the last block."""

    def __init__(self) -> None:
        super().__init__()
        width = 3
        for step in STEM:
            if not isinstance(step, str):
                unit = Unit(width, step, padded=step[0] == PADDED_IN_STEM)
                self.add_module(step[0], unit)
                width = step[1]
        for name, (inputs, branches) in MIXED.items():
            self.add_module(name, Mixed(inputs, branches))
        self.fc = nn.Linear(FEATURES, LOGITS)

    def forward(self, x: Tensor) -> Tensor:
        for step in STEM:
            x = POOLS[step](x) if isinstance(step, str) else self.get_submodule(step[0])(x)
        for name in MIXED:
            x = self.get_submodule(name)(x)
        return x.mean((2, 3))


class InceptionSpace:
    """The features as a space (see worker/evaluation/spaces.py); grey pictures count as RGB."""

    name = "inception-2015-12-05"
    dim = FEATURES
    resize = "299x299 bilinear as TensorFlow 1 does it: no antialiasing, corners not aligned"

    def __init__(self, tensors: Mapping[str, Tensor], sha256: str) -> None:
        """Raises RuntimeError when the tensors are not those of the network."""
        with torch.device("meta"):
            self.network = Inception()
        self.network.load_state_dict(tensors, assign=True)
        self.network.requires_grad_(False).eval()
        self.sha256 = sha256

    def features(self, images: np.ndarray) -> np.ndarray:
        """uint8 [N, H, W, C], C 1 or 3 -> float32 [N, 2048]."""
        return in_batches(lambda part: self.network(prepared(part)), images, self.dim, BATCH)

    def logits(self, features: np.ndarray, *, bias: bool = False) -> np.ndarray:
        """float32 [N, 2048] -> [N, 1008]. Inception Scores are published without the bias."""
        fc = self.network.fc
        with torch.inference_mode():
            return F.linear(
                torch.from_numpy(features), fc.weight, fc.bias if bias else None
            ).numpy()


def prepared(images: Tensor) -> Tensor:
    """uint8 [N, H, W, C] -> float [N, 3, 299, 299], -1..1."""
    x = resized(images.permute(0, 3, 1, 2).float(), SIDE)
    return ((x - 128) / 128).expand(-1, 3, -1, -1)


def resized(images: Tensor, side: int) -> Tensor:
    """float [N, C, H, W] -> [N, C, side, side]: place i of the result is read at i * H / side."""
    height, width = images.shape[2:]
    return _reading(height, side) @ images @ _reading(width, side).T


def _reading(inputs: int, outputs: int) -> Tensor:
    """Weights [outputs, inputs] of the two neighbours that each output lies between."""
    place = torch.arange(outputs, dtype=torch.float32) * torch.tensor(inputs / outputs)
    low = place.long()
    share = (place - low)[:, None]
    weights = torch.zeros(outputs, inputs).scatter_(1, low[:, None], 1 - share)
    return weights.scatter_add_(1, (low + 1).clamp(max=inputs - 1)[:, None], share)


def _convs(step: Conv | tuple[Conv, Conv]) -> tuple[Conv, ...]:
    return (step,) if isinstance(step[0], str) else step  # pyright: ignore[reportReturnType]

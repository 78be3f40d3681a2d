"""DINOv2: what a vision transformer that learnt without labels sees in a picture.

arXiv 2304.07193; distances between its features agree with people better than those of Inception
(2306.04675). Tensors have their official names. Where weights come from is not known here.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from worker.evaluation.spaces import fit, in_batches
from worker.tasks import levels, pixels

SIDE = 224
BATCH = 16
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, channels 0..1
OFFSET = 0.1  # places; the released code stretches positions by it, and so must we


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """Of a transformer: `grid` is the places per side that its positions were learnt for."""

    dim: int = 1024
    depth: int = 24
    heads: int = 16
    patch: int = 14
    grid: int = 37


LARGE = Sizes()


class Attention(nn.Module):
    """Every token looks at all: [N, T, dim] -> [N, T, dim]."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return self.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class Mlp(nn.Module):
    """Two layers with GELU, four times as wide inside."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, 4 * dim)
        self.fc2 = nn.Linear(4 * dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x)))


class Scale(nn.Module):
    """What a branch adds, scaled for each channel (arXiv 2103.17239)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(dim))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gamma


class Block(nn.Module):
    """x + attention, then x + perceptron, each of the normalised x and scaled."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.attn = Attention(dim, heads)
        self.ls1 = Scale(dim)
        self.norm2 = nn.LayerNorm(dim, eps=1e-6)
        self.mlp = Mlp(dim)
        self.ls2 = Scale(dim)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.ls1(self.attn(self.norm1(x)))
        return x + self.ls2(self.mlp(self.norm2(x)))


class Patches(nn.Module):
    """Pictures [N, 3, H, W] to one token for each patch: [N, T, dim], row by row."""

    def __init__(self, dim: int, patch: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, dim, patch, stride=patch)

    def forward(self, images: Tensor) -> Tensor:
        return self.proj(images).flatten(2).transpose(1, 2)


class VisionTransformer(nn.Module):
    """Normalised pictures [N, 3, H, H] to features [N, dim]: the class token at the end."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        dim = sizes.dim
        self.sizes = sizes
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.mask_token = nn.Parameter(torch.zeros(1, dim))  # in the file, of no use here
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + sizes.grid**2, dim))
        self.patch_embed = Patches(dim, sizes.patch)
        self.blocks = nn.Sequential(*(Block(dim, sizes.heads) for _ in range(sizes.depth)))
        self.norm = nn.LayerNorm(dim, eps=1e-6)

    def forward(self, images: Tensor) -> Tensor:
        first = self.cls_token.expand(len(images), -1, -1)
        x = torch.cat([first, self.patch_embed(images)], 1)
        x = x + self.positions(images.shape[-1] // self.sizes.patch)
        return self.norm(self.blocks(x))[:, 0]

    def positions(self, grid: int) -> Tensor:
        """[1, 1 + grid^2, dim]: as learnt, or between those that were learnt."""
        learnt = self.sizes.grid
        if grid == learnt:
            return self.pos_embed
        first, places = self.pos_embed.split([1, learnt**2], 1)
        scale = (grid + OFFSET) / learnt
        plane = places.transpose(1, 2).unflatten(2, (learnt, learnt))
        plane = F.interpolate(plane, scale_factor=scale, mode="bicubic")
        return torch.cat([first, plane.flatten(2).transpose(1, 2)], 1)


class DinoSpace:
    """The features as a space (see worker/evaluation/spaces.py); grey pictures count as RGB."""

    name = "dinov2-vitl14"
    resize = "224x224 bicubic (a=-0.5), antialiased, rounded to 8 bits"

    def __init__(self, tensors: Mapping[str, Tensor], sha256: str, sizes: Sizes = LARGE) -> None:
        """Raises RuntimeError when the tensors are not those of the network."""
        with torch.device("meta"):
            self.network = VisionTransformer(sizes)
        self.network.load_state_dict(tensors, assign=True)
        self.network.requires_grad_(False).eval()
        self.dim = sizes.dim
        self.sha256 = sha256

    def features(self, images: np.ndarray) -> np.ndarray:
        """uint8 [N, H, W, C], C 1 or 3 -> float32 [N, dim]."""
        return in_batches(lambda part: self.network(prepared(part)), images, self.dim, BATCH)


def prepared(images: Tensor) -> Tensor:
    """uint8 [N, H, W, C] -> float [N, 3, 224, 224] with the mean and deviation of ImageNet."""
    rounded = torch.from_numpy(levels(fit(pixels(images), SIDE)))
    x = rounded.permute(0, 3, 1, 2).float() / 255
    mean, std = (torch.tensor(values)[:, None, None] for values in (MEAN, STD))
    return (x - mean) / std

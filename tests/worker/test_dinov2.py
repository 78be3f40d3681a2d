"""A tiny DINOv2 against PyTorch's own transformer, which knows neither its names nor its scales."""

import numpy as np
import torch
from torch import Tensor, nn

from tests.worker.random_weights import TINY, dino_tensors
from worker.evaluation.dinov2 import LARGE, DinoSpace, Sizes, VisionTransformer, prepared


def network(sizes: Sizes = TINY) -> VisionTransformer:
    made = VisionTransformer(sizes)
    made.load_state_dict(dino_tensors(sizes))
    return made.eval()


def images(count: int = 3, side: int = 32, channels: int = 3) -> np.ndarray:
    random = np.random.default_rng(0)
    return random.integers(0, 256, (count, side, side, channels), dtype=np.uint8)


def layer(tensors: dict[str, Tensor], block: str) -> nn.TransformerEncoderLayer:
    """The same block of PyTorch; the scales of what is added go into the last weights."""
    made = nn.TransformerEncoderLayer(
        TINY.dim,
        TINY.heads,
        4 * TINY.dim,
        dropout=0.0,
        activation="gelu",
        layer_norm_eps=1e-6,
        batch_first=True,
        norm_first=True,
    )
    one, two = tensors[f"{block}.ls1.gamma"], tensors[f"{block}.ls2.gamma"]
    names = {
        "self_attn.in_proj_weight": tensors[f"{block}.attn.qkv.weight"],
        "self_attn.in_proj_bias": tensors[f"{block}.attn.qkv.bias"],
        "self_attn.out_proj.weight": one[:, None] * tensors[f"{block}.attn.proj.weight"],
        "self_attn.out_proj.bias": one * tensors[f"{block}.attn.proj.bias"],
        "linear1.weight": tensors[f"{block}.mlp.fc1.weight"],
        "linear1.bias": tensors[f"{block}.mlp.fc1.bias"],
        "linear2.weight": two[:, None] * tensors[f"{block}.mlp.fc2.weight"],
        "linear2.bias": two * tensors[f"{block}.mlp.fc2.bias"],
    }
    for norm in ("norm1", "norm2"):
        for part in ("weight", "bias"):
            names[f"{norm}.{part}"] = tensors[f"{block}.{norm}.{part}"]
    made.load_state_dict(names)
    return made.train()  # without dropout the same, and not by a fused path


def test_features_are_those_of_the_transformer_of_pytorch() -> None:
    tensors, x = dino_tensors(), torch.randn(2, 3, 224, 224, generator=torch.manual_seed(0))
    patches = x.unfold(2, 14, 14).unfold(3, 14, 14).permute(0, 2, 3, 1, 4, 5)
    patches = patches.flatten(3).flatten(1, 2)
    weight = tensors["patch_embed.proj.weight"].flatten(1)
    tokens = patches @ weight.T + tensors["patch_embed.proj.bias"]
    tokens = torch.cat([tensors["cls_token"].expand(2, -1, -1), tokens], 1) + tensors["pos_embed"]
    for block in range(TINY.depth):
        tokens = layer(tensors, f"blocks.{block}")(tokens)
    norm = nn.functional.layer_norm(
        tokens[:, 0], (TINY.dim,), tensors["norm.weight"], tensors["norm.bias"], 1e-6
    )
    assert torch.allclose(network()(x), norm, atol=1e-5)


def test_positions_are_kept_at_the_size_they_were_learnt_for() -> None:
    made = network()
    assert made.positions(TINY.grid) is made.pos_embed


def cubic(distance: Tensor) -> Tensor:
    """The weight of a neighbour at this distance: cubic convolution with a = -0.75."""
    t, a = distance.abs(), -0.75
    near = (a + 2) * t**3 - (a + 3) * t**2 + 1
    return torch.where(t <= 1, near, torch.where(t < 2, a * (t**3 - 5 * t**2 + 8 * t - 4), 0.0))


def test_positions_of_other_sizes_lie_between_the_learnt_ones() -> None:
    made = network(Sizes(dim=64, depth=1, heads=4, patch=14, grid=37))
    with torch.no_grad():
        found, learnt = made.positions(16), made.pos_embed[0, 1:].view(37, 37, 64)
    assert torch.equal(found[:, 0], made.pos_embed[:, 0])
    places = (torch.arange(16) + 0.5) * 37 / 16.1 - 0.5
    weights = cubic(places[:, None] - torch.arange(37))
    expected = torch.einsum("yh,xw,hwd->yxd", weights, weights, learnt)
    inner = slice(1, 15)  # beyond the edges the last position is repeated
    assert torch.allclose(
        found[0, 1:].view(16, 16, 64)[inner, inner], expected[inner, inner], atol=1e-4
    )


def test_the_large_one_has_the_tensors_of_the_official_file() -> None:
    with torch.device("meta"):
        layout = VisionTransformer(LARGE).state_dict()
    assert len(layout) == 24 * 14 + 7
    assert layout["pos_embed"].shape == (1, 1370, 1024)
    assert layout["blocks.23.attn.qkv.weight"].shape == (3072, 1024)
    assert sum(part.numel() for part in layout.values()) == 304_368_640


def test_the_space_gives_the_same_for_any_batch_and_for_grey() -> None:
    space = DinoSpace(dino_tensors(), "0" * 64, TINY)
    together = space.features(images())
    alone = np.concatenate([space.features(images()[k : k + 1]) for k in range(3)])
    assert together.shape == (3, 64) and together.dtype == np.float32
    assert np.abs(together - alone).max() < 1e-5
    grey = images(channels=1)
    assert np.allclose(space.features(grey), space.features(np.repeat(grey, 3, 3)), atol=1e-5)


def test_prepared_images_have_the_mean_of_imagenet_at_zero() -> None:
    grey = np.full((1, 32, 32, 3), 124, np.uint8)  # 0.485 of 255 is 123.7
    found = prepared(torch.from_numpy(grey))
    assert found.shape == (1, 3, 224, 224)
    assert abs(float(found[0, 0].mean())) < 0.01
    assert torch.allclose(found[0, 2], torch.tensor((124 / 255 - 0.406) / 0.225), atol=1e-5)

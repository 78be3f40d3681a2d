"""Images of a Ganvas model with plain PyTorch: python torch_generate.py FOLDER 42 alice ...

FOLDER holds model.safetensors and model.json, for example an unpacked archive. Of Ganvas only the
folder `models` is used: the architectures, which import PyTorch and nothing else. With --bfloat16
before FOLDER it computes as a worker does that says so of the model (GET /v1/workers).
"""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file

from models.registry import Shape, architectures


def latent(seed: int | str, z_dim: int) -> np.ndarray:
    """The noise that a seed means, for ever."""
    if isinstance(seed, int):
        return np.random.RandomState(seed).randn(1, z_dim)[0].astype(np.float32)
    key = np.frombuffer(hashlib.sha256(seed.encode()).digest()[:16], "<u8").astype(np.uint64)
    return np.random.Generator(np.random.Philox(key=key)).standard_normal(z_dim).astype(np.float32)


def class_of(seed: int | str, classes: int) -> int:
    """The class that a seed means when none is named."""
    digest = hashlib.sha256(f"label:{seed}".encode()).digest()
    return int.from_bytes(digest[:8], "little") % classes


def condition(seed: int | str, classes: list[str], attributes: list[str], pairs: Any) -> np.ndarray:
    """What the network is told of a class, or of a combination of attributes, as a seed means it.

    pairs: combinations, each as the places of those that hold, and how often it occurs.
    """
    if classes:
        return np.eye(len(classes), dtype=np.float32)[class_of(seed, len(classes))]
    ends = np.cumsum([count for _, count in pairs])
    which = np.searchsorted(ends, class_of(seed, int(ends[-1])), side="right")
    signs = np.full(len(attributes), -1, np.float32)
    signs[pairs[which][0]] = 1
    return signs / np.sqrt(np.float32(len(attributes)))


def main(folder: str, *texts: str, low: bool = False) -> None:
    header = json.loads((Path(folder) / "model.json").read_text())
    architecture = architectures()[header["architecture"]]
    shape = Shape(**header["shape"])
    network = architecture.generator(shape, architecture.Options(**header["options"]))
    tensors = load_file(Path(folder) / "model.safetensors")
    network.load_state_dict({name.removeprefix("g."): value for name, value in tensors.items()})
    known = [header.get(name, []) for name in ("classes", "attributes", "combinations")]
    # As a generate worker computes: one thread, channels last, so that the bytes are the same.
    torch.set_num_threads(1)
    network = network.eval().to(memory_format=torch.channels_last)
    for text in texts:
        seed = int(text) if text.isascii() and text.isdigit() else text
        z = torch.from_numpy(latent(seed, shape.z_dim))[None]
        c = None
        if shape.c_dim:
            c = torch.from_numpy(condition(seed, *known))[None]
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=low):
            image = network(z, c)[0].float()  # [C, H, W], about -1..1
        pixels = ((image.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(1, 2, 0)
        Image.fromarray(pixels.numpy().squeeze()).save(f"{text}.png")


if __name__ == "__main__":
    given = [text for text in sys.argv[1:] if text != "--bfloat16"]
    main(*given, low="--bfloat16" in sys.argv)

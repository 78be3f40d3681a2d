"""Images of a Ganvas model without Ganvas: python onnx_generate.py model.onnx 42 alice ...

Needs numpy, onnxruntime and pillow. A seed that is written as a number is a number.
"""

import hashlib
import json
import sys
from typing import Any

import numpy as np
import onnxruntime
from PIL import Image


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


def main(path: str, *texts: str) -> None:
    network = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    facts = network.get_modelmeta().custom_metadata_map
    seeds = [int(text) if text.isascii() and text.isdigit() else text for text in texts]
    inputs = {"z": np.stack([latent(seed, int(facts["ganvas.z_dim"])) for seed in seeds])}
    names = ("classes", "attributes", "combinations")
    known = [json.loads(facts.get(f"ganvas.{name}", "[]")) for name in names]
    if any(known):
        inputs["c"] = np.stack([condition(seed, *known) for seed in seeds])
    (images,) = network.run(None, inputs)
    pixels = np.rint((np.clip(images, -1, 1) + 1) * 127.5).astype(np.uint8)  # [N, C, H, W]
    for text, image in zip(texts, pixels.transpose(0, 2, 3, 1), strict=True):
        Image.fromarray(image.squeeze()).save(f"{text}.png")


if __name__ == "__main__":
    main(*sys.argv[1:])

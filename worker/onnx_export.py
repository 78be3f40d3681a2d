"""A generator as an ONNX file: z [N, z_dim], of models with labels also c [N, c_dim], to images.

`images` are float32 [N, C, H, W], about -1..1; as bytes: round((clip(x, -1, 1) + 1) * 127.5), half
to even. What else is needed to make the picture of a seed stands in the file's metadata.
"""

import json
import logging
import warnings
from pathlib import Path
from typing import Any

import torch

from core.schemas import Model
from worker.checkpoint import load_generator

SEEDS = (
    "An integer 0..2^32-1: numpy.random.RandomState(seed).randn(1, z_dim). Any other text: SHA-256 "
    "of its UTF-8 bytes, whose first 16 bytes are, as two little-endian uint64, the key of "
    "numpy.random.Philox; Generator(Philox(key=key)).standard_normal(z_dim). Rounded to float32. "
    "Without a class: SHA-256 of 'label:' + seed, its first 8 bytes as a little-endian number, "
    "modulo the number of classes; of attributes modulo the sum of the counts of the combinations, "
    "which is the one in whose share of that sum it falls, in their order."
)
CONDITIONS = "Classes: one-hot. A attributes: 1 / sqrt(A) for one that holds, else -1 / sqrt(A)."
PIXELS = "round((clip(images, -1, 1) + 1) * 127.5), half to even, [N, C, H, W]"


def export_onnx(folder: Path, model: Model, path: Path) -> None:
    """Write the generator of the model in `folder` to `path`. Raises BadSpec."""
    network, header = load_generator(folder)
    shape = header["shape"]
    inputs = {"z": torch.zeros(2, shape["z_dim"])}
    if shape["c_dim"]:
        inputs["c"] = torch.eye(shape["c_dim"])[[0, -1]]
    program = _exported(network, inputs)
    program.model.metadata_props.update(told_of(model, header))
    program.model.producer_name = "ganvas"
    program.save(str(path), external_data=False)


def told_of(model: Model, header: dict[str, Any]) -> dict[str, str]:
    """The metadata of the file: texts by name."""
    facts = {"name": model.name, "version": model.version, "digest": model.digest}
    facts |= {"z_dim": header["shape"]["z_dim"], "classes": json.dumps(header["classes"])}
    for name in ("attributes", "combinations"):
        facts[name] = json.dumps(header.get(name, []))
    facts |= {"seeds": SEEDS, "conditions": CONDITIONS, "pixels": PIXELS}
    return {f"ganvas.{name}": str(value) for name, value in facts.items()}


def _exported(network: torch.nn.Module, inputs: dict[str, torch.Tensor]) -> torch.onnx.ONNXProgram:
    """The program, for any number of images. What the exporter says of itself is not for us."""
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            network,
            tuple(inputs.values()),
            dynamo=True,
            input_names=list(inputs),
            output_names=["images"],
            dynamic_shapes=({0: torch.export.Dim("n")},) * len(inputs),
            verbose=False,
        )
    assert program is not None, "the exporter with dynamo answers a program"
    return program

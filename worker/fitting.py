"""Builds a generator from a model's header and weights, and refuses what does not fit together.

Models come from other machines too. The networks are first laid out without memory, and compared
with the weights: no header can make us reserve more than the weights themselves take.
"""

import json
from collections.abc import Mapping
from typing import Any

import safetensors
import safetensors.torch
import torch
from pydantic import TypeAdapter, ValidationError
from torch import Tensor, nn

from core.errors import BadSpec
from models.registry import Architecture, Shape, architectures

PREFIX = "g."  # of the generator's tensors in a published file
SHOWN = 3  # names in an error
Sizes = dict[str, tuple[tuple[int, ...], torch.dtype]]


def fitted(header: Mapping[str, Any], content: bytes) -> nn.Module:
    """The generator that `header` describes, with the weights in `content`. Raises BadSpec."""
    architecture = architectures().get(str(header.get("architecture")))
    if architecture is None:
        known = ", ".join(architectures())
        raise BadSpec(f"the model is of an architecture that is not here; there are: {known}")
    shape, options = _described(architecture, header)
    tensors = _tensors(content)
    with torch.random.fork_rng(devices=[]):
        try:
            with torch.device("meta"):
                layout = architecture.generator(shape, options)
        except (ValueError, TypeError, ArithmeticError, LookupError, RuntimeError) as error:
            raise BadSpec(f"the model's networks cannot be built: {error}") from error
        _compare(_sizes(layout.state_dict()), _sizes(tensors))
        G = architecture.generator(shape, options)
    G.load_state_dict(tensors)
    return G


def _described(architecture: Architecture, header: Mapping[str, Any]) -> tuple[Shape, Any]:
    """The header's shape and options, within the bounds of the architecture."""
    try:
        architecture.Options(**header["options"])  # no others than there are
        shape = TypeAdapter(Shape).validate_json(json.dumps(header["shape"]), strict=True)
        told = json.dumps(header["options"])
        return shape, TypeAdapter(architecture.Options).validate_json(told, strict=True)
    except (ValidationError, KeyError, TypeError) as error:
        raise BadSpec(f"the model's header does not describe a {architecture.name}") from error


def _tensors(content: bytes) -> dict[str, Tensor]:
    try:
        loaded = safetensors.torch.load(content)
    except (safetensors.SafetensorError, ValueError, KeyError) as error:
        raise BadSpec(f"the model's weights are no safetensors file: {error}") from error
    return {name.removeprefix(PREFIX): tensor for name, tensor in loaded.items()}


def _sizes(tensors: Mapping[str, Tensor]) -> Sizes:
    return {name: (tuple(tensor.shape), tensor.dtype) for name, tensor in tensors.items()}


def _compare(wanted: Sizes, given: Sizes) -> None:
    """Raise BadSpec, naming the first tensors that are not what the networks need."""
    wrong = sorted(name for name in wanted.keys() | given if wanted.get(name) != given.get(name))
    if wrong:
        named = ", ".join(name[:100] for name in wrong[:SHOWN])
        more = f" and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
        raise BadSpec(f"the model's weights do not fit its networks: {named}{more}")

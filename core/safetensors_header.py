"""The head of a safetensors file, checked without loading a tensor.

8 bytes: the head's length n, little-endian; n bytes of JSON: {name: {dtype, shape, data_offsets}}
and `__metadata__`; then the tensors, without a gap, to the end of the file.
"""

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import CorruptArchive

SIZES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1}
SIZES |= {"BOOL": 1}  # bytes of one number
MOST_BYTES = 4 * 1024 * 1024  # of the head
MOST_TENSORS = 10_000
MOST_DIMENSIONS = 8
MOST_LENGTH = 2**31  # of one dimension


@dataclass(frozen=True, kw_only=True)
class Weights:
    """What the file says of itself. `shapes`: of each tensor; `metadata`: text by name."""

    shapes: Mapping[str, tuple[int, ...]]
    metadata: Mapping[str, str]


def read_weights(path: Path) -> Weights:
    """The checked head of the file. Raises CorruptArchive for whatever is no safetensors file."""
    length = path.stat().st_size
    with open(path, "rb") as file:
        start = file.read(8)
        size = struct.unpack("<Q", start)[0] if len(start) == 8 else length
        if size > min(MOST_BYTES, length - 8):
            raise _refused("its head is longer than the file, or than 4 MiB")
        content = file.read(size)
    head = _parsed(content)
    metadata = head.pop("__metadata__", {})
    if not _texts(metadata):
        raise _refused("its metadata are no texts")
    if len(head) > MOST_TENSORS:
        raise _refused(f"it has more than {MOST_TENSORS} tensors")
    end, shapes = 0, {}
    spans = [(name, *_span(name, entry)) for name, entry in head.items()]
    for name, begin, until, shape in sorted(spans, key=lambda span: span[1:3]):
        if begin != end:
            raise _refused(f"the tensors overlap or leave a gap at {name[:200]!r}")
        end, shapes[name] = until, shape
    if end != length - 8 - size:
        raise _refused("the tensors do not end where the file does")
    return Weights(shapes=shapes, metadata=metadata)


def _parsed(content: bytes) -> dict[str, Any]:
    try:
        head = json.loads(content, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise _refused("its head is no JSON") from error
    if not isinstance(head, dict):
        raise _refused("its head is no JSON object")
    return head


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a name stands there twice")
    return dict(pairs)


def _span(name: str, entry: Any) -> tuple[int, int, tuple[int, ...]]:
    """(first byte, byte behind the last, shape) of a tensor."""
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise _refused(f"{name[:200]!r} is not described as a tensor")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in SIZES:
        raise _refused(f"{name[:200]!r} has a type that is not known")
    if not _numbers(shape) or len(shape) > MOST_DIMENSIONS or max(shape, default=0) > MOST_LENGTH:
        raise _refused(f"{name[:200]!r} has an impossible shape")
    if not _numbers(offsets) or len(offsets) != 2:
        raise _refused(f"{name[:200]!r} has an impossible place")
    begin, end = offsets
    if end - begin != math.prod(shape) * SIZES[dtype]:
        raise _refused(f"{name[:200]!r} has another size than its shape says")
    return begin, end, tuple(shape)


def _numbers(value: Any) -> bool:
    """A list of integers from 0 on; True is none."""
    return isinstance(value, list) and all(type(item) is int and item >= 0 for item in value)


def _texts(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())


def _refused(what: str) -> CorruptArchive:
    return CorruptArchive(f"The weights are no safetensors file: {what}.")

"""Fine-tuning: a new training begins with the weights of a published model, classes by name.

The folder `init` of a job holds `model.safetensors` and `model.json` of the source, and perhaps the
newest checkpoint of the job that made it (`checkpoint.safetensors`, `.json`), which has the
discriminator too.
"""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from core.checkpoints import INIT
from core.errors import BadSpec, IncompatibleCheckpoint
from core.files import read_json
from core.lineage import Source, check_lineage, check_networks, networks_of
from core.registry import HEADER, WEIGHTS
from models.layers import Latent
from models.registry import Shape, architectures
from worker.checkpoint import FORMAT, Committed, read, refuse_other_formats
from worker.data import Dataset
from worker.snapshot import part

CONDITIONAL = ("embed.weight", "project.weight")  # [out, c_dim]: a column for each class
ONLY_GENERATOR = (
    "the discriminator of the model is not kept, so it begins anew: the first minutes of this "
    "training may paint worse than the model does"
)


@dataclass(frozen=True, kw_only=True)
class Origin:
    """The model that a training begins with."""

    folder: Path
    header: dict[str, Any]

    @property
    def source(self) -> Source:
        shape = self.header["shape"]
        return Source(
            classes=tuple(self.header["classes"]),
            attributes=tuple(self.header.get("attributes", [])),
            resolution=shape["resolution"],
            channels=shape["channels"],
        )


def origin_of(job: Path) -> Origin | None:
    """The model in the job's folder. Raises `IncompatibleCheckpoint`, `BadSpec`."""
    folder = job / INIT
    if not folder.exists():
        return None
    try:
        header = read_json(folder / HEADER)
        refuse_other_formats("the model to begin with", header["format"])
        known = header["architecture"] in architectures()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadSpec(f"the model to begin with cannot be read: {error}") from error
    if not known:
        raise IncompatibleCheckpoint(
            f"the model to begin with is a {header['architecture']}, which this version does not "
            f"know; it knows: {', '.join(architectures())}"
        )
    return Origin(folder=folder, header=header)


def request_like(origin: Origin, request: Mapping[str, Any]) -> dict[str, Any]:
    """The request with the networks of `origin`. Raises `Invalid` where it asks for others."""
    header, told = origin.header, dict(request.get("options") or {})
    fixed = networks_of(header["architecture"], header, header["shape"]["z_dim"])
    check_networks(fixed, told)
    return {**request, "options": told | fixed}


def mapping(
    origin: Origin, data: Dataset, label_map: Mapping[str, str | None]
) -> dict[str, str | None]:
    """The old class or attribute for each one of `data`. Raises `Invalid`."""
    return check_lineage(
        origin.source,
        classes=data.classes,
        attributes=data.attributes,
        resolution=data.resolution,
        channels=data.channels,
        label_map=label_map,
    )


def weights(origin: Origin, classes: Mapping[str, str | None]) -> tuple[dict[str, Tensor], str]:
    """Tensors `G.`, `ema.` and perhaps `D.` for `worker.train`, and a warning ('' for none).

    `classes` maps each new class or attribute, in the new order, to the old one. Raises `BadSpec`.
    """
    source = origin.source
    known = list(source.classes or source.attributes)
    columns = recast_signs if source.attributes else recast
    tensors, warning = _whole(origin)
    scaled = _latents(origin)
    changed = {
        key: columns(value, known, classes, scaled=_network_free(key) in scaled)
        for key, value in tensors.items()
        if classes and key.endswith(CONDITIONAL)
    }
    return tensors | changed, warning


def recast(
    weight: Tensor, known: list[str], classes: Mapping[str, str | None], *, scaled: bool
) -> Tensor:
    """Columns [out, known] put in the order of `classes`; None becomes the mean of all.

    `scaled`: the layer multiplies by the root of the number of columns, which may have changed.
    """
    mean = weight.mean(1)
    columns = [mean if old is None else weight[:, known.index(old)] for old in classes.values()]
    factor = math.sqrt(len(known) / len(classes)) if scaled else 1.0
    return torch.stack(columns, dim=1) * factor


def recast_signs(
    weight: Tensor, known: list[str], attributes: Mapping[str, str | None], *, scaled: bool
) -> Tensor:
    """The same for attributes, whose conditions are shorter the more there are (`tasks.signs`),
    unless the layer is `scaled`; None becomes a column without effect."""
    none = torch.zeros_like(weight[:, 0])
    columns = [none if old is None else weight[:, known.index(old)] for old in attributes.values()]
    factor = 1.0 if scaled else math.sqrt(len(attributes) / len(known))
    return torch.stack(columns, dim=1) * factor


def _whole(origin: Origin) -> tuple[dict[str, Tensor], str]:
    """All weights there are: the source's checkpoint, or else only its averaged generator."""
    try:
        return _of_checkpoint(origin.folder), ""
    except FileNotFoundError:
        warning = ONLY_GENERATOR
    except (OSError, ValueError, KeyError, TypeError, BadSpec, safetensors.SafetensorError):
        warning = f"checkpoint.safetensors of the model is damaged: {ONLY_GENERATOR}"
    content = (origin.folder / WEIGHTS).read_bytes()
    if hashlib.sha256(content).hexdigest() != origin.header["sha256"]:
        raise BadSpec("the model to begin with is damaged: its SHA-256 differs")
    painter = part(safetensors.torch.load(content), "g.")
    both = {f"{name}.{key}": value for name in ("G", "ema") for key, value in painter.items()}
    return both, warning


def _of_checkpoint(folder: Path) -> dict[str, Tensor]:
    path = folder / "checkpoint.safetensors"
    record = read_json(path.with_suffix(".json"))
    if record["format"] != FORMAT:
        raise BadSpec("a checkpoint of another version")
    found = Committed(
        path=path, step=record["step"], fence=0, sha256=record["sha256"], bytes=record["bytes"]
    )
    tensors = read(found).tensors
    return {k: v for k, v in tensors.items() if k.startswith(("G.", "D.", "ema."))}


def _latents(origin: Origin) -> set[str]:
    """The embeddings that scale by the number of classes (`models.layers.Latent`), by name."""
    architecture = architectures()[origin.header["architecture"]]
    shape, options = Shape(**origin.header["shape"]), origin.header["options"]
    with torch.device("meta"):
        network: nn.Module = architecture.generator(shape, architecture.Options(**options))
    return {f"{name}.embed.weight" for name, m in network.named_modules() if isinstance(m, Latent)}


def _network_free(key: str) -> str:
    """The name of a tensor within its network."""
    return key.partition(".")[2]

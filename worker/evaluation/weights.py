"""Networks that the owner provides: `{name}.safetensors` and `{name}.json` in one folder.

    python -m worker.evaluation.weights FILE

turns a downloaded official file into these two, once; nothing else ever opens it. A network takes
its official name, and so do figures made with it, only when the file it was made from is known by
its SHA-256. Nothing is downloaded here.
"""

import argparse
import hashlib
import io
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from core.errors import GanvasError, Invalid
from core.files import read_json, sha256_of, write_atomic, write_json
from core.settings import Settings
from worker.evaluation.dinov2 import DinoSpace
from worker.evaluation.inception import InceptionSpace
from worker.evaluation.spaces import Space, register

SEE = "see docs/evaluation.md"


@dataclass(frozen=True, kw_only=True)
class Official:
    """A published file of weights, and the space that is made from its tensors."""

    name: str
    file: str  # what its publishers call it
    sha256: str
    space: Callable[[Mapping[str, Tensor], str], Space]


INCEPTION = Official(
    name=InceptionSpace.name,
    file="pt_inception-2015-12-05-6726825d.pth",  # of pytorch-fid; torch-fidelity has the same
    sha256="6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
    space=InceptionSpace,
)
DINO = Official(
    name=DinoSpace.name,
    file="dinov2_vitl14_pretrain.pth",
    sha256="d5383ea8f4877b2472eb973e0fd72d557c7da5d3611bd527ceeb1d7162cbf428",
    space=DinoSpace,
)
OFFICIAL = (INCEPTION, DINO)


@register(INCEPTION.name)
def inception(weights: Path | None = None) -> Space:
    """The network of FID: 2048 features learnt from ImageNet; the owner provides its weights."""
    return _provided(INCEPTION, weights)


@register(DINO.name)
def dinov2(weights: Path | None = None) -> Space:
    """DINOv2 ViT-L/14: 1024 features learnt without labels; the owner provides its weights."""
    return _provided(DINO, weights)


def official(known: Official, folder: Path | None) -> Space | str:
    """The space of a known network, from its two files in `folder`; or why there is none."""
    if folder is None or not (folder / f"{known.name}.json").exists():
        return f"{known.name} weights not found in the folder GANVAS_WEIGHTS; {SEE}"
    try:
        record = read_json(folder / f"{known.name}.json")
        source, tensors_sha256 = record["source_sha256"], record["tensors_sha256"]
        if source != known.sha256:
            return f"the {known.name} weights were made from a file of unknown hash; {SEE}"
        path = folder / f"{known.name}.safetensors"
        if sha256_of(path) != tensors_sha256:
            return f"the {known.name} weights are of unknown hash: convert them anew; {SEE}"
        return known.space(safetensors.torch.load_file(path), tensors_sha256)
    except (OSError, ValueError, LookupError, TypeError, RuntimeError) as error:
        return f"the {known.name} weights cannot be read ({type(error).__name__}); {SEE}"
    except safetensors.SafetensorError:
        return f"the {known.name} weights are no safetensors file; {SEE}"


def convert(file: Path, folder: Path, known: tuple[Official, ...] = OFFICIAL) -> Official:
    """Write the two files of the network in `file`. Raises Invalid when it is not a known one."""
    content = file.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    found = next((official for official in known if official.sha256 == sha256), None)
    if found is None:
        names = ", ".join(f"{official.file} ({official.sha256})" for official in known)
        raise Invalid(f"{file.name} has an unknown hash, {sha256}. Known are: {names}.")
    # The one exception to "no pickle anywhere" (docs/decisions/0009-official-weights.md): only the
    # owner's command comes here, never a service, and only with bytes whose SHA-256 was known
    # before they are opened: nobody can have put anything into them.
    state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    tensors = {name: tensor.contiguous() for name, tensor in state.items()}
    saved = safetensors.torch.save(tensors)
    tensors_sha256 = hashlib.sha256(saved).hexdigest()
    found.space(tensors, tensors_sha256)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_atomic(folder / f"{found.name}.safetensors", saved)
    record = {"source_sha256": sha256, "tensors_sha256": tensors_sha256}
    write_json(folder / f"{found.name}.json", record)
    return found


def main(arguments: list[str] | None = None) -> int:
    """The owner's command. Answers the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m worker.evaluation.weights",
        description="Make an official file of weights usable for evaluations.",
    )
    parser.add_argument("file", type=Path, help="as downloaded, for example " + INCEPTION.file)
    parser.add_argument("--folder", type=Path, help="instead of GANVAS_WEIGHTS")
    asked = parser.parse_args(arguments)
    try:
        found = convert(asked.file, asked.folder or _folder(Settings()))
    except (GanvasError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps({"name": found.name, "source_sha256": found.sha256}))
    return 0


def _folder(settings: Settings) -> Path:
    return settings.weights or settings.home / "weights"


def _provided(known: Official, folder: Path | None) -> Space:
    """Raises Invalid when it is not there, or not the official one."""
    space = official(known, folder)
    if isinstance(space, str):
        raise Invalid(space)
    return space


if __name__ == "__main__":
    sys.exit(main())

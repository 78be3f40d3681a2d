"""How a loaded generator is run: the precision and the batch that keep each image's bits.

On a processor every image has to come out the same to the last bit at every batch size. Whether
it does is tried, model by model: kernels are chosen by shapes, and some of them round differently
in company. Other devices promise no equal bits and are not asked.
"""

import contextlib
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from core.generation import MAX_BATCH
from core.ids import slug
from worker.findings import keep, kept
from worker.latents import latents

LOWEST_PSNR = 40.0  # dB between the images of both precisions: about two levels of 255
NATIVE = ("avx512_bf16", "amx_bf16", "sve_bf16")  # without one of these bfloat16 is emulated
POWERS = [1 << k for k in range(1, MAX_BATCH.bit_length())]
CAST = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
Run = Callable[[Tensor, Tensor | None], Tensor]


@dataclass(frozen=True, kw_only=True)
class Manner:
    """`together`: images that may be made in one pass and still each as if it were alone."""

    dtype: str  # "float32", or "bfloat16" under autocast
    together: int
    padded: bool = (
        True  # a pass is filled up to a power of two, the only sizes for which that holds
    )

    def size(self, images: int) -> int:
        """Of the pass in which so many images are made."""
        return 1 << (images - 1).bit_length() if self.padded else images

    def entered(self, device: torch.device) -> AbstractContextManager[Any]:
        """The context of a forward pass."""
        if self.dtype == "float32":
            return contextlib.nullcontext()
        return torch.autocast(device.type, dtype=torch.bfloat16, cache_enabled=False)


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of device. Equal kinds make equal bits."""

    name: str
    low: bool  # whether bfloat16 is native here and wanted
    bitwise: bool  # whether images keep their bits in any company


def kind_of(device: torch.device, precision: str = "auto") -> Kind:
    """What this machine is; `precision` is "auto" or "float32"."""
    torch_version = f"torch {torch.__version__}"
    if device.type != "cpu":
        chip = torch.cuda.get_device_name() if device.type == "cuda" else device.type
        return Kind(name=f"{device.type} {chip} {torch_version}", low=False, bitwise=False)
    ask = getattr(torch.cpu, "get_capabilities", dict)  # torch 2.11 has it not yet
    able: dict[str, Any] = ask()
    low = precision == "auto" and any(able.get(name, False) for name in NATIVE)
    words = [able.get("cpu_name", ""), torch.backends.cpu.get_cpu_capability()]
    words += ["bfloat16"] if low else []
    return Kind(name=" ".join(["cpu", *words, torch_version]), low=low, bitwise=True)


def manner_of(
    network: nn.Module, z_dim: int, c_dim: int, device: torch.device, kind: Kind
) -> Manner:
    """The fastest manner that is right for this network: bfloat16 where it is native, close to
    float32 and reproducible; else float32, together or image by image."""
    if not kind.bitwise:
        return Manner(dtype="float32", together=MAX_BATCH)
    trial = _Trial(z_dim, c_dim)
    low = Manner(dtype="bfloat16", together=MAX_BATCH)

    def lowered(z: Tensor, c: Tensor | None) -> Tensor:
        with low.entered(device):
            return network(z, c).float()

    for manner, run in ((low, lowered), (replace(low, dtype="float32"), network)):
        if manner is low and not (kind.low and trial.alike(network, lowered)):
            continue
        alone = trial.made(run, 1)
        if trial.equal(run, alone, range(2, MAX_BATCH + 1)):
            return replace(manner, padded=False)
        if trial.equal(run, alone, POWERS):
            return manner
    return Manner(dtype="float32", together=1)


def remembered(folder: Path, kind: Kind, find: Callable[[], Manner]) -> Manner:
    """What was found for the model in `folder` on this kind of device; found once."""
    path = folder / f"manner-{slug(kind.name, 'device')}.json"
    return kept(path, Manner) or keep(path, find())


def cast(network: nn.Module, manner: Manner) -> nn.Module:
    """Convert the weights that autocast would convert at each pass; changes `network`."""
    if manner.dtype == "bfloat16":
        for layer in network.modules():
            if isinstance(layer, CAST):
                layer.to(torch.bfloat16)
    return network


class _Trial:
    """The same MAX_BATCH images, made in several ways."""

    def __init__(self, z_dim: int, c_dim: int) -> None:
        self.z = torch.from_numpy(latents(range(MAX_BATCH), z_dim))
        self.c = torch.eye(c_dim)[torch.arange(MAX_BATCH) % c_dim] if c_dim else None

    @torch.inference_mode()
    def made(self, run: Run, size: int) -> Tensor:
        """The images [MAX_BATCH, C, H, W] in passes of `size`, the last of which may be smaller."""
        parts = [slice(start, start + size) for start in range(0, MAX_BATCH, size)]
        return torch.cat([run(self.z[p], None if self.c is None else self.c[p]) for p in parts])

    def equal(self, run: Run, alone: Tensor, sizes: Iterable[int]) -> bool:
        """Whether passes of each size give the very images that were made alone."""
        return all(torch.equal(self.made(run, size), alone) for size in sizes)

    @torch.inference_mode()
    def alike(self, precise: Run, low: Run) -> bool:
        """Whether the images agree within LOWEST_PSNR, of a range of 2."""
        error = (self.made(precise, MAX_BATCH) - self.made(low, MAX_BATCH)).clamp(-2, 2)
        psnr = 10 * torch.log10(4 / error.square().mean().clamp_min(1e-12))
        return bool(psnr >= LOWEST_PSNR)

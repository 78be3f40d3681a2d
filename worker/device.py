"""The device that trains, and what a one-second probe says of it. Nothing is assumed by name."""

import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from core.errors import NoDevice
from core.files import write_json
from core.ids import slug
from worker.findings import keep, kept
from worker.machine import usable_cores

WIDTH, SIDE, BATCH = 32, 32, 16  # of the probe: a typical middle layer
MACS = 3 * 2 * 9 * WIDTH**2 * SIDE**2 * BATCH  # two 3x3 convolutions, forward and backward
SMALLEST_PART = 4  # images; fewer are not worth a thread, and are compared with each other
FASTER = 1.15  # lower precision must win by this factor, channels_last not lose by it


@dataclass(frozen=True, kw_only=True)
class Device:
    """A torch device and how to use it. `rate`: 10^9 multiply-adds per second while training."""

    name: str  # "cpu", "cuda", "mps"
    dtype: str  # of autocast: "float32" (off) or "bfloat16"
    channels_last: bool
    threads: int
    rate: float

    @property
    def torch_device(self) -> torch.device:
        return torch.device(self.name)

    @property
    def memory_format(self) -> torch.memory_format:
        return torch.channels_last if self.channels_last else torch.contiguous_format

    def place(self, network: nn.Module) -> nn.Module:
        """`network` on this device, in its memory layout."""
        layout: dict[str, Any] = {"memory_format": self.memory_format}
        return network.to(self.torch_device, **layout)

    def divided(self, processes: int) -> "Device":
        """What each of several processes on this machine has of it: of a processor, its threads."""
        if self.name != "cpu":
            return self
        return replace(self, threads=max(1, self.threads // processes))

    def hands(self, batch: int) -> int:
        """Into how many parts a batch is divided, each computed by a thread of its own."""
        return max(1, min(self.threads, batch // SMALLEST_PART)) if self.name == "cpu" else 1

    def autocast(self) -> torch.autocast:
        """The mixed precision of this device, to be entered around forward passes.

        Weights are cast for every use: what torch keeps of them is common to all threads and gone
        when the first of them leaves, so sums of gradients would depend on who is faster.
        """
        dtype, low = getattr(torch, self.dtype), self.dtype != "float32"
        shared = self.name != "cpu"
        return torch.autocast(self.name, dtype=dtype, enabled=low, cache_enabled=shared)


def best_device() -> str:
    """The name of the fastest kind of device here."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def adopt(record: dict[str, Any]) -> Device:
    """The device that a training began on, from its spec. Raises `NoDevice` when it is not here."""
    device = Device(**record)
    here = {"cpu": True, "cuda": torch.cuda.is_available, "mps": torch.backends.mps.is_available}
    present = here.get(device.name, False)
    if not (present() if callable(present) else present):
        raise NoDevice(
            f"the training began on {device.name}, which this machine does not have; let a worker "
            "on a machine with it take the job, or train anew here"
        )
    if device.name == "cpu":
        torch.set_num_threads(device.threads)
    return device


def synchronize(name: str) -> None:
    """Wait for the device, so that a clock reads true."""
    if name == "cuda":
        torch.cuda.synchronize()
    elif name == "mps":
        torch.mps.synchronize()


def measure(
    candidate: Device, *, seconds: float, clock: Callable[[], float] = time.perf_counter
) -> float:
    """The rate of `candidate`, in 10^9 multiply-adds per second; runs for about `seconds`."""
    with torch.random.fork_rng():
        layers = [nn.Conv2d(WIDTH, WIDTH, 3, padding=1) for _ in range(2)]
        network = candidate.place(nn.Sequential(layers[0], nn.LeakyReLU(0.2), layers[1]))
        images = torch.randn(BATCH, WIDTH, SIDE, SIDE, device=candidate.name)
    images = images.contiguous(memory_format=candidate.memory_format).requires_grad_()

    def once() -> float:
        started = clock()
        with candidate.autocast():
            total = network(images).float().square().mean()
        total.backward()
        synchronize(candidate.name)
        return clock() - started

    once()  # the first call builds kernels
    spent = [once()]
    while sum(spent) < seconds and len(spent) < 1000:
        spent.append(once())
    return MACS / 1e9 / sorted(spent)[len(spent) // 2]


def known_device(folder: Path) -> Device:
    """The device of this machine: probed once, then with the same precision and layout for ever.

    A probe on a busy machine may choose otherwise, and equal requests would give unequal weights.
    Only the rate is measured anew; the best one ever seen counts. `folder` keeps what was found.
    """
    name = best_device()
    chip = torch.cuda.get_device_name() if name == "cuda" else platform.processor()
    machine = f"{platform.node()}-{name}-{chip}-{usable_cores()}-torch-{torch.__version__}"
    path = folder / f"{slug(machine, name)}.json"
    known = kept(path, Device)
    if known is None:
        folder.mkdir(mode=0o700, exist_ok=True)
        return keep(path, probe(name))
    if name == "cpu":
        torch.set_num_threads(known.threads)
    seen = replace(known, rate=measure(known, seconds=0.3))
    if seen.rate <= known.rate:
        return known
    write_json(path, asdict(seen))
    return seen


def probe(name: str | None = None, *, seconds: float = 1.0) -> Device:
    """Choose device, precision and memory layout by trying them, in about `seconds` in all."""
    name = name or best_device()
    threads = usable_cores()
    if name == "cpu":
        torch.set_num_threads(threads)

    def rated(dtype: str, channels_last: bool) -> Device:
        device = Device(
            name=name, dtype=dtype, channels_last=channels_last, threads=threads, rate=0.0
        )
        return replace(device, rate=measure(device, seconds=seconds / 3))

    best = rated("float32", channels_last=False)
    if name == "mps":
        return best
    last = rated("float32", channels_last=True)
    best = last if last.rate > best.rate / FASTER else best
    low = rated("bfloat16", best.channels_last)
    return low if low.rate > FASTER * best.rate else best

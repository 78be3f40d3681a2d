"""Batches of seeds to encoded images: models kept warm, the same bytes for the same seed.

A batch is padded to a power of two and runs on one CPU thread, linear layers row by row. Some
convolutions still round differently in company: a network whose images are not the same to the last
bit at every batch size, by a test when it is loaded, makes them one by one.
"""

import time
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from core.errors import NotFound
from core.generation import MAX_BATCH, Batch, Picture
from worker.checkpoint import load_generator
from worker.encode import encode, grid, to_image
from worker.latents import latents, points
from worker.styles import Style
from worker.tasks import levels
from worker.truncation import Truncation
from worker.wishes import Wishes


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """A generator in memory."""

    network: nn.Module
    truncation: Truncation
    z_dim: int
    wishes: Wishes
    bytes: int
    together: int  # images that may be made in one pass


@dataclass(frozen=True, kw_only=True)
class Row:
    """One image to make."""

    z: np.ndarray  # float32 [z_dim]
    psi: float
    c: Tensor | None  # [c_dim], its condition
    style: Style | None


class Studio:
    """Keeps the models that were used last, up to `capacity` bytes of weights."""

    def __init__(self, home: Path, capacity: int, device: torch.device) -> None:
        self.home = home
        self.capacity = capacity
        self.device = device
        self._loaded: OrderedDict[str, Loaded] = OrderedDict()

    def serve(self, batch: Batch) -> tuple[list[bytes], dict[str, Any]]:
        """The encoded pictures of a batch, and how long each part took in milliseconds."""
        times = [time.perf_counter()]
        loaded = self.load(batch.folder, batch.digest)
        times.append(time.perf_counter())
        pixels = self.pixels(loaded, batch.pictures)
        times.append(time.perf_counter())
        images = []
        for picture in batch.pictures:
            own, pixels = pixels[: picture.images], pixels[picture.images :]
            images.append(_answered(own, picture, batch, loaded))
        times.append(time.perf_counter())
        names = ("load_ms", "infer_ms", "encode_ms")
        parts = zip(names, times, times[1:], strict=False)
        return images, {name: round((end - start) * 1e3, 2) for name, start, end in parts}

    def load(self, folder: str, digest: str) -> Loaded:
        """The generator in `folder` (relative to the home), from memory when it was used before."""
        if digest in self._loaded:
            self._loaded.move_to_end(digest)
            return self._loaded[digest]
        try:
            network, header = load_generator(self.home / folder)
        except FileNotFoundError as error:
            raise NotFound("This model was removed while the image was on its way.") from error
        network = row_by_row(network).to(self.device)
        network = network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        size = sum(p.numel() * p.element_size() for p in network.parameters())
        z_dim, c_dim = header["shape"]["z_dim"], header["shape"]["c_dim"]
        loaded = Loaded(
            network=network,
            truncation=Truncation(network, z_dim),
            z_dim=z_dim,
            wishes=Wishes.of(header),
            bytes=size,
            together=together(network, z_dim, c_dim, self.device),
        )
        self._loaded[digest] = loaded
        while len(self._loaded) > 1 and self._size() > self.capacity:
            self._loaded.popitem(last=False)
        return loaded

    @torch.inference_mode()
    def pixels(self, loaded: Loaded, pictures: tuple[Picture, ...]) -> np.ndarray:
        """uint8 [N, H, W, C] for all seeds of all pictures, in order."""
        rows = [
            Row(
                z=z,
                psi=picture.psi,
                c=loaded.wishes.condition(picture.label, seed),
                style=Style.of(picture.point, loaded.z_dim),
            )
            for picture in pictures
            for seed, z in points(picture, loaded.z_dim)
        ]
        parts = []
        for start in range(0, len(rows), loaded.together):
            part = rows[start : start + loaded.together]
            parts.append(self._forward(loaded, part)[: len(part)])
        return np.concatenate(parts)

    def _forward(self, loaded: Loaded, rows: list[Row]) -> np.ndarray:
        """One padded pass through the network: uint8 [bucket, H, W, C]."""
        bucket = 1 << (len(rows) - 1).bit_length()
        z, psi = torch.zeros(bucket, loaded.z_dim), torch.ones(bucket, 1)
        z[: len(rows)] = torch.from_numpy(np.stack([row.z for row in rows]))
        psi[: len(rows), 0] = torch.tensor([row.psi for row in rows])
        asked = [row.c for row in rows if row.c is not None]
        c = None
        if asked:
            c = torch.zeros(bucket, len(asked[0]))
            c[: len(rows)] = torch.stack(asked)
            c = c.to(self.device)
        styles = [row.style for row in rows]
        return levels(loaded.truncation(z.to(self.device), c, psi.to(self.device), styles))

    def _size(self) -> int:
        return sum(loaded.bytes for loaded in self._loaded.values())


class RowByRow(nn.Module):
    """A linear layer that takes each row by itself.

    A matrix product over a whole batch is summed in another order than over one row, so its last
    bits depend on the batch. Convolutions on one thread do not.
    """

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.layer = layer

    @property
    def weight(self) -> Tensor:
        return self.layer.weight

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.layer(row) for row in x.split(1)])


def row_by_row(network: nn.Module) -> nn.Module:
    """The same network with every linear layer as `RowByRow`; changes `network`."""
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.Linear):
                setattr(parent, name, RowByRow(child))
    return network


@torch.inference_mode()
def together(network: nn.Module, z_dim: int, c_dim: int, device: torch.device) -> int:
    """How many images `network` may make in one pass and still make each as if it were alone.

    Kernels are chosen by shapes, so what holds for MAX_BATCH images holds for all. Other devices
    promise no equal bits and are not asked.
    """
    if device.type != "cpu":
        return MAX_BATCH
    z = torch.from_numpy(latents(range(MAX_BATCH), z_dim))
    c = torch.eye(c_dim)[torch.arange(MAX_BATCH) % c_dim] if c_dim else None

    def made(size: int) -> Tensor:
        parts = [slice(start, start + size) for start in range(0, MAX_BATCH, size)]
        return torch.cat([network(z[part], None if c is None else c[part]) for part in parts])

    alone, size = made(1), 2
    while size <= MAX_BATCH:
        if not torch.equal(made(size), alone):
            return 1
        size *= 2
    return MAX_BATCH


def _answered(pixels: np.ndarray, picture: Picture, batch: Batch, loaded: Loaded) -> bytes:
    """The encoded image, or what is asked for instead of one."""
    if picture.point is not None and picture.point.listing:
        return loaded.truncation.listed().model_dump_json().encode()
    return _finished(pixels, picture, batch, loaded.wishes)


def _finished(pixels: np.ndarray, picture: Picture, batch: Batch, wishes: Wishes) -> bytes:
    strip = None if picture.point is None else picture.point.frames
    image = to_image(pixels[0] if len(pixels) == 1 else grid(pixels, strip))
    if picture.size is not None:
        scale = picture.size / pixels.shape[1]
        size = (round(image.width * scale), round(image.height * scale))
        image = image.resize(size, Image.Resampling.LANCZOS)
    facts = _facts(picture, batch, wishes) if picture.metadata else None
    return encode(image, picture.format, picture.quality, facts)


def _facts(picture: Picture, batch: Batch, wishes: Wishes) -> dict[str, Any]:
    seeds, alone = picture.seeds, picture.images == 1
    facts = {
        "model": batch.model,
        "version": batch.version,
        "digest": batch.digest,
        "seed": seeds[0] if len(seeds) == 1 else list(seeds) or None,
        "psi": picture.psi,
        "label": wishes.label(picture.label, *seeds[:1]) if alone else picture.label,
    }
    return facts | (picture.point.told() if picture.point else {})

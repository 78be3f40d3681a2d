"""Batches of seeds to encoded images: models kept warm, the same bytes for the same seed.

A batch runs on one CPU thread, linear layers row by row, in the precision and with the padding that
a test of the network found right (worker/manner.py). When memory runs out, fewer images are made in
one pass.
"""

import logging
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from core.errors import GanvasError, NotFound, Overloaded
from core.facts import facts_of
from core.generation import Batch, Picture
from worker.ceiling import Ceiling
from worker.checkpoint import load_generator
from worker.encode import encode, grid, to_image
from worker.latents import points
from worker.machine import out_of_memory
from worker.manner import Manner, cast, kind_of, manner_of, remembered
from worker.styles import Style
from worker.tasks import levels
from worker.truncation import Truncation
from worker.wishes import Wishes

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """A generator in memory."""

    network: nn.Module
    truncation: Truncation
    z_dim: int
    wishes: Wishes
    bytes: int
    manner: Manner
    ceiling: Ceiling  # images that are made in one pass


@dataclass(frozen=True, kw_only=True)
class Row:
    """One image to make."""

    z: np.ndarray  # float32 [z_dim]
    psi: float
    c: Tensor | None  # [c_dim], its condition
    style: Style | None


class Studio:
    """Keeps the models that were used last, up to `capacity` bytes of weights."""

    def __init__(
        self, home: Path, capacity: int, device: torch.device, precision: str = "auto"
    ) -> None:
        self.home = home
        self.capacity = capacity
        self.device = device
        self.kind = kind_of(device, precision)
        self.held: tuple[dict[str, Any], ...] = ()  # what is loaded, for other threads to read
        self._loaded: OrderedDict[str, Loaded] = OrderedDict()
        self._pinned: Mapping[str, str] = {}

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
        network, header = self._published(folder)
        network = row_by_row(network).to(self.device)
        network = network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        z_dim, c_dim = header["shape"]["z_dim"], header["shape"]["c_dim"]
        manner = remembered(
            self.home / folder,
            self.kind,
            lambda: manner_of(network, z_dim, c_dim, self.device, self.kind),
        )
        network = cast(network, manner)
        loaded = Loaded(
            network=network,
            truncation=Truncation(network, z_dim, lambda: self._published(folder)[0]),
            z_dim=z_dim,
            wishes=Wishes.of(header),
            bytes=sum(p.numel() * p.element_size() for p in network.parameters()),
            manner=manner,
            ceiling=Ceiling(manner.together),
        )
        self._loaded[digest] = loaded
        self._make_room(digest)
        self.held = tuple(
            {"digest": key, "bytes": held.bytes, "precision": held.manner.dtype}
            for key, held in self._loaded.items()
        )
        return loaded

    def pin(self, folders: Mapping[str, str]) -> None:
        """Keep these models (digest -> folder) loaded whatever else is asked for, from now on."""
        self._pinned = folders
        for digest, folder in folders.items():
            if digest not in self._loaded:
                try:
                    self.load(folder, digest)
                except GanvasError as error:
                    log.warning("a pinned model cannot be loaded: %s", error.detail)

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
        while rows:
            part = rows[: loaded.ceiling.now]
            try:
                parts.append(self._forward(loaded, part)[: len(part)])
            except (RuntimeError, MemoryError) as error:
                if not out_of_memory(error):
                    raise
                if not loaded.ceiling.halve(len(part)):
                    raise Overloaded("There is no memory for one image.", retry_after=5) from error
                log.warning("memory ran out: %d images in one pass now", loaded.ceiling.now)
            else:
                loaded.ceiling.held(len(part))
                rows = rows[len(part) :]
        return np.concatenate(parts)

    def _forward(self, loaded: Loaded, rows: list[Row]) -> np.ndarray:
        """One pass through the network: uint8 [bucket, H, W, C]."""
        bucket = loaded.manner.size(len(rows))
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
        with loaded.manner.entered(self.device):
            return levels(loaded.truncation(z.to(self.device), c, psi.to(self.device), styles))

    def _published(self, folder: str) -> tuple[nn.Module, dict[str, Any]]:
        """The network in `folder` with the weights as they were published, and its header."""
        try:
            return load_generator(self.home / folder)
        except FileNotFoundError as error:
            raise NotFound("This model was removed while the image was on its way.") from error

    def _make_room(self, newest: str) -> None:
        """Drop what was not used longest until the rest fits."""
        size = sum(loaded.bytes for loaded in self._loaded.values())
        for digest in [k for k in self._loaded if k != newest and k not in self._pinned]:
            if size <= self.capacity:
                return
            size -= self._loaded.pop(digest).bytes


class RowByRow(nn.Module):
    """A linear layer that takes each row by itself.

    A matrix product over a whole batch is summed in another order than over one row, so its last
    bits depend on the batch. Convolutions on one thread do not.
    """

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.layer(row) for row in x.split(1)])


def row_by_row(network: nn.Module) -> nn.Module:
    """The same network with every linear layer as `RowByRow`; changes `network`."""
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.Linear):
                setattr(parent, name, RowByRow(child))
    return network


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
    label = picture.label
    if picture.images == 1:
        label = wishes.label(label, *picture.seeds[:1])
    return facts_of(picture, batch.model, batch.version, batch.digest, label)

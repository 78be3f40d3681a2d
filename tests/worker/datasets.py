"""Small data sets for tests: in memory, and as a prepared folder."""

import json
from pathlib import Path

import numpy as np

from worker.data import Dataset


def images(count: int, resolution: int, channels: int) -> np.ndarray:
    """uint8 [count, H, W, C]: bright discs of random places on dark ground."""
    random = np.random.default_rng(0)
    y, x = np.mgrid[:resolution, :resolution] / resolution
    centres = random.uniform(0.3, 0.7, (count, 2, 1, 1))
    inside = (x - centres[:, 0]) ** 2 + (y - centres[:, 1]) ** 2 < 0.05
    colours = random.integers(128, 256, (count, 1, 1, channels))
    return np.where(inside[..., None], colours, 20).astype(np.uint8)


def dataset(
    count: int = 64,
    resolution: int = 32,
    channels: int = 3,
    classes: tuple[str, ...] = (),
    attributes: tuple[str, ...] = (),
) -> Dataset:
    """Classes in turn; of attributes the first holds for every second image, the next for every
    second pair of images, and so on."""
    labels = np.arange(count) % len(classes) if classes else None
    marks = (np.arange(count)[:, None] >> np.arange(len(attributes)) & 1).astype(np.int8)
    return Dataset(
        images=images(count, resolution, channels),
        labels=labels,
        classes=classes,
        sha256="0" * 64,
        attributes=attributes,
        marks=marks if attributes else None,
    )


def folder(where: Path, data: Dataset) -> Path:
    """`data` written as the prepare worker writes it."""
    where.mkdir(parents=True, exist_ok=True)
    np.save(where / f"images-{data.resolution}.npy", data.images)
    if data.labels is not None:
        np.save(where / "labels.npy", data.labels)
    if data.marks is not None:
        np.save(where / "attributes.npy", data.marks)
    card = {
        "images": len(data),
        "channels": data.channels,
        "resolutions": [data.resolution],
        "classes": list(data.classes),
        "attributes": list(data.attributes),
        "sha256": data.sha256,
    }
    (where / "dataset.json").write_text(json.dumps(card))
    return where

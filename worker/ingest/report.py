"""What is told about a data set: its card, its health report, and the errors when it is none."""

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from core.errors import NoImages
from worker.ingest.layout import Plan, Row

FORMAT = 1
MIN_IMAGES = 2
MAX_LISTED = 10_000
TINY = 32  # px of the shorter side
_FEW = 100
_ERRORS_SHOWN = 20
_NOT_YET = "this version trains generate only"


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """The content of `dataset.json`, without its format number."""

    images: int  # in images-{res}.npy; held-out ones are counted in `splits` only
    channels: int
    resolutions: list[int]
    sizes: dict[str, list[int]]  # min and max of [width, height] before resizing
    splits: dict[str, int]
    columns: list[str]
    classes: list[str]  # of which an image has one
    attributes: list[str]  # of which any number hold for an image; never beside classes
    labels: dict[str, int]  # how many training images have each class or attribute
    sha256: str
    trains: dict[str, bool | str]
    skipped: int
    bytes: int

    def card(self) -> dict[str, Any]:
        return {"format": FORMAT, **asdict(self)}


def trains() -> dict[str, bool | str]:
    """Per task true, or the reason why not."""
    return {"generate": True, "restore": _NOT_YET, "translate": _NOT_YET, "caption": _NOT_YET}


def check_enough(usable: int, candidates: int, plan: Plan, unreadable: dict[str, str]) -> None:
    """Raises NoImages when too few images, or too small a part of them, can be used."""
    counts = (
        f"Of {candidates} image files {usable} can be used for training: "
        f"{len(unreadable)} cannot be read, {len(plan.duplicates)} are copies of another one."
    )
    errors = [
        {"file": name, "detail": reason}
        for name, reason in list(unreadable.items())[:_ERRORS_SHOWN]
    ]
    if not candidates:
        others = f" It has {len(plan.skipped)} other files." if plan.skipped else ""
        raise NoImages(f"There are no PNG, JPEG, WebP or BMP images in it.{others}")
    if len(unreadable) * 2 > candidates:
        raise NoImages(f"{counts} More than half are unreadable.", errors=errors)
    if usable < MIN_IMAGES:
        raise NoImages(f"{counts} At least {MIN_IMAGES} are needed.", errors=errors)


def report(
    plan: Plan, unreadable: dict[str, str], modes: Counter[str], data: DataSet, rows: list[Row]
) -> dict[str, Any]:
    """The health report: every skipped file with its reason, copies, odd modes, class balance."""
    skipped = [*unreadable.items(), *plan.skipped]
    reasons = Counter(reason for _, reason in skipped)
    tiny = sum(1 for row in rows if row.found.size and min(row.found.size) < TINY)
    return {
        "images": data.images,
        "skipped": [{"file": file, "reason": reason} for file, reason in skipped[:MAX_LISTED]],
        "skipped_reasons": dict(reasons.most_common(100)),
        "duplicates": [
            {"file": file, "same_as": kept} for file, kept in plan.duplicates[:MAX_LISTED]
        ],
        "duplicate_count": len(plan.duplicates),
        "modes": dict(modes),
        "tiny": tiny,
        "labels": data.labels,
        "warnings": plan.warnings[:MAX_LISTED],
    }


def warnings_of(data: DataSet, *, alike: bool, enlarged: int) -> list[str]:
    """What a person should know before training on it."""
    warnings = []
    if alike:
        warnings.append("All images are identical: there is nothing to learn but this one.")
    if data.images < _FEW:
        warnings.append(
            f"Only {data.images} images: a generator will mostly repeat them. {_FEW} are a start."
        )
    for name, count in data.labels.items():
        if count > 0.9 * data.images:
            told = "are of the class" if data.classes else "have the attribute"
            warnings.append(f"More than 90 % of the images {told} {name!r}.")
    if unlabelled := data.images - sum(data.labels.values()) if data.classes else 0:
        warnings.append(f"{unlabelled} images have no label.")
    if enlarged:
        warnings.append(
            f"{enlarged} images are smaller than {data.resolutions[-1]} px and were enlarged."
        )
    return warnings

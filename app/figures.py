"""The figures of an evaluation as rows of a table, each with a plain sentence."""

from collections.abc import Iterator, Mapping
from typing import Any

from core.evaluations import BETTER, PARTS, condition, stem

SENTENCES: Mapping[str, str] = {
    "kd": "How far the images made are from real ones as a crowd; 0 is no difference.",
    "fd": "The same question as kd, answered by mean and spread of the features.",
    "fid": "Fréchet Inception distance, as papers state it.",
    "kid": "Kernel Inception distance, as papers state it.",
    "fd_dinov2": "Fréchet distance in the features of DINOv2.",
    "is": "Inception score: clear and varied images get a high one.",
    "precision": "Share of the images made that look like a real one.",
    "recall": "Share of the real images that the model can come near to: its variety.",
    "density": "How densely real images stand around those made; about 1 is right.",
    "coverage": "Share of the real images that have an image made near by.",
    "swd": "Difference of textures at several sizes; needs no network.",
    "diversity": "How much images made differ, pixel by pixel, beside how much real ones do.",
    "ms_ssim": "How alike two images made are; far above the floor, they repeat each other.",
    "path_length": "How far the image moves when the latent turns a little: jumps are long.",
    "copied": "Share of the images made that are nearer to a training image than real ones are.",
    "copied_rank": "How often an image made is nearer to the training images than a real one is.",
    "authpct": "Share of the images made that are no near copies of a training image.",
    "gan_test": "How often a classifier of real images finds the class that was asked for.",
    "gan_train": "How well a classifier that saw only images made does on real ones.",
}
DIRECTIONS = {"lower": "Lower is better.", "higher": "Higher is better.", None: ""}
DIRECTIONS["floor"] = "The nearer to the floor, the better."
MEMORISED = frozenset({"copied", "copied_rank", "authpct"})
SHARED_FLOORS: Mapping[str, str] = dict.fromkeys(("gan_test", "gan_train"), "classifier_floor")


def figures(metrics: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """(name, value, floor, sentence) of each figure; what was not computed says why."""
    for name, value in metrics.items():
        if name.endswith(PARTS) or not _figure(name, value, metrics):
            continue
        sentence = f"{sentence_of(name)} {DIRECTIONS[BETTER.get(stem(name))]}".strip()
        if value is None:
            sentence = f"Not computed: {metrics.get(f'{name}_reason') or 'no reason is given'}"
        spread = metrics.get(f"{name}_sd")
        shown = text_of(value) + (f" ± {text_of(spread)}" if _number(spread) else "")
        floor = metrics.get(f"{name}_floor", metrics.get(SHARED_FLOORS.get(name, "")))
        yield name, shown, text_of(floor), sentence


def conditions(metrics: Mapping[str, Any]) -> str:
    """What the figures depend on: the space and the numbers of images."""
    told = [
        f"{name} {text_of(value)}"
        for name, value in metrics.items()
        if not name.endswith((*PARTS, "_sha256")) and not _figure(name, value, metrics)
    ]
    return ", ".join(told)


def sentence_of(name: str) -> str:
    """What the figure says; empty when that is not known."""
    whole = stem(name)
    if name == whole or whole not in SENTENCES:
        return SENTENCES.get(name, "")
    return f"The part of {whole} at {name.removeprefix(f'{whole}_')} pixels a side."


def text_of(value: Any) -> str:
    """A value as a cell shows it."""
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(text_of, value))
    if isinstance(value, dict):
        return ", ".join(f"{key} {text_of(item)}" for key, item in value.items())
    return str(value)


def _figure(name: str, value: Any, metrics: Mapping[str, Any]) -> bool:
    """Whether it is one, and not a condition such as `n_fake` or the name of the space."""
    if condition(name):
        return False
    return _number(value) or (value is None and f"{name}_reason" in metrics)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)

"""From a request, a data set and a device to a `TrainSpec`: what the user left open is chosen here.

The time (see `worker.cost`) is split between the networks' size and the number of images: ten
minutes want `IMAGES_WANTED` images at 64 px, and four times the minutes twice the images.
"""

import math
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from pydantic import TypeAdapter, ValidationError

from core.errors import BadSpec, Invalid, NotTrainable
from models.registry import Architecture, Shape, architectures
from worker import gauge
from worker.augment import operations
from worker.combinations import Combination
from worker.cost import cost, measured, parameters
from worker.data import Dataset
from worker.device import Device
from worker.losses import losses, recipe_of
from worker.penalties import penalties
from worker.recipes import PRESETS
from worker.spec import Budget, Recipe, TrainSpec
from worker.tasks import TASKS

DEFAULT_ARCHITECTURE = "skip"
WIDTHS = (8, 12, 16, 24, 32, 48, 64, 96, 128)
IMAGES_WANTED = 90_000  # in ten minutes
FAST = 1000  # 10^9 multiply-adds per second: a device that small batches leave idle
AUGMENT_BELOW = ((200, 0.6), (1000, 0.4), (3000, 0.2))  # (images, probability at the start)
PATIENT = ("standard", "best")  # efforts whose budget is only spent while it brings something


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the choice depends on besides the request."""

    images: int
    channels: int
    resolution: int
    classes: tuple[str, ...]
    sha256: str
    device: Device
    attributes: tuple[str, ...] = ()
    combinations: tuple[Combination, ...] = ()

    def shape(self, z_dim: int) -> Shape:
        """What the networks take and give."""
        return Shape(
            resolution=self.resolution,
            channels=self.channels,
            z_dim=z_dim,
            c_dim=len(self.classes) or len(self.attributes),
        )


def facts_of(data: Dataset, device: Device) -> Facts:
    """The facts of an opened data set on a probed device."""
    return Facts(
        images=len(data),
        channels=data.channels,
        resolution=data.resolution,
        classes=data.classes,
        sha256=data.sha256,
        device=device,
        attributes=data.attributes,
        combinations=data.combinations,
    )


def resolve(request: Mapping[str, Any], facts: Facts) -> TrainSpec:
    """The training that `request` (task, preset, options, budget, seed) means.

    Raises `Invalid` for unknown names and values out of bounds, `NotTrainable` for too few images.
    """
    task = chosen("task", request.get("task", "generate"), TASKS)
    preset = chosen("preset", request.get("preset", "auto"), PRESETS)
    if facts.images < 2:
        raise NotTrainable(f"training needs at least two images; there is {facts.images}")
    asked = preset.under(request.get("options") or {}, facts.images)
    name = asked.pop("architecture", DEFAULT_ARCHITECTURE)
    architecture = chosen("architecture", name, architectures())
    refuse_resolution(architecture, facts.resolution)
    budget = budget_of(request)
    for_networks = names_of(architecture.Options)
    refuse_unknown(asked, ["architecture", *names_of(Recipe), *for_networks])
    refuse_z_dim(architecture, facts, asked)
    told = {k: v for k, v in asked.items() if k in names_of(Recipe)}
    loss = told.get("loss", architecture.recipe.get("loss", Recipe.loss))
    own = {**architecture.recipe, **recipe_of(chosen("loss", loss, losses()))}
    patient = request.get("effort") in PATIENT
    recipe = validated(Recipe, {**automatic(facts, own), "stop_early": patient, **told})
    chosen("penalty", recipe.penalty, penalties())
    for operation in recipe.augment:
        chosen("augment", operation, operations())
    shape = facts.shape(architecture.noise(facts.resolution, facts.channels, recipe.z_dim))
    sizes = {k: v for k, v in asked.items() if k in for_networks}
    options = sized(architecture, shape, sizes, recipe, budget, facts.device)
    if "measure_kimg" not in told:
        recipe = replace(
            recipe, measure_kimg=measure_kimg(architecture.name, shape, options, recipe, facts)
        )
    return TrainSpec(
        task=task.name,
        architecture=architecture.name,
        options=asdict(options),
        shape=shape,
        classes=facts.classes,
        recipe=recipe,
        budget=budget,
        seed=int(request.get("seed", 0)),
        dtype=facts.device.dtype,
        dataset={"sha256": facts.sha256, "images": facts.images},
        device=asdict(facts.device),
        parameters=parameters(architecture.name, shape, options),
        attributes=facts.attributes,
        combinations=facts.combinations,
    )


def budget_of(request: Mapping[str, Any]) -> Budget:
    """How long to train. Raises `BadSpec` for a stored request that does not say it in one way."""
    told = {k: v for k, v in dict(request["budget"]).items() if v is not None}
    if len(told) != 1 or not told.keys() <= set(names_of(Budget)):
        allowed = ", ".join(names_of(Budget))
        raise BadSpec(f"the stored budget has to be one of {allowed}; ask for the training anew")
    return Budget(**told)


def automatic(facts: Facts, own: Mapping[str, Any]) -> dict[str, Any]:
    """The recipe for these facts, where it differs from the general one; `own`: the networks'."""
    area = (facts.resolution / 64) ** 2  # squared gradients are sums over pixels
    return {
        "batch": 32 if facts.device.rate > FAST else Recipe.batch,
        **own,
        "gamma": own.get("gamma", Recipe.gamma) * area,
        "gamma_final": own.get("gamma_final", Recipe.gamma_final) * area,
        "augment_p": next((p for count, p in AUGMENT_BELOW if facts.images < count), 0.0),
        "adaptive": facts.images < 20_000,
    }


def sized(
    architecture: Architecture,
    shape: Shape,
    told: dict[str, Any],
    recipe: Recipe,
    budget: Budget,
    device: Device,
) -> Any:
    """The architecture's options; an open `width` is the largest that the time allows."""
    if "width" in told or "width" not in names_of(architecture.Options):
        return validated(architecture.Options, told)
    minutes = budget.minutes if budget.minutes is not None else 10.0
    images = IMAGES_WANTED * (minutes / 10) ** 0.5 * (64 / shape.resolution) ** 0.5
    affordable = device.rate * 1e9 * minutes * 60 / images
    choices = [validated(architecture.Options, {**told, "width": width}) for width in WIDTHS]

    def needed(options: Any) -> float:
        return cost(architecture.name, shape, options, recipe)

    return choices[max(bisect_right(choices, affordable, key=needed) - 1, 0)]


def measure_kimg(name: str, shape: Shape, options: Any, recipe: Recipe, facts: Facts) -> float:
    """How often comparing with the reals takes about gauge.SHARE of the time, in 1000 images."""
    generator, _ = measured(name, shape, options)
    count, rate = min(gauge.IMAGES, facts.images), facts.device.rate * 1e9
    seconds = gauge.SECONDS + count * (gauge.SECONDS_EACH + generator.macs / rate)
    shown = rate / cost(name, shape, options, recipe)  # images per second
    return max(math.ceil(2 * seconds / gauge.SHARE * shown / 1000) / 2, 0.5)


def names_of(record: type[Any]) -> list[str]:
    return [field.name for field in fields(record)]


def chosen(kind: str, name: Any, table: Mapping[str, Any]) -> Any:
    """`table[name]`, or `Invalid` naming what there is."""
    if name not in table:
        raise Invalid(f"there is no {kind} {name!r}; there are: {', '.join(table)}")
    return table[name]


def refuse_resolution(architecture: Architecture, resolution: int) -> None:
    if not architecture.paints(resolution):
        sizes = " or ".join(map(str, architecture.resolutions or ()))
        raise Invalid(
            f"{architecture.name} makes images of {sizes} px only, not of {resolution} px; ask for "
            f"that resolution, or for the architecture {DEFAULT_ARCHITECTURE}, which makes all"
        )


def refuse_z_dim(architecture: Architecture, facts: Facts, asked: dict[str, Any]) -> None:
    """A length of the noise where the architecture prescribes another; `asked` loses the same."""
    if architecture.z_dim is None:
        return
    needed = architecture.z_dim(facts.resolution, facts.channels)
    if asked.pop("z_dim", needed) != needed:
        raise Invalid(
            f"the noise of {architecture.name} has as many numbers as these images ask for: "
            f"z_dim is {needed}; leave it out"
        )


def refuse_unknown(asked: Mapping[str, Any], allowed: list[str]) -> None:
    unknown = sorted(set(asked) - set(allowed))
    if unknown:
        raise Invalid(f"unknown options: {', '.join(unknown)}; allowed are: {', '.join(allowed)}")


def validated(record: type[Any], values: Mapping[str, Any]) -> Any:
    """`record(**values)` within the bounds of its fields, or `Invalid` naming the fields."""
    try:
        return TypeAdapter(record).validate_python(dict(values))
    except ValidationError as error:
        details = [
            {"pointer": "/options/" + "/".join(map(str, e["loc"])), "detail": e["msg"]}
            for e in error.errors()
        ]
        text = "; ".join(f"{d['pointer']}: {d['detail']}" for d in details)
        raise Invalid(f"options out of bounds: {text}", errors=details) from error

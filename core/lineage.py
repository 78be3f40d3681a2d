"""What may be fine-tuned into what: the same networks, picture size and channels, classes by name.

Light, so that the API refuses a request for the same reasons as the worker that carries it out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from core.errors import Invalid

NULL = {"class": "the mean of all", "attribute": "no effect at first"}


class Painter(Protocol):
    """What has to be known of the model that a training begins with (`core.schemas.Model` is one).

    `classes` or `attributes` are in the order of the network's inputs.
    """

    @property
    def classes(self) -> Sequence[str]: ...

    @property
    def attributes(self) -> Sequence[str]: ...

    @property
    def resolution(self) -> int: ...

    @property
    def channels(self) -> int: ...


@dataclass(frozen=True, kw_only=True)
class Source:
    """A `Painter` by itself."""

    classes: tuple[str, ...]
    attributes: tuple[str, ...]
    resolution: int
    channels: int


def check_lineage(
    source: Painter,
    *,
    classes: Sequence[str],
    attributes: Sequence[str],
    resolution: int,
    channels: int,
    label_map: Mapping[str, str | None],
) -> dict[str, str | None]:
    """The old class or attribute that each new one begins as; None: the mean of all classes, or an
    attribute without effect. Empty where there are neither.

    All but `source` is of the new training. Raises `Invalid`.
    """
    if source.resolution != resolution:
        raise _refused(
            "#/resolution",
            f"the model paints {source.resolution} px, the training would be at {resolution} px; "
            f"ask for resolution {source.resolution}",
        )
    if source.channels != channels:
        raise _refused(
            "#/dataset",
            f"the model paints {_colours(source.channels)}, the data set holds "
            f"{_colours(channels)}; use a data set of the same kind",
        )
    has, wants = _kind(source.classes, source.attributes), _kind(classes, attributes)
    if has != wants:
        raise _refused(
            "#/init_from", f"the model has {has}, the data set has {wants}; both must have the same"
        )
    if attributes:
        return _by_name("attribute", source.attributes, attributes, label_map)
    return _by_name("class", source.classes, classes, label_map)


def networks_of(architecture: str, resolved: Mapping[str, Any], z_dim: int) -> dict[str, Any]:
    """What stands for a model's networks in the `options` of a training.

    `resolved`: anything whose `options` are those of the architecture, a spec or a header.
    """
    return {"architecture": architecture, **resolved.get("options", {}), "z_dim": z_dim}


def check_networks(networks: Mapping[str, Any], told: Mapping[str, Any]) -> None:
    """Fine-tuning keeps the networks: raise `Invalid` where the options `told` ask for others."""
    errors = [
        {
            "pointer": f"#/options/{name}",
            "message": f"fine-tuning keeps the networks of the model, where it is {kept}; leave it "
            "out, or train without init_from",
        }
        for name, kept in networks.items()
        if told.get(name, kept) != kept
    ]
    if errors:
        raise Invalid(f"{errors[0]['pointer']}: {errors[0]['message']}.", errors=errors)


def _kind(classes: Sequence[str], attributes: Sequence[str]) -> str:
    return "classes" if classes else "attributes" if attributes else "none"


def _by_name(
    what: str, old: Sequence[str], new: Sequence[str], label_map: Mapping[str, str | None]
) -> dict[str, str | None]:
    for name in label_map:
        if name not in new:
            raise _refused(
                f"#/label_map/{name}", f"the data set has no {what} {name!r}; it has: {_list(new)}"
            )
    wanted = {name: label_map.get(name, name) for name in new}
    for name, origin in wanted.items():
        if origin is None or origin in old:
            continue
        told = f"label_map sends it to {origin!r}, which" if name in label_map else "which"
        raise _refused(
            f"#/label_map/{name}",
            f"{what} {name!r}: {told} the model does not know; it knows: {_list(old)}. Give "
            f"label_map one of them for it, or null for {NULL[what]}",
        )
    return wanted


def _refused(pointer: str, message: str) -> Invalid:
    return Invalid(f"{pointer}: {message}.", errors=[{"pointer": pointer, "message": message}])


def _list(names: Sequence[str]) -> str:
    shown = ", ".join(names[:20])
    return f"{shown} and {len(names) - 20} more" if len(names) > 20 else shown


def _colours(channels: int) -> str:
    return {1: "grey pictures", 3: "pictures in colour"}.get(channels, f"{channels} channels")

"""What this worker can train, for the API to publish and to check requests against.

Everything is read from where it is defined: a new architecture, loss or option appears here, and
so in `GET /v1/catalogue`, by itself.
"""

import json
from dataclasses import asdict
from typing import Any, get_args

from pydantic import TypeAdapter

from core.evaluations import BETTER
from core.schemas import Resolution
from models.registry import architectures
from worker.augment import operations
from worker.device import best_device
from worker.evaluation.data_space import DataSpace
from worker.evaluation.metrics import metrics
from worker.evaluation.spaces import spaces
from worker.evaluation.weights import OFFICIAL
from worker.losses import losses
from worker.penalties import penalties
from worker.presets import PRESETS
from worker.spec import Recipe
from worker.tasks import TASKS

FURTHER = {  # figures that are no plain functions of two sides: classifier.py, path_length.py, ...
    "gan_test": "Accuracy on made images of a classifier trained on real ones.",
    "gan_train": "Accuracy on real images of a classifier trained on made ones.",
    "path_length": "How far features move when the latent turns a little.",
    "fid": "Frechet Inception distance; needs weights.",
    "kid": "Kernel Inception distance; needs weights.",
    "is": "Inception Score; needs weights.",
    "fd_dinov2": "Frechet distance in DINOv2; needs weights.",
}


def build_catalogue() -> dict[str, Any]:
    """All that there is to choose from, as JSON; `options` is a schema."""
    return {
        "device": best_device(),
        "presets": {name: asdict(preset) for name, preset in PRESETS.items()},
        "resolutions": list(get_args(Resolution)),
        "tasks": {
            task.name: {
                "summary": task.summary,
                "needs": sorted(task.needs),
                "verbs": sorted(task.verbs),
            }
            for task in TASKS.values()
        },
        "architectures": {
            name: {
                "summary": architecture.summary,
                "options": _schema(architecture.Options),
                "abilities": list(architecture.abilities),
            }
            for name, architecture in architectures().items()
        },
        "losses": {name: first_line(loss) for name, loss in losses().items()},
        "penalties": {name: first_line(penalty) for name, penalty in penalties().items()},
        "options": options_schema(),
        "weights": {network.name: network.file for network in OFFICIAL},
        "metrics": {
            name: {"summary": metric.summary, "better": metric.better}
            for name, metric in metrics().items()
        }
        | {name: {"summary": summary, "better": BETTER[name]} for name, summary in FURTHER.items()},
        "spaces": {name: first_line(loader) for name, loader in spaces().items()}
        | {DataSpace.name: "A small network that learns from the data set itself, once."},
    }


def options_schema() -> dict[str, Any]:
    """JSON Schema of `options` in a training request: the recipe's and every architecture's.

    An option that two architectures bound differently may be what either of them allows; the
    worker checks it against the chosen one.
    """
    properties: dict[str, Any] = {
        "architecture": {"enum": list(architectures()), "description": "The pair of networks."}
    }
    properties |= _schema(Recipe)["properties"]
    properties["loss"] |= {"enum": list(losses())}
    properties["penalty"] |= {"enum": list(penalties())}
    properties["augment"] |= {"items": {"enum": list(operations())}, "uniqueItems": True}
    for architecture in architectures().values():
        for name, schema in _schema(architecture.Options).get("properties", {}).items():
            known = properties.setdefault(name, schema)
            if known != schema:
                properties[name] = {"anyOf": [known, schema]}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def first_line(thing: object) -> str:
    return (thing.__doc__ or "").strip().partition("\n")[0]


def _schema(record: type[Any]) -> dict[str, Any]:
    return TypeAdapter(record).json_schema()


if __name__ == "__main__":
    print(json.dumps(build_catalogue()))

"""Exports to ONNX, and the two examples that make images without our service."""

import ast
import io
import json
import runpy
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image

from core.connection import connect
from core.exports import ONNX, onnx_in
from core.files import read_json
from core.generation import Batch, Picture
from core.jobs import JobStore
from core.records import Claim
from core.registry import ModelStore
from core.schemas import Job, JobKind, JobState, Model
from core.settings import Settings
from models.registry import architectures
from tests.worker.models import publish_tiny
from worker.deliveries import Export
from worker.generate import Studio
from worker.kinds import kinds
from worker.onnx_export import export_onnx
from worker.runner import Runner

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
SEEDS = [*map(str, range(12)), str(2**32 - 1), "alice", "Zoë", "bob@example.com"]
CASES = [(name, classes) for name in architectures() for classes in ((), ("cat", "dog", "owl"))]
Made = Callable[[Settings, Model, list[str]], dict[str, np.ndarray]]


def served(
    settings: Settings, model: Model, seeds: list[str], precision: str = "float32"
) -> dict[str, np.ndarray]:
    """The pixels as our service makes them, each for itself."""
    studio = Studio(settings.home, 10**9, torch.device("cpu"), precision)
    pictures = [Picture(seeds=(int(s) if s.isdigit() else s,)) for s in seeds]
    told = {"model": model.name, "version": model.version, "digest": model.digest}
    folder = f"models/{model.name}/{model.version}"
    images = [
        studio.serve(
            Batch(id="b", reply="r", expires_at=0, folder=folder, **told, pictures=(picture,))
        )[0][0]
        for picture in pictures
    ]
    return {seed: opened(io.BytesIO(data)) for seed, data in zip(seeds, images, strict=True)}


def opened(source: io.BytesIO | Path) -> np.ndarray:
    with Image.open(source) as image:
        return np.asarray(image)


def example(
    name: str, argument: Path, seeds: list[str], folder: Path, **told: bool
) -> dict[str, np.ndarray]:
    """What an example of the documentation makes, run in a folder of its own."""
    main = runpy.run_path(str(EXAMPLES / name))["main"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        main(str(argument), *seeds, **told)
    return {seed: opened(folder / f"{seed}.png") for seed in seeds}


@pytest.mark.parametrize(("architecture", "classes"), CASES)
def test_exported_network_makes_our_images(
    settings: Settings, tmp_path: Path, architecture: str, classes: tuple[str, ...]
) -> None:
    channels = 1 if classes else 3
    model = publish_tiny(settings, architecture=architecture, classes=classes, channels=channels)
    path = tmp_path / "model.onnx"
    export_onnx(ModelStore(settings.folders).folder(model), model, path)
    made = example("onnx_generate.py", path, SEEDS, tmp_path)
    for seed, pixels in served(settings, model, SEEDS).items():
        difference = np.abs(made[seed].astype(int) - pixels.astype(int)).max()
        assert made[seed].shape == pixels.shape and difference <= 1, (seed, difference)
    facts = onnxruntime.InferenceSession(path).get_modelmeta().custom_metadata_map
    assert (facts["ganvas.name"], facts["ganvas.digest"]) == ("tiny", model.digest)
    assert json.loads(facts["ganvas.classes"]) == list(classes)


@pytest.mark.parametrize(("architecture", "classes"), CASES)
def test_plain_pytorch_makes_the_same_bytes(
    settings: Settings, tmp_path: Path, architecture: str, classes: tuple[str, ...]
) -> None:
    model = publish_tiny(settings, architecture=architecture, classes=classes)
    folder = ModelStore(settings.folders).folder(model)
    for precision in ("float32", "auto"):
        for path in folder.glob("manner-*"):
            path.unlink()
        expected = served(settings, model, SEEDS, precision)
        (manner,) = (read_json(path) for path in folder.glob("manner-*"))
        low = manner["dtype"] == "bfloat16"
        made = example("torch_generate.py", folder, SEEDS, tmp_path, low=low)
        for seed, pixels in expected.items():
            assert np.array_equal(made[seed], pixels), (seed, manner)


def test_attributes_are_asked_for_outside_as_in_our_house(
    settings: Settings, tmp_path: Path
) -> None:
    model = publish_tiny(settings, attributes=("hat", "sad", "wet"))
    folder, path = ModelStore(settings.folders).folder(model), tmp_path / "model.onnx"
    export_onnx(folder, model, path)
    ours = served(settings, model, SEEDS)
    assert len({pixels.tobytes() for pixels in ours.values()}) == len(SEEDS)
    plain = example("torch_generate.py", folder, SEEDS, tmp_path)
    exported = example("onnx_generate.py", path, SEEDS, tmp_path)
    for seed, pixels in ours.items():
        assert np.array_equal(plain[seed], pixels), seed
        assert np.abs(exported[seed].astype(int) - pixels.astype(int)).max() <= 1, seed


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("onnx_generate.py", {"numpy", "onnxruntime", "PIL"}),
        ("torch_generate.py", {"numpy", "torch", "safetensors", "PIL", "models"}),
    ],
)
def test_examples_need_what_they_say(name: str, allowed: set[str]) -> None:
    found = set()
    for node in ast.walk(ast.parse((EXAMPLES / name).read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").partition(".")[0])
    assert found - set(sys.stdlib_module_names) == allowed


@pytest.mark.service
def test_job_puts_the_file_beside_its_model(settings: Settings) -> None:
    model = publish_tiny(settings)
    job = run_job(settings, model)
    path = onnx_in(ModelStore(settings.folders).folder(model))
    assert (job.state, job.output) == (
        JobState.SUCCEEDED,
        {"model": "tiny", "version": 1, "digest": model.digest, "bytes": path.stat().st_size},
    )
    assert not list(settings.folders.job(job.id).glob("publish-*"))


def test_export_that_is_published_twice_is_one_file(settings: Settings) -> None:
    model = publish_tiny(settings)
    models = ModelStore(settings.folders)
    export = Export(settings.folders, models)
    for fence in (1, 2):
        job = order(settings, model)
        folder = settings.folders.job(job.id) / f"publish-f{fence}"
        folder.mkdir()
        (folder / ONNX).write_bytes(b"onnx")
        output = export.publish(job, Claim(id=job.id, fence=fence, attempt=1), {})
        assert output["bytes"] == 4 and not folder.exists()
    assert [path.name for path in onnx_in(models.folder(model)).parent.iterdir()] == [ONNX]


@pytest.mark.service
def test_export_of_a_model_that_went_fails_and_leaves_nothing(settings: Settings) -> None:
    model = publish_tiny(settings)
    ModelStore(settings.folders).remove(model.name, model.version)
    job = run_job(settings, model)
    assert job.state == JobState.FAILED and job.error is not None
    assert job.error["code"] == "not_found"


def order(settings: Settings, model: Model) -> Job:
    input = {"model": model.name, "version": model.version, "digest": model.digest}
    with connect(settings.redis_url) as client:
        jobs = JobStore(client, settings.prefix, settings.folders)
        return jobs.create(JobKind.EXPORT, input)[0]


def run_job(settings: Settings, model: Model) -> Job:
    """The order, carried out by a supervisor with a real child."""
    job = order(settings, model)
    with connect(settings.redis_url) as client:
        jobs = JobStore(client, settings.prefix, settings.folders)
        home = settings.folders
        Runner(jobs, home, kinds(home), "worker-1", threading.Event()).drain("prepare")
        return jobs.get(job.id)

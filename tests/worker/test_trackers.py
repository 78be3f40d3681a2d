"""What TensorBoard and MLflow see of a training, and that it does not mind when they fail."""

import json
import subprocess
import sys
import time
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.settings import Settings
from tests.ganvas.local_server import LocalServer, problem
from tests.waiting import wait_for
from tests.worker.games import tiny_spec
from tests.worker.trainings import JOB, Attempt, Desk
from worker import metrics_file
from worker.channel import DONE
from worker.child import environment
from worker.events import Alarm, Checkpoint, Progress, Sample
from worker.trackers.event_files import FOLDER, TensorBoard
from worker.trackers.mlflow_mirror import MLflow
from worker.trackers.mlflow_run import SWITCHES, reason, shown
from worker.trackers.tracked import Tracked
from worker.trackers.trackers import Trackers


@pytest.fixture(scope="module", autouse=True)
def loaded() -> None:
    """MLflow takes its time to load, on a busy machine more than a tracker waits at the end."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SWITCHES.items():
            patch.setenv(name, value)
        import_module("mlflow.tracking")


@pytest.fixture(autouse=True)
def switches(monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow reads them from the environment, also in this process."""
    for name, value in SWITCHES.items():
        monkeypatch.setenv(name, value)


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def accumulated(folder: Path) -> Any:
    """The event files as TensorBoard sees them."""
    from tensorboard.backend.event_processing import plugin_event_accumulator as accumulator

    everything = {accumulator.TENSORS: 0}
    reader = accumulator.EventAccumulator(str(folder / FOLDER), size_guidance=everything)
    return reader.Reload()


def scalars(events: Any, tag: str) -> dict[int, float]:
    """Values by step; a step that is there twice is a mistake."""
    found = [(event.step, event.tensor_proto.float_val[0]) for event in events.Tensors(tag)]
    assert [step for step, _ in found] == sorted({step for step, _ in found})
    return dict(found)


def sizes(events: Any) -> dict[int, tuple[bytes, bytes]]:
    """(width, height) of the sample grids by step."""
    return {
        event.step: tuple(event.tensor_proto.string_val[:2]) for event in events.Tensors("samples")
    }


def runs(store: Path) -> tuple[Any, list[Any]]:
    """A client of a folder of MLflow, and the runs in it."""
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=store.as_uri())
    experiment = client.get_experiment_by_name("ganvas")
    assert experiment is not None
    return client, list(client.search_runs([experiment.experiment_id]))


def history(client: Any, run: Any, name: str) -> list[tuple[int, float]]:
    return [(m.step, m.value) for m in client.get_metric_history(run.info.run_id, name)]


def tracked(folder: Path, *, fence: int = 1, step: int = 0) -> Tracked:
    names = {"job": JOB, "model": "m", "dataset": "discs"}
    return Tracked(**names, folder=folder, fence=fence, step=step, spec=tiny_spec())


def progress(step: int, **losses: float) -> Progress:
    return Progress(
        step=step,
        kimg=step / 1000,
        fraction=0.1,
        seconds=step / 10,
        eta_seconds=None,
        images_per_second=8.0,
        losses=losses or {"G": step / 2},
    )


def committed(step: int) -> Checkpoint:
    nothing: Any = None
    return Checkpoint(step=step, kimg=0.0, committed=nothing, state=nothing, final=False)


# --- a whole training


@pytest.mark.service
def test_a_killed_and_resumed_training_is_one_series_in_both(tmp_path: Path) -> None:
    desk, store = Desk(tmp_path / "home"), tmp_path / "runs"
    spec = desk.settle(10**6)
    on: dict[str, Any] = {
        "tensorboard": True,
        "mlflow_uri": store,
        "train_checkpoint_seconds": 3600,
    }
    with Attempt(desk, 1, **on) as attempt:
        attempt.until("ready")
        attempt.say("checkpoint")
        saved = attempt.until("checkpoint")["data"]["step"]
        while (seen := attempt.until("progress")["data"]["step"]) <= saved:
            pass
    with Attempt(desk, 2, **on) as attempt:
        attempt.until("ready")
        attempt.say("sample")
        attempt.until("sample")
        while attempt.until("progress")["data"]["step"] <= seen:
            pass
        attempt.say("cancel")
        assert attempt.end() == DONE, attempt.seen
        assert attempt.of("alarm") == []
    told = lines(desk.folder)
    assert told[-1]["step"] > seen > saved

    events = accumulated(desk.folder)
    for name in ("G", "D", "kimg"):
        expected = {line["step"]: line[name] for line in told}
        assert scalars(events, f"train/{name}") == pytest.approx(expected)
    grids = sorted(int(path.stem) for path in (desk.folder / "samples").iterdir())
    assert list(sizes(events)) == grids != []
    (options,) = events.Tensors("options/text_summary")
    assert f"| recipe.lr | {spec.recipe.lr} |" in options.tensor_proto.string_val[0].decode()

    client, (run,) = runs(store)
    assert history(client, run, "G") == [(line["step"], line["G"]) for line in told]
    assert (run.info.run_name, run.info.status) == (f"m {JOB}", "KILLED")
    assert run.data.params["recipe.lr"] == str(spec.recipe.lr)
    assert run.data.tags["ganvas.job"] == JOB
    assert run.data.tags["ganvas.dataset_sha256"] == spec.dataset["sha256"]
    artifacts = store / run.info.experiment_id / run.info.run_id / "artifacts"
    header = json.loads((desk.folder / "publish-f2" / "model.json").read_text())
    assert json.loads((artifacts / "model" / "model.json").read_text()) == header
    kept = {path.name: path.read_bytes() for path in (artifacts / "samples").iterdir()}
    assert kept == {p.name: p.read_bytes() for p in (desk.folder / "samples").iterdir()}


@pytest.mark.service
def test_a_server_that_is_away_costs_neither_time_nor_weights(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "home")
    desk.settle(12)
    undisturbed = desk.again(tmp_path / "undisturbed")
    with Attempt(undisturbed, 1) as attempt:
        assert attempt.end() == DONE
    with Attempt(desk, 1, mlflow_uri="http://owner:secret@127.0.0.1:9") as attempt:
        attempt.until("result")
        ended = time.monotonic()
        assert attempt.end() == DONE
        assert time.monotonic() - ended < 8
        (alarm,) = attempt.of("alarm")
    assert alarm["kind"] == "tracking"
    assert "http://127.0.0.1:9 takes nothing (Connection refused)" in alarm["message"]
    assert desk.published(1) == undisturbed.published(1)
    assert not (desk.folder / "mlflow.json").exists()
    for path in (desk.folder / "log.txt", desk.folder / "metrics.jsonl"):
        assert "secret" not in path.read_text()


def test_nothing_is_loaded_that_is_not_switched_on(tmp_path: Path) -> None:
    code = (
        "import sys, worker.train_run\n"
        "found = {'tensorboard', 'mlflow', 'google.protobuf'} & set(sys.modules)\n"
        "sys.exit(repr(found) if found else 0)"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# --- troubles


@pytest.mark.parametrize("library", ["tensorboard", "mlflow"])
def test_a_missing_library_is_one_alarm(
    library: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    settings = Settings(home=tmp_path, tensorboard=True, mlflow_uri=str(tmp_path / "runs"))
    alarms: list[Alarm] = []
    trackers = Trackers(settings, alarms.append)
    trackers.listening = [t for t in trackers.listening if t.library == library]
    with trackers.following(tracked(tmp_path)):
        trackers.record(progress(1))
    (alarm,) = alarms
    assert (alarm.kind, trackers.listening) == ("tracking", [])
    assert f"{library} is not installed; pip install 'ganvas[tracking]'" in alarm.message


def test_a_tracker_that_fails_is_left_out(tmp_path: Path) -> None:
    (tmp_path / FOLDER).write_text("a file in the way of the folder")
    alarms: list[Alarm] = []
    trackers = Trackers(Settings(home=tmp_path, tensorboard=True), alarms.append)
    with trackers.following(tracked(tmp_path)):
        trackers.record(progress(1))
    assert [alarm.message for alarm in alarms] == [
        "TensorBoard: an error (FileExistsError); nothing more is sent to it. The training goes on"
    ]


@pytest.mark.parametrize(("name", "passed"), [("worker.train_run", True), ("worker.ingest_run", 0)])
def test_credentials_reach_trainings_only_and_only_with_a_server(
    name: str, passed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "secret")
    monkeypatch.setenv("GANVAS_TENSORBOARD", "1")
    monkeypatch.delenv("GANVAS_MLFLOW_URI", raising=False)
    assert "MLFLOW_TRACKING_TOKEN" not in environment(name)
    monkeypatch.setenv("GANVAS_MLFLOW_URI", "http://localhost:5000")
    own = environment(name)
    expected = {"MLFLOW_TRACKING_TOKEN", "GANVAS_MLFLOW_URI", "GANVAS_TENSORBOARD"}
    assert expected & own.keys() == (expected if passed else set())


def test_troubles_are_told_without_passwords() -> None:
    uri = "https://owner:secret@runs.example:5000/mlflow"
    assert shown(uri) == "https://runs.example:5000"
    error = RuntimeError(f"request to {uri}/api failed\nand more")
    assert reason(error, uri) == "request to https://runs.example:5000/mlflow/api failed"


# --- TensorBoard


def test_a_rolled_back_training_shows_each_step_once_and_why(tmp_path: Path) -> None:
    board = TensorBoard()
    board.begin(tracked(tmp_path))
    board.progress(progress(2))
    board.checkpoint(committed(2))
    for step in (4, 6):
        board.progress(progress(step))
    board.alarm(Alarm(step=7, kind="not_finite", message="back to step 2"))
    board.progress(progress(5, G=1.5))
    events = accumulated(tmp_path)
    assert scalars(events, "train/G") == {2: 1.0, 5: 1.5}
    (warning,) = events.Tensors("alarms/not_finite/text_summary")
    assert warning.tensor_proto.string_val == [b"back to step 2"]


def test_a_next_attempt_takes_the_steps_out_that_it_does_again(tmp_path: Path) -> None:
    board = TensorBoard()
    board.begin(tracked(tmp_path))
    for step in (2, 4, 6):
        board.progress(progress(step))
    (file,) = (tmp_path / FOLDER).iterdir()
    file.write_bytes(file.read_bytes()[:-3])  # torn by the end of the process
    board = TensorBoard()
    board.begin(tracked(tmp_path, fence=2, step=3))
    board.progress(progress(5, G=1.5))
    assert scalars(accumulated(tmp_path), "train/G") == {2: 1.0, 5: 1.5}
    file.unlink()
    assert scalars(accumulated(tmp_path), "train/G") == {5: 1.5}
    assert [path.name for path in tmp_path.iterdir()] == [FOLDER]


def test_an_end_that_is_told_twice_adds_only_what_is_new(tmp_path: Path) -> None:
    board = TensorBoard()
    board.begin(tracked(tmp_path))
    board.progress(progress(2))
    board.progress(replace(progress(2), figures={"kd": 0.25}))
    events = accumulated(tmp_path)
    assert scalars(events, "train/G") == {2: 1.0}
    assert scalars(events, "quality/kd") == {2: 0.25}


def test_grey_grids_are_images_too(tmp_path: Path) -> None:
    board = TensorBoard()
    board.begin(tracked(tmp_path))
    board.sample(Sample(step=3, kimg=0.0, seconds=0.0, grid=np.zeros((16, 24, 1), np.uint8)))
    assert sizes(accumulated(tmp_path)) == {3: (b"24", b"16")}


# --- MLflow


@pytest.fixture
def started(tmp_path: Path) -> tuple[Path, Path]:
    """A job's folder with some metrics, and where the runs go."""
    folder = tmp_path / JOB
    folder.mkdir()
    for step in (1, 2, 3):
        row = {"step": step, "kimg": step / 1000, "seconds": step / 10, "G": step / 2}
        metrics_file.append(folder / "metrics.jsonl", row)
    return folder, tmp_path / "runs"


def test_only_what_is_final_is_sent_and_the_next_attempt_goes_on(
    started: tuple[Path, Path],
) -> None:
    folder, store = started
    mlflow = MLflow(str(store))
    mlflow.begin(tracked(folder))
    mlflow.progress(progress(3))
    mlflow.checkpoint(committed(2))
    mlflow.end("paused")
    client, (run,) = runs(store)
    assert (history(client, run, "G"), run.info.status) == ([(1, 0.5), (2, 1.0)], "SCHEDULED")
    (folder / "mlflow.json").unlink()  # killed before it was written: the tag tells
    mlflow = MLflow(str(store))
    mlflow.begin(tracked(folder, fence=2, step=2))
    mlflow.progress(progress(3))
    mlflow.end("succeeded")
    client, (run,) = runs(store)
    assert history(client, run, "G")[-1] == (3, 1.5)
    assert run.info.status == "FINISHED"


def test_a_run_that_was_deleted_is_begun_anew_with_everything(started: tuple[Path, Path]) -> None:
    folder, store = started
    for fence in (1, 2):
        mlflow = MLflow(str(store))
        mlflow.begin(tracked(folder, fence=fence, step=3))
        mlflow.end("paused")
        client, (run,) = runs(store)
        assert [step for step, _ in history(client, run, "G")] == [1, 2, 3]
        client.delete_run(run.info.run_id)


def test_after_an_outage_everything_is_made_up_for(started: tuple[Path, Path]) -> None:
    folder, store = started
    store.write_text("a file in the way of the folder")
    mlflow = MLflow(str(store), pause=0.02)
    mlflow.begin(tracked(folder))
    mlflow.checkpoint(committed(2))
    troubles = wait_for(mlflow.troubles, "the outage to be told")
    assert "takes nothing" in troubles[0]
    store.unlink()
    mlflow.progress(progress(3))
    wait_for((folder / "mlflow.json").exists, "the run to be begun")
    mlflow.end("succeeded")
    client, (run,) = runs(store)
    assert [step for step, _ in history(client, run, "G")] == [1, 2, 3]
    assert mlflow.troubles() == []


def test_metrics_travel_in_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, started: tuple[Path, Path]
) -> None:
    folder, store = started
    from mlflow.tracking import MlflowClient

    sizes: list[int] = []
    original = MlflowClient.log_batch

    def counted(self: Any, *args: Any, metrics: Any = (), **more: Any) -> Any:
        sizes.append(len(metrics))
        return original(self, *args, metrics=metrics, **more)

    monkeypatch.setattr(MlflowClient, "log_batch", counted)
    for step in range(4, 604):
        row = {"step": step, "kimg": 0.0, "seconds": 0.0, "G": 1.0}
        metrics_file.append(folder / "metrics.jsonl", row)
    mlflow = MLflow(str(store))
    mlflow.begin(tracked(folder, step=603))
    mlflow.end("paused")
    assert [size for size in sizes if size] == [1000, 206]


def test_a_server_gets_the_credentials_and_the_job_hears_that_it_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "owner")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "secret")
    with LocalServer() as server:
        server.on("GET /api/2.0/mlflow/experiments/get-by-name", problem(401, "no", "Not you."))
        mlflow = MLflow(server.url)
        mlflow.begin(tracked(tmp_path))
        mlflow.end("failed")
    assert server.received[0].headers["Authorization"].startswith("Basic ")
    (trouble,) = mlflow.troubles()
    assert "401" in trouble and "secret" not in trouble

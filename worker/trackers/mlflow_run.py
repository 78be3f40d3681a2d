"""One run at a tracking server or in a folder of MLflow, by the light package mlflow-skinny.

Everything here talks to the server and raises what MLflow raises. The library is loaded with the
first run: it takes a second or two.
"""

import math
import os
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from worker.trackers.tracked import Tracked

EXPERIMENT = "ganvas"
MOST_METRICS, MOST_PARAMS, LONGEST_PARAM, LONGEST_TAG = 1000, 100, 500, 5000  # what it accepts
OF_A_ROW = ("step", "seconds")  # in `metrics.jsonl`, besides the metrics
# MLflow takes them from the environment only. It talks to nobody but the owner's server, does not
# wait long for it, and may write into a folder although it prefers databases by now.
SWITCHES = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_ALLOW_FILE_STORE": "true",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
Row = Mapping[str, float]


class Run:
    """One run, which every attempt at a job goes on with."""

    def __init__(self, client: Any, info: Any) -> None:
        self.client, self.id, self._started = client, info.run_id, info.start_time

    @classmethod
    def of(cls, uri: str, tracked: Tracked, known: str) -> Self:
        """The run `known`, or the one that has the job's tag, or a new one."""
        os.environ.update(SWITCHES)
        tracking: Any = import_module("mlflow.tracking")
        client = tracking.MlflowClient(tracking_uri=address(uri))
        found = _existing(client, known) or _by_tag(client, tracked.job)
        if found is not None:
            client.update_run(found.run_id, status="RUNNING")
        else:
            found = client.create_run(
                _experiment(client),
                tags=_tags(tracked),
                run_name=f"{tracked.model} {tracked.job}",
            ).info
        run = cls(client, found)
        if run.id != known:
            run.send_options(tracked)
        return run

    def send_options(self, tracked: Tracked) -> None:
        Param: Any = import_module("mlflow.entities").Param
        params = [Param(k, str(v)[:LONGEST_PARAM]) for k, v in tracked.options().items()]
        for part in _parts(params, MOST_PARAMS):
            self.client.log_batch(self.id, params=part)

    def send(self, rows: Iterable[Row]) -> Iterator[int]:
        """Send lines of metrics, as many as go into one request; yields the step reached by it.

        The times are those of the training: what is sent twice says the same twice.
        """
        Metric: Any = import_module("mlflow.entities").Metric
        batch: list[Any] = []
        step = -1
        for row in rows:
            time = self._started + round(1000 * row["seconds"])
            values = {k: v for k, v in row.items() if k not in OF_A_ROW and math.isfinite(v)}
            if len(batch) + len(values) > MOST_METRICS:
                self.client.log_batch(self.id, metrics=batch)
                yield step
                batch = []
            step = int(row["step"])
            batch += [Metric(name, float(value), time, step) for name, value in values.items()]
        if batch:
            self.client.log_batch(self.id, metrics=batch)
            yield step

    def send_file(self, path: Path, folder: str) -> None:
        self.client.log_artifact(self.id, str(path), folder)

    def tag(self, name: str, text: str) -> None:
        self.client.set_tag(self.id, name, text[:LONGEST_TAG])

    def end(self, status: str) -> None:
        """status: FINISHED, KILLED, FAILED, or SCHEDULED for one that will go on."""
        if status == "SCHEDULED":
            self.client.update_run(self.id, status=status)
        else:
            self.client.set_terminated(self.id, status)


def address(uri: str) -> str:
    """A folder as a URL; every other address as it is."""
    return uri if urlsplit(uri).scheme else Path(uri).expanduser().absolute().as_uri()


def shown(uri: str) -> str:
    """Where the server is, without names and passwords."""
    place = urlsplit(uri)
    return f"{place.scheme}://{place.netloc.rpartition('@')[2]}" if place.netloc else uri


def reason(error: BaseException, uri: str) -> str:
    """Why a request failed, in a line without names and passwords."""
    text = str(error) or type(error).__name__
    below: BaseException | None = error
    while below is not None:  # what the system said is shorter than what was made of it
        if isinstance(below, OSError) and below.strerror:
            text = below.strerror
        below = below.__cause__ or below.__context__
    userinfo = urlsplit(uri).netloc.rpartition("@")[0]
    line = text.splitlines()[0][:300]
    return line.replace(f"{userinfo}@", "") if userinfo else line


def _tags(tracked: Tracked) -> dict[str, str]:
    return {
        "ganvas.job": tracked.job,
        "ganvas.model": tracked.model,
        "ganvas.dataset": tracked.dataset,
        "ganvas.dataset_sha256": str(tracked.spec.dataset.get("sha256", "")),
    }


def _existing(client: Any, known: str) -> Any:
    """The run, unless it is of another server, or was deleted there."""
    if not known:
        return None
    MlflowException: Any = import_module("mlflow.exceptions").MlflowException
    try:
        info = client.get_run(known).info
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return None
    return info if info.lifecycle_stage == "active" else None


def _by_tag(client: Any, job: str) -> Any:
    """The run of an attempt that was killed before it could note its id."""
    found = client.search_runs([_experiment(client)], f"tags.`ganvas.job` = '{job}'", max_results=1)
    return found[0].info if found else None


def _experiment(client: Any) -> str:
    """Several workers may begin at once: then one of them makes it."""
    MlflowException: Any = import_module("mlflow.exceptions").MlflowException
    found = client.get_experiment_by_name(EXPERIMENT)
    if found is not None:
        return found.experiment_id
    try:
        return client.create_experiment(EXPERIMENT)
    except MlflowException:
        found = client.get_experiment_by_name(EXPERIMENT)
        if found is None:
            raise
        return found.experiment_id


def _parts(items: list[Any], size: int) -> Iterator[list[Any]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]

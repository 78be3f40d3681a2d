"""What a training leaves in the registry: a card that says where it came from."""

from datetime import UTC, datetime
from importlib import metadata
from typing import Any

import pytest

from core.records import Claim
from core.registry import ModelStore
from core.schemas import Job, JobKind, JobState
from core.settings import Settings
from tests.core.test_stores import weights
from worker.kinds import Training

DATA = {"sha256": "a" * 64, "images": 10}
KNOWN = {"id": "ds-1", "name": "Cats", "sha256": "a" * 64}
ORIGIN = {"name": "tom", "version": 4, "digest": "d" * 64}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, {}),
        ({"resume_from": "job-0"}, {"resume_from": "job-0"}),
        (
            {"resume_from": "job-0", "retry_of": "job-0"},
            {"resume_from": "job-0", "retry_of": "job-0"},
        ),
        ({"init_from": "tom@stable", "origin": ORIGIN}, {"init_from": ORIGIN}),
    ],
)
def test_a_model_knows_its_lineage(
    settings: Settings, given: dict[str, Any], told: dict[str, Any]
) -> None:
    home, heard = settings.folders, list[str]()
    folder = home.job("job-1")
    folder.mkdir()
    weights(folder / "publish-f1")
    job = Job(
        id="job-1",
        kind=JobKind.TRAIN,
        state=JobState.RUNNING,
        version=3,
        created_at=datetime.now(UTC),
        input={"dataset_id": "ds-1", "dataset_name": "Cats", "model": "cats"} | given,
    )
    training = Training(home, ModelStore(home), heard.append)
    result = {"published": True, "resolved": {"dataset": DATA}, "metrics": {}}
    output = training.publish(job, Claim(id="job-1", fence=1, attempt=1), result)
    card = ModelStore(home).get("cats", output["version"])
    code = {"code": metadata.version("ganvas")}
    assert card.lineage == {"job": "job-1", "dataset": KNOWN} | told | code
    assert heard == ["cats"]

"""What an evaluation finds, and what a person is told of it: every key that it has is explained."""

import re
from pathlib import Path
from typing import Any

import pytest

from app.figures import conditions, figures, sentence_of
from app.verdicts import figures as compared
from core.evaluations import PARTS, condition, stem
from core.registry import ModelStore
from core.settings import Settings
from tests.worker import datasets
from tests.worker.evaluations import DATASET, EvaluationDesk
from worker.evaluation.evaluate import Evaluation
from worker.evaluation.feature_store import FeatureStore
from worker.evaluation.reals import open_reals
from worker.evaluation.spaces import rand64
from worker.painter import Painter

PAGE = (Path(__file__).parents[2] / "docs" / "evaluation.md").read_text()
TEXTS = {"space", "resize"}  # that say how was measured


@pytest.fixture
def found(settings: Settings, tmp_path: Path) -> dict[str, Any]:
    """The metrics of a whole evaluation, of a model with classes."""
    desk = EvaluationDesk(settings, datasets.dataset(count=60, classes=("cat", "dog")))
    evaluation = Evaluation(
        reals=open_reals(desk.home.dataset(DATASET), desk.model.resolution, desk.data.sha256),
        paint=Painter(desk.home, ModelStore(desk.home).folder(desk.model), desk.model.digest),
        space=rand64(),
        n=50,
        seed=0,
        store=FeatureStore(desk.home.features),
        scratch=tmp_path,
        weights=tmp_path / "weights",
    )
    steps = evaluation.steps()
    try:
        while True:
            next(steps)
    except StopIteration as end:
        return end.value.metrics


def test_every_figure_has_a_sentence_and_nothing_else_is_one(found: dict[str, Any]) -> None:
    rows = {name: sentence for name, _, _, sentence in figures(found)}
    assert [name for name in rows if not sentence_of(name)] == []
    assert set(compared({"metrics": found}, {"metrics": found})) == set(rows)
    told = conditions(found)
    for name in found.keys() - rows.keys():
        assert condition(name) or name.endswith(PARTS) or name in TEXTS, name
        assert name.endswith((*PARTS, "_sha256")) or f"{name} " in told, name
    assert {"kd", "swd_32", "copied_rank", "diversity", "path_length", "fid"} <= set(rows)
    assert {"floor_n", "swd_n", "ms_ssim_scales", "path_length_n"}.isdisjoint(rows)


def test_a_part_of_a_figure_is_told_by_its_size() -> None:
    assert sentence_of("swd_128") == "The part of swd at 128 pixels a side."
    assert sentence_of("novel") == sentence_of("novel_3") == ""


def test_every_key_is_on_the_page(found: dict[str, Any]) -> None:
    general = re.compile(r"(_floor)?(_sd|_reason)?$")  # explained once for all
    names = {general.sub("", name) for name in found} - {"classifier"}
    missing = [name for name in names if f"`{name}`" not in PAGE and f"`{stem(name)}`" not in PAGE]
    assert missing == []

"""Two versions side by side: what is compared, and what is not."""

import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from app.compare import label_for
from app.verdicts import differing_options, metric_pairs, same_data
from core.files import write_json
from core.registry import ModelStore
from core.schemas import Model
from core.settings import Settings
from tests.app.records import put_snapshot

Publish = Callable[..., Model]
DATA = {"id": "ds-1", "name": "cats", "sha256": "a" * 64}
SPACE = {"space": "rand64-v1", "space_sha256": "5" * 64, "n_real": 400, "n_fake": 400}


def evaluation(dataset: Any = DATA, **metrics: Any) -> dict[str, Any]:
    measured = {"job": "job-e", "dataset": dataset, "metrics": SPACE | metrics}
    return measured | {"seconds": 1.0, "model": {}, "seed": 0}


def better(name: str, a: dict[str, Any], b: dict[str, Any]) -> str | None:
    return metric_pairs(evaluation(**a), evaluation(**b))[name].better


@pytest.mark.parametrize(
    ("name", "a", "b", "verdict"),
    [
        ("kd", {"kd": 0.10, "kd_sd": 0.01}, {"kd": 0.20, "kd_sd": 0.01}, "a"),
        ("kd", {"kd": 0.20, "kd_sd": 0.01}, {"kd": 0.10, "kd_sd": 0.01}, "b"),
        ("kd", {"kd": 0.10, "kd_sd": 0.01}, {"kd": 0.12, "kd_sd": 0.01}, "equal"),
        ("kd", {"kd": 0.10, "kd_sd": 0.0}, {"kd": 0.11, "kd_sd": 0.0}, "a"),
        ("kd", {"kd": -0.001, "kd_sd": 0.01}, {"kd": 0.0, "kd_sd": 0.01}, "equal"),
        ("kd", {"kd": 0.10, "kd_sd": 0.01}, {"kd": 0.20}, None),
        ("swd", {"swd": 10.0}, {"swd": 20.0}, None),
        ("recall", {"recall": 0.5}, {"recall": 0.6}, "b"),  # 2 sd of a share of 400: 0.07
        ("recall", {"recall": 0.5}, {"recall": 0.56}, "equal"),
        ("recall", {"recall": 0.5, "recall_sd": 0.1}, {"recall": 0.6, "recall_sd": 0.1}, "equal"),
        ("copied", {"copied": 0.5}, {"copied": 0.1}, "b"),
        (
            "ms_ssim",
            {"ms_ssim": 0.30, "ms_ssim_sd": 0.01, "ms_ssim_floor": 0.20},
            {"ms_ssim": 0.15, "ms_ssim_sd": 0.01, "ms_ssim_floor": 0.20},
            "b",
        ),
        ("ms_ssim", {"ms_ssim": 0.3, "ms_ssim_sd": 0}, {"ms_ssim": 0.1, "ms_ssim_sd": 0}, None),
        ("novel", {"novel": 1, "novel_sd": 0}, {"novel": 2, "novel_sd": 0}, None),
    ],
)
def test_which_is_better_by_more_than_chance(
    name: str, a: dict[str, Any], b: dict[str, Any], verdict: str | None
) -> None:
    assert better(name, a, b) == verdict
    pair = metric_pairs(evaluation(**a), evaluation(**b))[name]
    assert pair.comparable and (pair.reason is None) == (verdict is not None)


def test_an_evaluation_may_say_itself_which_way_is_better() -> None:
    a, b = ({**evaluation(novel=n, novel_sd=0), "better": {"novel": "lower"}} for n in (1, 2))
    assert metric_pairs(a, b)["novel"].better == "a"


@pytest.mark.parametrize(
    ("other", "kd", "swd"),
    [
        ({"dataset": DATA | {"sha256": "b" * 64}}, "different data sets", "different data sets"),
        ({"n_fake": 500}, "n_fake 400 and 500", "n_fake 400 and 500"),
        ({"space": "data"}, "rand64-v1 and data", None),
        ({"space_sha256": "6" * 64}, "not the same network", None),
        ({"kd": None, "kd_reason": "too few images"}, "b: too few images", None),
    ],
)
def test_what_was_not_measured_alike_is_not_compared(
    other: dict[str, Any], kd: str, swd: str | None
) -> None:
    figures = {"kd": 0.1, "kd_sd": 0.001, "swd": 10.0, "swd_sd": 0.1}
    pairs = metric_pairs(evaluation(**figures), evaluation(**figures | {"kd": 0.5} | other))
    assert not pairs["kd"].comparable and pairs["kd"].better is None
    assert kd in (pairs["kd"].reason or "")
    assert pairs["swd"].comparable == (swd is None)
    assert list(pairs) == ["kd", "swd"]


def test_figures_of_one_side_only_are_shown() -> None:
    pairs = metric_pairs(evaluation(kd=0.1, kd_floor=0.01), {})
    assert (pairs["kd"].a, pairs["kd"].b, pairs["kd"].floor_a) == (0.1, None, 0.01)
    assert (pairs["kd"].comparable, pairs["kd"].reason) == (False, "b: it was not measured")


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ({"id": "1", "sha256": "x"}, {"id": "2", "sha256": "x"}, True),
        ({"id": "1", "sha256": "x"}, {"id": "1", "sha256": "y"}, False),
        ({"id": "1"}, {"id": "1", "sha256": "y"}, True),
        ("ds-1", "ds-2", False),
        ({}, {"id": "1"}, None),
    ],
)
def test_same_data(a: Any, b: Any, same: bool | None) -> None:
    assert same_data(a, b) is same


def test_options_that_differ_are_named_by_their_path() -> None:
    common = {"architecture": "r3", "seed": 0, "device": {"name": "x"}, "dataset": {"a": 1}}
    a = common | {"recipe": {"lr": 0.1, "augment": ("flip",)}, "budget": {"kimg": 1}}
    b = common | {"recipe": {"lr": 0.2, "augment": ["flip"]}, "options": {"width": 8}}
    found = differing_options(a, b | {"device": {"name": "y"}})
    assert [(row.path, row.a, row.b) for row in found] == [
        ("recipe.lr", 0.1, 0.2),
        ("budget.kimg", 1, None),
        ("options.width", None, 8),
    ]


@pytest.mark.parametrize(
    ("a", "b", "label"),
    [
        ([], [], None),
        (["x", "y"], ["x", "y"], None),
        (["x", "y"], ["y", "x"], "x"),
        (["x", "y"], ["z", "y"], "y"),
        (["x"], ["z"], None),
        (["x"], [], None),
    ],
)
def test_both_grids_show_the_same_class(
    publish: Publish, a: list[str], b: list[str], label: str | None
) -> None:
    models = publish("a", "job-a", classes=a), publish("b", "job-b", classes=b)
    assert label_for(*models)[0] == label


@pytest.fixture
def pair(publish: Publish, settings: Settings) -> None:
    """Two evaluated versions; the name of a class is an attack."""
    store = ModelStore(settings.folders)
    classes = ["<script>alert(1)</script>", "b"]
    for number, kd in ((1, 0.2), (2, 0.1)):
        resolved = {
            "recipe": {"lr": number / 10},
            "options": {"note": f'"><img src=x>{number}'},
        }
        model = publish(
            "cats",
            f"job-{number}",
            classes=classes if number == 1 else classes[::-1],
            resolved=resolved,
            dataset=DATA,
            kimg=number,
        )
        source = settings.folders.root / f"evaluation-{number}"
        source.mkdir()
        result = evaluation(kd=kd, kd_sd=0.001, kd_floor=0.01)
        write_json(
            source / "evaluation.json",
            result | {"created_at": "2026-01-01T00:00:00Z", "job": f"job-e{number}"},
        )
        store.add_evaluation(model, source, f"job-e{number}")


def compared(api: httpx.Client, a: str, b: str, **headers: str) -> httpx.Response:
    return api.get("/v1/models/compare", params={"a": a, "b": b}, headers=headers)


def test_two_versions_are_compared(api: httpx.Client, pair: None) -> None:
    answer = compared(api, "cats@1", "cats")
    assert (answer.status_code, answer.headers["Vary"]) == (200, "Accept")
    found = answer.json()
    assert (found["a"]["reference"], found["b"]["reference"]) == ("cats@1", "cats@2")
    assert found["b"]["aliased_as"] == ["latest"]
    kd = found["metrics"]["kd"]
    assert (kd["better"], kd["comparable"], kd["direction"]) == ("b", True, "lower")
    assert found["options"][-1] == {"path": "recipe.lr", "a": 0.1, "b": 0.2}
    assert found["dataset"]["same"] is True and not found["identical"] and found["notes"] == []
    grids = found["grids"]
    assert grids["a"].startswith("/v1/generate?model=cats@1&seeds=0-15&label=")
    for side in ("a", "b"):
        assert api.get(grids[side]).json()["code"] == "no_worker"  # it is understood


def test_the_page_shows_both_and_escapes_everything(api: httpx.Client, pair: None) -> None:
    answer = compared(api, "cats@1", "cats@2", Accept="text/html,*/*;q=0.1")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'self'")
    page = answer.text
    assert "<script" not in page and "<img src=x>" not in page and "style=" not in page
    assert "&lt;img src=x&gt;" in page and "&lt;script&gt;" in page
    images = re.findall(r'<img src="([^"]+)"', page)
    assert len(images) == 2 and all("seeds=0-15&amp;label=" in url for url in images)
    styles = re.findall(r'<link rel="stylesheet" href="([^"]+)"', page)
    assert [api.get(url).headers["Content-Type"] for url in styles] == ["text/css; charset=utf-8"]


def test_without_evaluations_it_says_how_to_get_them(api: httpx.Client, publish: Publish) -> None:
    publish("cats")
    found = compared(api, "cats", "cats@1").json()
    assert (found["metrics"], found["identical"], found["dataset"]["same"]) == ({}, True, None)
    assert 'POST /v1/evaluate {"model": "cats@1"}' in found["notes"][0]
    assert "Neither was evaluated" in compared(api, "cats", "cats", Accept="text/html").text


def test_checkpoints_can_be_compared(
    api: httpx.Client, publish: Publish, settings: Settings
) -> None:
    publish("cats")
    settings.folders.job("job-9").mkdir()
    put_snapshot(settings.folders.job("job-9"), 100, name="job-9", version=100)
    found = compared(api, "job:job-9", "cats").json()
    assert found["a"]["reference"] == "job:job-9@100"
    assert found["grids"]["a"] == "/v1/generate?model=job:job-9@100&seeds=0-15"


@pytest.mark.parametrize(
    ("query", "status"),
    [("a=cats", 422), ("a=cats&b=dogs", 404), ("a=cats&b=cats&c=1", 422), ("a=&b=cats", 422)],
)
def test_what_cannot_be_compared_is_refused(
    api: httpx.Client, publish: Publish, query: str, status: int
) -> None:
    publish("cats")
    assert api.get(f"/v1/models/compare?{query}").status_code == status

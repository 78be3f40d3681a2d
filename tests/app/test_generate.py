"""GET /generate: parameters, cache rules, and the way to the workers and back."""

import base64
import threading
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from app.formats import accepted_format
from app.services import Services
from core.connection import connect
from core.errors import OutOfMemory
from core.files import write_json
from core.generation import Picture
from core.pictures import Pictures
from core.presence import WorkerInfo
from core.schemas import Model
from core.seeds import label_of_seed
from core.settings import Settings
from tests.app.studio import studio
from tests.waiting import wait_for

Publish = Callable[..., Model]
Announce = Callable[..., str]


@pytest.fixture
def cats(publish: Publish) -> Model:
    return publish("cats", classes=["black", "white"])


BAD = [
    ("seed=-1", "seed"),
    ("seed=4294967296", "seed"),
    ("seed=9223372036854775808", "seed"),
    ("seed=", "seed"),
    ("seed=" + "a" * 300, "seed"),
    ("psi=1.5", "psi"),
    ("psi=nan", "psi"),
    ("psi=-0.1", "psi"),
    ("size=7", "size"),
    ("size=1025", "size"),
    ("size=1e9", "size"),
    ("quality=0", "quality"),
    ("format=gif", "format"),
    ("n=0", "n"),
    ("n=65", "n"),
    ("n=2&seed=alice", "n"),
    ("n=2&seed=4294967295", "n"),
    ("seeds=1,2&seed=3", "seeds"),
    ("seeds=0-64", "seeds"),
    ("seeds=5-1", "seeds"),
    ("seeds=a", "seeds"),
    ("seeds=1,,2", "seeds"),
    ("n=64&size=1024&seed=0", "size"),
    ("label=2", "label"),
    ("label=green", "label"),
    ("metadata=maybe", "metadata"),
    ("sede=1", "sede"),
    ("blend=1", "blend"),
    ("blend=1:2&seed=1", "blend"),
    ("blend=1:1,2:x", "blend"),
    ("blend=" + ",".join(f"{k}:1" for k in range(17)), "blend"),
]


def test_bad_parameters_are_refused(api: httpx.Client, cats: Model) -> None:
    for query, field in BAD:
        answer = api.get(f"/v1/generate?{query}")
        assert answer.status_code == 422, query
        assert answer.json()["errors"][0]["pointer"] == f"#/query/{field}"


def test_refusals_name_what_is_allowed(api: httpx.Client, cats: Model) -> None:
    assert "black, white" in api.get("/v1/generate?label=green").json()["detail"]
    assert "quality" in api.get("/v1/generate?sede=1").json()["detail"]


def test_label_on_a_model_without_classes_is_refused(api: httpx.Client, publish: Publish) -> None:
    publish("plain")
    assert api.get("/v1/generate?label=0").status_code == 422


def test_unknown_model_and_no_model_are_told_apart(api: httpx.Client, publish: Publish) -> None:
    assert api.get("/generate?seed=1").json()["code"] == "not_ready"
    publish("cats")
    assert api.get("/generate?seed=1&model=dogs").status_code == 404
    assert api.get("/generate?seed=1&model=cats@2").status_code == 404
    assert api.get("/generate?seed=1&model=job:job-9").status_code == 404


def test_without_a_worker_the_answer_is_503_at_once(api: httpx.Client, cats: Model) -> None:
    answer = api.get("/generate?seed=1")
    assert (answer.status_code, answer.json()["code"]) == (503, "no_worker")
    assert int(answer.headers["Retry-After"]) >= 1


def test_known_etag_is_answered_without_a_worker(api: httpx.Client, cats: Model) -> None:
    etag = Picture(seeds=(42,), label="white").etag(cats)
    query = "model=cats@1&seed=42&label=1&psi=1&size=32&quality=7&format=png"
    answer = api.get(f"/v1/generate?{query}", headers={"If-None-Match": f'"x", W/{etag}'})
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["ETag"] == etag
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize(
    ("tags", "status"),
    [
        (['"x", {etag}'], 304),
        (['"x"', "W/{etag}"], 304),
        (["*"], 304),
        (["{etag}x", '"x'], 503),
        (['"x"', ""], 503),
    ],
)
def test_any_of_the_clients_tags_counts(
    api: httpx.Client, cats: Model, tags: list[str], status: int
) -> None:
    etag = Picture(seeds=(1,)).etag(cats)
    headers = [("If-None-Match", tag.format(etag=etag)) for tag in tags]
    for path in ("generate?seed=1&model=cats", "models/cats/versions/1/images/1.png"):
        assert api.get(f"/v1/{path}", headers=headers).status_code == status


def test_new_images_are_never_known_already(api: httpx.Client, cats: Model) -> None:
    assert api.get("/v1/generate", headers={"If-None-Match": "*"}).status_code == 503


def test_known_images_need_no_redis(api: httpx.Client, cats: Model, held: Services) -> None:
    pool: Any = held.jobs.client.connection_pool
    pool.reset()
    pool.connection_kwargs["path"] = "/nonexistent/socket"
    assert api.get("/v1/jobs").status_code == 503
    headers = {"If-None-Match": Picture(seeds=(1,)).etag(cats)}
    for path in ("generate?seed=1", "models/cats/versions/1/images/1.png"):
        assert api.get(f"/v1/{path}", headers=headers).status_code == 304


def test_json_holds_what_made_the_image_and_the_image(
    api: httpx.Client, settings: Settings, cats: Model, announce: Announce
) -> None:
    announce("generate")
    with studio(settings):
        image = api.get("/v1/generate?seed=42&psi=0.5&format=png")
        answer = api.get("/v1/generate?seed=42&psi=0.5&format=json")
        exact = api.get(answer.headers["Content-Location"])
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    told = answer.json()
    assert base64.b64decode(told.pop("data")) == image.content
    assert told == {
        "model": "cats",
        "version": 1,
        "digest": cats.digest,
        "seed": 42,
        "psi": 0.5,
        "label": ("black", "white")[label_of_seed(42, 2)],
        "size": 32,
        "format": "png",
        "url": image.headers["Content-Location"],
    }
    assert exact.content == answer.content
    assert exact.headers["Cache-Control"].endswith("immutable")
    etag = answer.headers["ETag"]
    assert exact.headers["ETag"] == etag != image.headers["ETag"]
    known = api.get("/v1/generate?seed=42&psi=0.5&format=json", headers={"If-None-Match": etag})
    assert known.status_code == 304


def test_json_of_a_grid_lists_its_seeds(
    api: httpx.Client, settings: Settings, cats: Model, announce: Announce
) -> None:
    announce("generate")
    with studio(settings):
        answer = api.get("/v1/generate?seeds=3,5&size=16&format=json&download=1")
    told = answer.json()
    assert (told["seed"], told["label"], told["size"]) == ([3, 5], None, 16)
    assert told["url"] == "/v1/generate?model=cats%401&seeds=3%2C5&format=png&size=16"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="cats-v1-3-5.json"'


def test_image_comes_with_its_headers(
    api: httpx.Client, settings: Settings, cats: Model, announce: Announce
) -> None:
    announce("generate")
    with studio(settings) as worker:
        answer = api.get("/v1/generate?seed=42&format=jpg&quality=80&download=1")
    assert answer.status_code == 200, answer.text
    assert answer.content == f"{cats.digest} (42,)".encode()
    headers = answer.headers
    assert headers["Content-Type"] == "image/jpeg"
    assert (headers["X-Seed"], headers["X-Model"], headers["X-Model-Version"]) == (
        "42",
        "cats",
        "1",
    )
    assert headers["X-Cache"] == "miss"
    assert headers["Vary"] == "Accept"
    assert headers["Cache-Control"] == "public, max-age=60, stale-while-revalidate=600"
    assert headers["Content-Location"] == "/v1/models/cats/versions/1/images/42.jpg?quality=80"
    assert headers["Content-Disposition"] == 'attachment; filename="cats-v1-42.jpg"'
    assert len(headers["X-Request-Id"]) == 16
    assert "queue;dur=" in headers["Server-Timing"] and 'batch;desc="1"' in headers["Server-Timing"]
    assert worker.batches[0].folder == "models/cats/1"


def test_without_a_seed_one_is_drawn(
    api: httpx.Client, settings: Settings, cats: Model, announce: Announce
) -> None:
    announce("generate")
    with studio(settings):
        drawn = api.get("/generate")
        again = api.get(drawn.headers["Content-Location"])
    assert drawn.headers["Cache-Control"] == "no-store"
    assert again.content == drawn.content
    assert again.headers["ETag"] == drawn.headers["ETag"]
    assert again.headers["Cache-Control"].endswith("immutable")
    assert "Content-Location" not in again.headers
    assert (drawn.headers["Vary"], again.headers.get("Vary")) == ("Accept", None)


@pytest.mark.parametrize("seed", ["alice", "a/b", "é ü", "x.png"])
def test_text_seed_has_a_lasting_address(
    api: httpx.Client, settings: Settings, cats: Model, announce: Announce, seed: str
) -> None:
    announce("generate")
    with studio(settings):
        answer = api.get("/generate", params={"seed": seed})
        again = api.get(answer.headers["Content-Location"])
    assert again.headers["ETag"] == answer.headers["ETag"]


def test_grid_is_one_picture(
    api: httpx.Client, settings: Settings, cats: Model, announce: Announce
) -> None:
    announce("generate")
    with studio(settings) as worker:
        row = api.get("/generate?seed=3&n=4&model=cats@1")
        same = api.get("/generate?seeds=3-6&model=cats@1")
        listed = api.get("/generate?seeds=1,5,9")
    assert worker.batches[0].pictures[0].seeds == (3, 4, 5, 6)
    assert row.headers["ETag"] == same.headers["ETag"]
    assert (row.headers["X-Seed"], listed.headers["X-Seed"]) == ("3-6", "1,5,9")
    location = listed.headers["Content-Location"]
    assert location == "/v1/generate?model=cats%401&seeds=1%2C5%2C9&format=png"


def test_blend_is_one_picture_with_a_lasting_address(
    api: httpx.Client, settings: Settings, cats: Model, announce: Announce
) -> None:
    announce("generate")
    with studio(settings) as worker:
        answer = api.get("/generate?blend=1:0.7,alice:-0.30&model=cats")
        again = api.get(answer.headers["Content-Location"])
    picture = worker.batches[0].pictures[0]
    assert (picture.seeds, picture.images) == ((1, "alice"), 1)
    assert picture.point is not None and picture.point.weights == (0.7, -0.3)
    assert answer.headers["X-Seed"] == "1,alice"
    assert again.headers["ETag"] == answer.headers["ETag"]
    assert again.headers["Cache-Control"].endswith("immutable")


def test_head_has_the_headers_of_get(
    api: httpx.Client, settings: Settings, cats: Model, announce: Announce
) -> None:
    announce("generate")
    with studio(settings):
        full, head = api.get("/generate?seed=1"), api.head("/generate?seed=1")
    assert head.content == b""
    for name in ("ETag", "Content-Length", "Content-Type"):
        assert head.headers[name] == full.headers[name]


def test_identical_requests_are_made_once(
    api: httpx.Client, settings: Settings, cats: Model, announce: Announce, held: Services
) -> None:
    announce("generate")
    answers: list[httpx.Response] = []

    def ask(seed: int) -> threading.Thread:
        thread = threading.Thread(target=lambda: answers.append(api.get(f"/generate?seed={seed}")))
        thread.start()
        return thread

    with studio(settings) as worker:
        worker.open.clear()
        threads = [ask(7)]
        wait_for(lambda: worker.batches, "the first batch")
        threads += [ask(7), ask(7)]
        wait_for(lambda: _waiters(held) == 3, "three requests to wait")
        worker.open.set()
        for thread in threads:
            thread.join(10)
    assert len(worker.batches) == 1
    assert sorted(answer.headers["X-Cache"] for answer in answers) == [
        "coalesced",
        "coalesced",
        "miss",
    ]
    assert len({answer.content for answer in answers}) == 1


def test_error_of_the_worker_is_the_answer(
    api: httpx.Client, settings: Settings, cats: Model, announce: Announce
) -> None:
    announce("generate")
    with studio(settings, OutOfMemory("The model does not fit.")):
        answer = api.get("/generate?seed=1")
    assert (answer.status_code, answer.json()["code"]) == (500, "out_of_memory")
    assert answer.json()["detail"] == "The model does not fit."


def test_client_that_has_gone_is_forgotten(
    api: httpx.Client, settings: Settings, cats: Model, announce: Announce, held: Services
) -> None:
    announce("generate")
    with studio(settings) as worker:
        worker.open.clear()
        keep = threading.Thread(target=lambda: api.get("/generate?seed=1"))
        keep.start()
        wait_for(lambda: worker.batches, "the first batch")
        with pytest.raises(httpx.ReadTimeout):
            api.get("/generate?seed=2", timeout=0.2)
        wait_for(lambda: _waiters(held) == 1, "the second request to be forgotten")
        worker.open.set()
        keep.join(10)
    assert [batch.pictures[0].seeds for batch in worker.batches] == [(1,)]


def test_running_job_generates_from_its_checkpoint(
    api: httpx.Client, settings: Settings, publish: Publish, announce: Announce
) -> None:
    folder = settings.folders.job("job-1") / "snapshots" / "000000001"
    folder.mkdir(parents=True)
    card = publish("cats").model_dump(mode="json") | {"digest": "d" * 64, "version": 0}
    write_json(folder / "card.json", card)
    announce("generate")
    with studio(settings) as worker:
        answer = api.get("/generate?model=job:job-1&seed=5")
    assert worker.batches[0].folder == "jobs/job-1/snapshots/000000001"
    assert answer.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize(
    ("accept", "format"),
    [
        ("", "png"),
        ("*/*", "png"),
        ("image/*", "png"),
        ("image/webp", "webp"),
        ("image/avif,image/webp,image/apng,*/*;q=0.8", "webp"),
        ("image/webp;q=0.5, image/jpeg;q=0.9", "jpeg"),
        ("image/png;q=0, image/*", "webp"),
        ("image/jpeg;q=oops, */*;q=0.1", "png"),
    ],
)
def test_accept_chooses_the_format(accept: str, format: str) -> None:
    assert accepted_format(accept) == format


def test_accepting_no_image_is_406(api: httpx.Client, cats: Model) -> None:
    answer = api.get("/generate?seed=1", headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (406, "not_acceptable")


def _waiters(held: Services) -> int:
    tickets: Any = held.batcher._tickets.values()
    return sum(len(ticket.waiters) for ticket in list(tickets))


def test_list_of_two_distant_seeds_costs_no_more_than_two(api: httpx.Client, cats: Model) -> None:
    """The span between them is never walked: it may be four thousand million seeds."""
    tag = Picture(seeds=(0, 4294967295), label="white").etag(cats)
    query = "seeds=0,4294967295&label=white&model=cats"
    answer = api.get(f"/generate?{query}", headers={"if-none-match": tag})
    assert (answer.status_code, answer.headers["x-seed"]) == (304, "0,4294967295")


def test_kept_image_is_answered_without_a_worker_and_drawn_ones_are_not_kept(
    api: httpx.Client, settings: Settings, held: Services, cats: Model, announce: Announce
) -> None:
    announce("generate")
    with studio(settings) as worker:
        first = api.get("/v1/generate?model=cats&seed=7&label=black")
        api.get("/v1/generate?model=cats")
    (key,), (none,) = (batch.kept_as for batch in worker.batches)
    assert none is None and first.headers["ETag"] == f'"{key}"'
    with connect(settings.redis_url, text=False) as client:
        pictures = Pictures(client, settings.prefix, settings.cache_bytes)
        pictures.answer("reply", {"id": "1"}, [b"kept"], [key])
    for address in ("/v1/generate?model=cats&", "/v1/models/cats/versions/1/images/7.png?"):
        again = api.get(f"{address}{'seed=7&' if 'generate' in address else ''}label=black")
        assert (again.content, again.headers["X-Cache"]) == (b"kept", "hit")
        assert again.headers["Server-Timing"].startswith("cache;dur=")
        assert again.headers["ETag"] == first.headers["ETag"]


def test_etags_are_weak_while_workers_of_several_kinds_live(
    api: httpx.Client, held: Services, cats: Model
) -> None:
    def live(*kinds: str) -> str:
        workers = [
            WorkerInfo(
                id=kind, queues=["generate"], pid=1, host="h", started_at=cats.created_at, kind=kind
            )
            for kind in kinds
        ]
        held.batcher.workforce._count(workers)
        answer = api.get("/v1/generate?model=cats&seed=1", headers={"If-None-Match": "*"})
        assert answer.status_code == 304
        return answer.headers["ETag"]

    one, other, both = live("avx2"), live("amx"), live("avx2", "amx")
    assert one != other and one == live("avx2", "avx2")
    assert both.startswith('W/"') and not one.startswith("W/")
    assert api.get("/v1/models/cats").json()["reproducibility"] == "bitwise"
    live("avx2", "amx")
    assert api.get("/v1/models/cats").json()["reproducibility"] == "tolerance"
    held.batcher.workforce._count([])
    assert held.batcher.workforce.level == "tolerance"  # what they made is still out there

"""Between the seeds: the real API and a real, tiny network."""

import base64
import io
import json
import zipfile
from collections.abc import Callable, Iterator

import httpx
import numpy as np
import pytest
from PIL import Image

from app.services import Services
from core.schemas import Model
from core.settings import Settings
from tests.app.studio import Studio, painting
from tests.worker.models import publish_tiny
from worker.catalogue import build_catalogue


@pytest.fixture
def faces(settings: Settings) -> Model:
    return publish_tiny(settings, "faces", classes=("cat", "dog"), architecture="skip")


@pytest.fixture
def worker(settings: Settings, announce: Callable[..., str]) -> Iterator[Studio]:
    announce("generate")
    with painting(settings) as own:
        yield own


def get(api: httpx.Client, query: str, path: str = "generate") -> httpx.Response:
    answer = api.get(f"/v1/{path}?model=faces@1&{query}")
    assert answer.status_code == 200, answer.text
    return answer


def pixels(answer: httpx.Response | bytes) -> np.ndarray:
    content = answer if isinstance(answer, bytes) else answer.content
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def told(answer: httpx.Response) -> dict[str, object]:
    return json.loads(Image.open(io.BytesIO(answer.content)).info["ganvas"])


def test_blend_of_one_seed_is_its_image(api: httpx.Client, faces: Model, worker: Studio) -> None:
    alone, same, both = (
        get(api, f"label=cat&{query}") for query in ("seed=1", "blend=1:3", "blend=1:1,2:1")
    )
    assert np.array_equal(pixels(alone), pixels(same))
    assert not np.array_equal(pixels(alone), pixels(both))
    facts = told(both)
    assert (facts["seed"], facts["weights"], facts["label"]) == ([1, 2], [1.0, 1.0], "cat")


def test_ends_of_the_way_are_the_seeds(api: httpx.Client, faces: Model, worker: Studio) -> None:
    strip = pixels(get(api, "from=1&to=x&frames=7&format=png&label=dog", "interpolate"))
    assert strip.shape == (32, 7 * 32, 3)
    assert np.array_equal(strip[:, :32], pixels(get(api, "seed=1&label=dog")))
    assert np.array_equal(strip[:, -32:], pixels(get(api, "seed=x&label=dog")))
    middle = get(api, "from=1&to=x&t=0.5&label=dog", "interpolate")
    assert np.array_equal(strip[:, 96:128], pixels(middle))
    assert (told(middle)["seed"], told(middle)["t"]) == ([1, "x"], 0.5)


def test_animation_has_the_frames_back_and_forth(
    api: httpx.Client, faces: Model, worker: Studio
) -> None:
    answer = get(api, "from=1&to=2&frames=5&duration=120&size=48&quality=100", "interpolate")
    assert answer.headers["Content-Type"] == "image/webp"
    film = Image.open(io.BytesIO(answer.content))
    assert (getattr(film, "n_frames", 0), film.size, film.info["loop"]) == (8, (48, 48), 0)
    shown = []
    for place in range(8):
        film.seek(place)
        film.load()
        assert film.info["duration"] == 120
        shown.append(np.asarray(film.convert("RGB")))
    assert np.array_equal(shown[1], shown[7]) and np.array_equal(shown[3], shown[5])
    for place, t in enumerate((0, 0.25, 0.5, 0.75, 1)):
        query = f"from=1&to=2&t={t}&format=webp&size=48&quality=100"
        assert np.array_equal(shown[place], pixels(get(api, query, "interpolate")))
    facts = film.getexif().get_ifd(0x8769)[0x9286]
    assert json.loads(facts.removeprefix(b"ASCII\0\0\0"))["seed"] == [1, 2]


def test_animation_that_plays_once_ends_with_the_last_seed(
    api: httpx.Client, faces: Model, worker: Studio
) -> None:
    answer = get(api, "from=1&to=2&frames=3&loop=0&metadata=0", "interpolate")
    film = Image.open(io.BytesIO(answer.content))
    assert (getattr(film, "n_frames", 0), film.info["loop"]) == (3, 1)
    assert not film.getexif()


def test_zip_has_the_frames_by_number(api: httpx.Client, faces: Model, worker: Studio) -> None:
    answer = get(api, "from=1&to=2&frames=40&format=zip", "interpolate")
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert archive.namelist() == [f"{place:03d}.png" for place in range(40)]
    middle = get(api, f"from=1&to=2&t={13 / 39!r}", "interpolate")
    assert archive.read("013.png") == middle.content
    assert max(len(batch.pictures) for batch in worker.batches) > 1


@pytest.mark.parametrize(
    "query",
    ["frames=3", "frames=3&loop=0", "frames=3&format=png", "frames=3&format=zip", "t=0.3&psi=0.5"],
)
def test_way_is_cached_as_an_image_is(
    api: httpx.Client, faces: Model, worker: Studio, query: str
) -> None:
    answer = api.get(f"/v1/interpolate?from=1&to=alice&{query}")
    address, tag = answer.headers["Content-Location"], answer.headers["ETag"]
    again = api.get(address)
    assert (again.content, again.headers["ETag"]) == (answer.content, tag)
    assert again.headers["Cache-Control"].endswith("immutable")
    made = len(worker.batches)
    known = api.get(address, headers={"If-None-Match": tag})
    assert (known.status_code, len(worker.batches)) == (304, made)


def test_ways_that_differ_have_different_tags(
    api: httpx.Client, faces: Model, worker: Studio
) -> None:
    queries = ("", "&frames=9", "&loop=0", "&duration=40", "&format=png", "&format=zip", "&t=0")
    tags = [
        api.get(f"/v1/interpolate?from=1&to=2{query}", headers={"If-None-Match": "*"})
        for query in queries
    ]
    assert {answer.status_code for answer in tags} == {304}
    assert len({answer.headers["ETag"] for answer in tags}) == len(queries)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("to=1", "from"),
        ("from=1", "to"),
        ("from=1&to=", "to"),
        ("from=-1&to=1", "from"),
        ("from=1&to=2&frames=1", "frames"),
        ("from=1&to=2&frames=121", "frames"),
        ("from=1&to=2&frames=120&size=1024", "size"),
        ("from=1&to=2&t=0.5&frames=3", "t"),
        ("from=1&to=2&t=1.5", "t"),
        ("from=1&to=2&t=nan", "t"),
        ("from=1&to=2&format=jpg", "format"),
        ("from=1&to=2&t=0&format=zip", "format"),
        ("from=1&to=2&duration=39", "duration"),
        ("from=1&to=2&seed=3", "seed"),
    ],
)
def test_what_is_no_way_is_refused(api: httpx.Client, faces: Model, query: str, field: str) -> None:
    answer = api.get(f"/v1/interpolate?{query}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == f"#/query/{field}"


def test_styles_of_another_seed_begin_at_a_resolution(
    api: httpx.Client, faces: Model, worker: Studio
) -> None:
    own, other = (pixels(get(api, f"seed={seed}&label=cat")) for seed in (1, "x"))
    mixed = [pixels(get(api, f"seed=1&label=cat&mix=x&mix_from={side}")) for side in (8, 16, 32)]
    distances = [
        [float(np.abs(image.astype(int) - end).mean()) for end in (own, other)] for image in mixed
    ]
    to_own, to_other = zip(*distances, strict=True)
    assert list(to_own) == sorted(to_own, reverse=True) and to_own[-1] > 0
    assert list(to_other) == sorted(to_other) and to_other[0] > 0
    same = get(api, "seed=1&label=cat&mix=1")
    assert np.array_equal(pixels(same), own)
    assert (told(same)["mix"], told(same)["mix_from"]) == (1, 16)


def test_mixed_image_has_a_lasting_address(api: httpx.Client, faces: Model, worker: Studio) -> None:
    first = api.get("/v1/generate?model=faces&seed=1&mix=x&mix_from=8&psi=0.5")
    address = first.headers["Content-Location"]
    assert address == "/v1/models/faces/versions/1/images/1.png?psi=0.5&mix=x&mix_from=8"
    again = api.get(address)
    assert (again.content, again.headers["ETag"]) == (first.content, first.headers["ETag"])
    strip = get(api, "from=1&to=2&frames=3&format=png&mix=x", "interpolate")
    assert np.array_equal(pixels(strip)[:, :32], pixels(get(api, "seed=1&mix=x")))


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("mix_from=8", "mix_from"),
        ("mix=1&mix_from=64", "mix_from"),
        ("mix=1&mix_from=12", "mix_from"),
        ("mix=-1", "mix"),
    ],
)
def test_mixture_that_there_is_not_is_refused(
    api: httpx.Client, faces: Model, query: str, field: str
) -> None:
    answer = api.get(f"/v1/generate?seed=1&{query}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == f"#/query/{field}"


def test_network_without_a_mapping_is_refused_without_a_worker(
    api: httpx.Client, settings: Settings
) -> None:
    assert publish_tiny(settings, "plain", architecture="dcgan").abilities == ["directions"]
    for path in ("generate?seed=1&", "interpolate?from=1&to=2&"):
        answer = api.get(f"/v1/{path}model=plain&mix=2")
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
        assert "without a mapping" in answer.json()["detail"]


def test_of_models_that_do_not_tell_the_catalogue_does(
    api: httpx.Client, publish: Callable[..., Model], announce: Callable[..., str]
) -> None:
    publish("old", architecture="skip")
    ask = {"If-None-Match": "*"}
    unknown = api.get("/v1/generate?model=old&seed=1&mix=2", headers=ask)
    assert (unknown.status_code, unknown.json()["code"]) == (503, "no_worker")
    announce("train", catalogue=build_catalogue())
    assert api.get("/v1/generate?model=old&seed=1&mix=2", headers=ask).status_code == 304


def test_tags_are_weak_where_those_of_the_images_are(
    api: httpx.Client, faces: Model, held: Services
) -> None:
    paths = "generate?seeds=1,2&format=zip", "interpolate?from=1&to=2", "models/faces/directions"
    workforce, known = held.batcher.workforce, {"If-None-Match": "*"}
    tags = []
    for kinds in (("avx2",), ("amx",), ("amx", "avx2")):
        workforce.kinds = kinds
        tags += [api.get(f"/v1/{path}", headers=known).headers["ETag"] for path in paths]
    assert [tag.startswith('W/"') for tag in tags] == [False] * 6 + [True] * 3
    assert len(set(tags)) == 9


def test_single_images_are_kept_and_those_of_streams_are_not(
    api: httpx.Client, faces: Model, worker: Studio
) -> None:
    for query in ("generate?blend=1:1,2:1", "interpolate?from=1&to=2&t=0.5"):
        answer = api.get(f"/v1/{query}")
        assert worker.batches[-1].kept_as == (answer.headers["ETag"].strip('"'),)
    made = len(worker.batches)
    for query in ("generate?seeds=3,4&format=zip", "interpolate?from=1&to=3&frames=3"):
        assert api.get(f"/v1/{query}").status_code == 200
    assert {name for batch in worker.batches[made:] for name in batch.kept_as} == {None}


@pytest.mark.parametrize(
    "query",
    [
        "generate?seed=1&mix=x&mix_from=8&direction=1&amount=-2.5&psi=0.5",
        "generate?seeds=3,5-7&mix=2&size=48",
        "generate?blend=1:0.7,x%20y:-1e-05&label=dog&format=jpg&quality=80",
        "generate?blend=9:1&direction=0&amount=1",
        "interpolate?from=1&to=x&t=0.1&format=webp&mix=7",
        "interpolate?from=x&to=1&t=0",
        "interpolate?from=1&to=2&frames=3&format=png&psi=0",
    ],
)
def test_file_says_where_the_same_bytes_are_made_again(
    api: httpx.Client, faces: Model, worker: Studio, query: str
) -> None:
    first = api.get(f"/v1/{query}")
    assert first.status_code == 200, first.text
    found = api.post("/v1/images/inspect", content=first.content).json()
    assert found["known"]
    again = api.get(found["url"])
    assert (again.status_code, again.content) == (200, first.content)


def test_json_of_a_blend_says_all_that_made_it(
    api: httpx.Client, faces: Model, worker: Studio
) -> None:
    query = "blend=1:0.7,x:0.3&mix=5&direction=0&amount=1"
    image, answer = get(api, query), get(api, f"{query}&format=json").json()
    assert base64.b64decode(answer["data"]) == image.content
    asked = {"seed": [1, "x"], "weights": [0.7, 0.3], "mix": 5, "mix_from": 16}
    asked |= {"direction": 0, "amount": 1.0, "size": 32}
    assert {name: answer[name] for name in asked} == asked
    assert {name: answer[name] for name in told(image)} == told(image)
    assert api.get(answer["url"]).content == image.content


def test_directions_are_computed_once_and_kept(
    api: httpx.Client, faces: Model, worker: Studio
) -> None:
    answer = api.get("/v1/models/faces@1/directions")
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["object"], told["space"], len(told["data"])) == ("list", "w", 16)
    values = [entry["eigenvalue"] for entry in told["data"]]
    assert values == sorted(values, reverse=True) and 0 < told["data"][0]["share"] < 1
    for entry in told["data"]:
        vector = np.array(entry["vector"])
        assert np.linalg.norm(vector) == pytest.approx(1) and vector[np.abs(vector).argmax()] > 0
    made = len(worker.batches)
    again = api.get("/v1/models/faces/directions")
    assert (again.content, len(worker.batches)) == (answer.content, made)
    tag = answer.headers["ETag"]
    assert answer.headers["Cache-Control"].endswith("immutable")
    assert (again.headers["ETag"], again.headers["Cache-Control"]) == (tag, "no-cache")
    known = api.get("/v1/models/faces/directions", headers={"If-None-Match": tag})
    assert (known.status_code, known.content) == (304, b"")


def test_step_in_a_direction_goes_with_everything_else(
    api: httpx.Client, faces: Model, worker: Studio
) -> None:
    step = "direction=0&amount=2.5"
    first = api.get(f"/v1/generate?model=faces&seed=1&psi=0.7&{step}")
    address = first.headers["Content-Location"]
    assert address == f"/v1/models/faces/versions/1/images/1.png?psi=0.7&{step}"
    again = api.get(address)
    assert (again.content, again.headers["ETag"]) == (first.content, first.headers["ETag"])
    assert (told(first)["direction"], told(first)["amount"]) == (0, 2.5)
    plain, moved, none, mixed = (
        pixels(get(api, f"seed=1&psi=0.7&{query}"))
        for query in ("", step, "direction=0&amount=0", f"{step}&mix=3")
    )
    assert np.array_equal(plain, none) and not np.array_equal(plain, moved)
    assert not np.array_equal(mixed, moved)
    strip = pixels(get(api, f"from=1&to=2&frames=2&format=png&{step}", "interpolate"))
    assert np.array_equal(strip[:, :32], pixels(get(api, f"seed=1&{step}")))


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("direction=16&amount=1", "direction"),
        ("direction=-1&amount=1", "direction"),
        ("direction=0&amount=11", "amount"),
        ("direction=0&amount=nan", "amount"),
        ("direction=0", "amount"),
        ("amount=1", "amount"),
    ],
)
def test_step_that_there_is_not_is_refused(
    api: httpx.Client, faces: Model, query: str, field: str
) -> None:
    answer = api.get(f"/v1/generate?seed=1&{query}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == f"#/query/{field}"


def test_network_without_linear_layers_has_no_directions(
    api: httpx.Client, settings: Settings
) -> None:
    assert publish_tiny(settings, "stream", architecture="flow").abilities == []
    for path in ("models/stream/directions", "generate?model=stream&seed=1&direction=0&amount=1"):
        answer = api.get(f"/v1/{path}")
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
        assert "has no directions" in answer.json()["detail"]


def test_directions_of_a_model_that_is_not_there(api: httpx.Client, faces: Model) -> None:
    assert api.get("/v1/models/dogs/directions").status_code == 404
    assert api.get("/v1/models/faces@7/directions").status_code == 404

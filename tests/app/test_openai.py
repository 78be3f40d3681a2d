"""OpenAI's own Python package, pointed at this service."""

import base64
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import openai
import pytest

from app.openai import ImageRequest
from app.services import Services
from core.connection import connect
from core.errors import OutOfMemory
from core.generation import Picture
from core.pictures import Pictures
from core.schemas import Model
from core.settings import Settings
from tests.app import wire
from tests.app.studio import Studio, studio
from tests.app.test_errors import assert_problem
from tests.waiting import wait_for

Publish = Callable[..., Model]
JSON = {"Content-Type": "application/json"}
PATH = "/v1/images/generations"


@pytest.fixture
def client(api: httpx.Client) -> Iterator[openai.OpenAI]:
    http = openai.DefaultHttpxClient(trust_env=False)
    url = f"{api.base_url}/v1"
    with openai.OpenAI(base_url=url, api_key="any", max_retries=0, http_client=http) as own:
        yield own


@pytest.fixture
def cats(publish: Publish) -> Model:
    return publish("cats", classes=["black", "white"])


@pytest.fixture
def worker(settings: Settings, announce: Callable[..., str]) -> Iterator[Studio]:
    announce("generate")
    with studio(settings) as running:
        yield running


def test_prompt_makes_images(client: openai.OpenAI, cats: Model, worker: Studio) -> None:
    answer = client.images.generate(model="cats", prompt="a WHITE cat", n=3, size="auto")
    assert abs(answer.created - time.time()) < 60
    assert (answer.output_format, answer.size, answer.background) == ("png", "32x32", "opaque")
    assert [decoded(image) for image in answer.data or []] == [
        f"{cats.digest} ('{seed}',)" for seed in ("a WHITE cat", "a WHITE cat #2", "a WHITE cat #3")
    ]
    assert {picture.label for picture in made(worker)} == {"white"}
    assert (answer.data or [])[1].revised_prompt == "cats@1, seed a WHITE cat #2, label white"


def made(worker: Studio) -> list[Picture]:
    return [picture for batch in worker.batches for picture in batch.pictures]


def decoded(image: Any) -> str:
    return base64.b64decode(image.b64_json).decode()


def test_url_leads_to_the_same_image(
    client: openai.OpenAI, api: httpx.Client, cats: Model, worker: Studio
) -> None:
    asked: dict[str, Any] = {"prompt": "a/b", "size": "64x64", "output_format": "webp"}
    both = (client.images.generate(**asked, output_compression=60).data or [])[0]
    assert both.url is not None and both.url.startswith(str(api.base_url))
    fetched = api.get(both.url)
    assert fetched.text == decoded(both)
    assert fetched.headers["Content-Type"] == "image/webp"
    assert fetched.headers["Cache-Control"].endswith("immutable")
    expected = Picture(seeds=("a/b",), size=64, format="webp", quality=60)
    assert made(worker) == [expected, expected]


def test_form_of_the_answer_can_be_chosen(
    client: openai.OpenAI, cats: Model, worker: Studio
) -> None:
    linked = (client.images.generate(prompt="x", response_format="url").data or [])[0]
    assert (linked.b64_json, worker.batches) == (None, [])
    assert str(linked.url).endswith("/v1/models/cats/versions/1/images/x.png")
    inside = (client.images.generate(prompt="x", response_format="b64_json").data or [])[0]
    assert (inside.url, decoded(inside)) == (None, f"{cats.digest} ('x',)")


def test_our_own_fields_come_in_the_extra_body(
    client: openai.OpenAI, cats: Model, worker: Studio
) -> None:
    extra = {"seed": 7, "label": "1", "psi": 0.5}
    client.images.generate(prompt="a black cat", n=2, extra_body=extra)
    assert made(worker) == [Picture(seeds=(seed,), label="white", psi=0.5) for seed in (7, 8)]


def test_fields_without_meaning_here_are_taken(
    client: openai.OpenAI, cats: Model, worker: Studio
) -> None:
    answer = client.images.generate(
        prompt="x",
        quality="high",
        style="vivid",
        moderation="low",
        user="me",
        background="auto",
        stream=False,
        n=None,
        extra_body={"complexity": "low", "safety_identifier": "me", "partial_images": 0},
    )
    assert answer.data


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"size": "64x32"}, "size"),
        ({"size": "2048x2048"}, "size"),
        ({"size": "large"}, "size"),
        ({"n": 11}, "n"),
        ({"n": 0}, "n"),
        ({"prompt": ""}, "prompt"),
        ({"output_format": "gif"}, "output_format"),
        ({"output_compression": 101}, "output_compression"),
        ({"background": "transparent"}, "background"),
        ({"extra_body": {"label": "lynx"}}, "label"),
        ({"extra_body": {"psi": 2}}, "psi"),
        ({"extra_body": {"seed": 2**32 - 1}, "n": 2}, "n"),
        ({"extra_body": {"seed": -1}}, "seed"),
        ({"extra_body": {"seed": "-1"}}, "seed"),
        ({"extra_body": {"seed": ""}}, "seed"),
        ({"extra_body": {"sede": 1}}, "sede"),
        ({"extra_body": {"svg": {}}}, "svg"),
        ({"extra_body": {"stream": True}}, "stream"),
    ],
)
def test_what_cannot_be_is_a_bad_request(
    client: openai.OpenAI, cats: Model, fields: dict[str, Any], param: str
) -> None:
    asked: dict[str, Any] = {"prompt": "x", "model": "cats"} | fields
    with pytest.raises(openai.BadRequestError) as caught:
        client.images.generate(**asked)
    error = caught.value
    assert (error.status_code, error.param, error.code) == (400, param, "invalid_request")
    assert error.type == "invalid_request_error" and len(str(error.body)) > 50


def test_unknown_model_is_not_found(client: openai.OpenAI, cats: Model) -> None:
    with pytest.raises(openai.NotFoundError, match="there are: cats") as caught:
        client.images.generate(model="gpt-image-2", prompt="x")
    assert (caught.value.param, caught.value.code) == ("model", "model_not_found")


def test_no_model_yet_is_a_conflict(client: openai.OpenAI) -> None:
    with pytest.raises(openai.ConflictError, match="no model yet"):
        client.images.generate(prompt="x")


@pytest.mark.parametrize("form", ["url", "b64_json"])
def test_without_a_worker_the_server_is_at_fault(
    client: openai.OpenAI, cats: Model, form: Any
) -> None:
    with pytest.raises(openai.InternalServerError) as caught:
        client.images.generate(prompt="x", response_format=form)
    error = caught.value
    assert (error.status_code, error.type, error.code) == (503, "server_error", "no_worker")
    assert int(error.response.headers["Retry-After"]) >= 1


def test_error_of_the_worker_is_told(
    client: openai.OpenAI, settings: Settings, cats: Model, announce: Callable[..., str]
) -> None:
    announce("generate")
    with (
        studio(settings, OutOfMemory("The model does not fit.")),
        pytest.raises(openai.InternalServerError, match="does not fit"),
    ):
        client.images.generate(prompt="x", n=4)


def test_errors_are_problems_too(api: httpx.Client, cats: Model) -> None:
    for content, headers, status, param in (
        (b"", JSON, 400, None),
        (b"{", JSON, 400, None),
        (b"null", JSON, 400, None),
        (b"[1]", JSON, 400, None),
        (b'{"prompt": "\\ud800"}', JSON, 400, "prompt"),
        (b'{"prompt": "x", "label": "?"}', JSON, 400, "label"),
        (b'{"prompt": "x", "svg": ' + b"[" * 500 + b"]" * 500 + b"}", JSON, 400, "svg"),
        (b'{"prompt": "x", "n": 11, "user": ' + b"[" * 900 + b"]" * 900 + b"}", JSON, 400, "n"),
        (b'{"prompt": "x"}', {"Content-Type": "text/plain"}, 415, None),
    ):
        answer = api.post(PATH, content=content, headers=headers)
        assert "query" not in answer.text
        error = assert_problem(answer, status)["error"]
        assert (set(error), error["param"]) == ({"message", "type", "param", "code"}, param)


def test_models_are_listed(client: openai.OpenAI, cats: Model, publish: Publish) -> None:
    publish("dogs", "job-2")
    listed = [*client.models.list()]
    assert [(model.id, model.object, model.owned_by) for model in listed] == [
        ("dogs", "model", "ganvas"),
        ("cats", "model", "ganvas"),
    ]
    assert abs(listed[0].created - time.time()) < 60
    assert len(client.models.list(extra_query={"limit": 1}).data) == 1
    assert client.models.retrieve("cats").id == "cats"


def test_images_of_a_client_that_goes_are_forgotten_and_kept_ones_need_no_worker(
    api: httpx.Client, settings: Settings, held: Services, cats: Model, worker: Studio
) -> None:
    def waiting() -> int:
        return len(held.batcher._tickets)

    worker.open.clear()
    body = b'{"prompt": "a cat", "n": 3}'
    lines = ["POST /v1/images/generations HTTP/1.1", "Host: localhost"]
    lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    with wire.connect(api) as connection:
        connection.sendall(wire.head(lines) + body)
        wait_for(lambda: waiting() == 3, "the images to be waited for")
    wait_for(lambda: waiting() == 0, "the images to be forgotten")
    worker.open.set()
    wait_for(lambda: len(worker.batches) == 1, "the batch that had left")
    (key,) = worker.batches[0].kept_as
    with connect(settings.redis_url, text=False) as client:
        pictures = Pictures(client, settings.prefix, settings.cache_bytes)
        pictures.answer("reply", {"id": "1"}, [b"kept"], [key])
    answer = api.post("/v1/images/generations", json={"prompt": "a cat"}).json()
    assert base64.b64decode(answer["data"][0]["b64_json"]) == b"kept"


def test_every_field_of_openai_is_considered() -> None:
    """What its package can send is taken, or refused on purpose."""
    from openai.types import image_generate_params

    theirs = image_generate_params.ImageGenerateParamsBase.__annotations__
    refused = {"svg", "frame_count", "frame_duration_ms", "prompt_rewriter"}
    assert set(theirs) - refused <= set(ImageRequest.model_fields)

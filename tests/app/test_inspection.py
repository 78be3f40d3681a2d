"""POST /v1/images/inspect: what our images say, and what hostile files do not do."""

import io
import json
import struct
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as run
from hypothesis import strategies as st
from PIL import Image

from app import inspection
from app.embedded import MAX_PARTS, PNG, embedded
from app.inspection import facts_in
from core.errors import Invalid, UnsupportedMedia
from core.facts import Facts
from core.generation import Picture
from core.schemas import Model
from tests.app.wire import ask
from worker.encode import encode, parameters_line, to_image

Publish = Callable[..., Model]
FORMATS = ("png", "webp", "jpeg")
FACTS: dict[str, Any] = {
    "model": "cats",
    "version": 1,
    "digest": "d" * 64,
    "seed": "Zoë",
    "psi": 0.5,
    "label": None,
}


def image(format: str, facts: dict[str, Any] | None = FACTS) -> bytes:
    """As a worker makes it, of noise."""
    pixels = np.random.default_rng(1).integers(0, 256, (32, 32, 3), np.uint8)
    return encode(to_image(pixels), format, 90, facts)


def inspect(api: httpx.Client, content: bytes, **headers: str) -> httpx.Response:
    return api.post("/v1/images/inspect", content=content, headers=headers)


@pytest.mark.parametrize("format", FORMATS)
def test_our_images_say_what_made_them(api: httpx.Client, publish: Publish, format: str) -> None:
    model = publish("cats", classes=["black", "white"])
    facts = FACTS | {"digest": model.digest, "label": "white", "size": 64}
    facts |= {} if format == "png" else {"quality": 50}
    answer = inspect(api, image(format, facts))
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["format"], found["known"]) == (format, True)
    assert found["metadata"] == facts
    line = parameters_line(facts)
    assert found["parameters"] == (line if format == "png" else line.replace("ë", "?"))
    again = api.get(found["url"], headers={"If-None-Match": etag(model, facts, format)})
    assert again.status_code == 304


def etag(model: Model, facts: dict[str, Any], format: str) -> str:
    asked = {name: facts[name] for name in ("label", "psi", "size", "quality") if name in facts}
    asked |= {"seeds": [facts["seed"]], "format": format}
    return Picture.model_validate(asked).etag(model)


def test_grid_has_its_address_too(api: httpx.Client, publish: Publish) -> None:
    facts = FACTS | {"digest": publish("cats").digest, "seed": [3, 4, 5], "psi": 1.0}
    url = inspect(api, image("png", facts)).json()["url"]
    assert url == "/v1/generate?model=cats%401&seeds=3-5&format=png"


def test_model_is_known_by_its_weights(api: httpx.Client, publish: Publish) -> None:
    strange = inspect(api, image("png")).json()
    assert (strange["known"], strange["url"]) == (False, None)
    digest = publish("kittens").digest
    found = inspect(api, image("png", FACTS | {"digest": digest, "version": 7})).json()
    assert (found["known"], found["metadata"]["model"]) == (True, "cats")
    assert found["url"] == "/v1/models/kittens/versions/1/images/Zo%C3%AB.png?psi=0.5"


@pytest.mark.parametrize(
    "odd",
    [
        {"label": "lynx"},
        {"size": 7},
        {"quality": 101},
        {"seed": ""},
        {"seed": "-1"},
        {"seed": []},
        {"seed": [1] * 65},
        {"seed": [1] * 64, "size": 1024},
        {"seed": [1, 2], "weights": [1.0]},
        {"seed": [1, 2], "weights": [1.0, 1.0], "t": 0.5},
        {"t": 0.5},
        {"seed": [1, 2], "frames": 121},
        {"seed": None, "latent": "0" * 32},
        {"mix": 2, "mix_from": 64},
        {"mix": ""},
        {"direction": 16, "amount": 1.0},
        {"direction": 0},
    ],
)
def test_what_the_model_cannot_make_has_no_address(
    api: httpx.Client, publish: Publish, odd: dict[str, Any]
) -> None:
    facts = FACTS | {"digest": publish("cats").digest} | odd
    found = inspect(api, image("png", facts)).json()
    assert (found["known"], found["url"]) == (True, None)


def test_file_may_come_as_a_form(api: httpx.Client) -> None:
    content = image("webp")
    answer = api.post("/v1/images/inspect", files={"file": ("cat.webp", content)})
    assert answer.json()["metadata"]["seed"] == "Zoë"
    two = api.post("/v1/images/inspect", files=[("a", content), ("b", content)])
    named = api.post("/v1/images/inspect", files={"a": content}, data={"name": "cat"})
    empty = inspect(api, b"--b--\r\n", **{"Content-Type": "multipart/form-data; boundary=b"})
    for refused in (two, named, empty):
        assert refused.status_code == 422 and "one part" in refused.json()["detail"]


@pytest.mark.parametrize("format", FORMATS)
def test_images_without_our_metadata_are_422(api: httpx.Client, format: str) -> None:
    answer = inspect(api, image(format, None))
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert "metadata=0" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("seed", -1),
        ("seed", None),
        ("seed", [2**32]),
        ("latent", "0" * 32),
        ("psi", 2),
        ("psi", "x"),
        ("version", 10**9),
        ("weights", [11.0]),
        ("t", float("nan")),
        ("amount", float("-inf")),
    ],
)
def test_changed_metadata_are_422(api: httpx.Client, field: str, value: Any) -> None:
    answer = inspect(api, image("jpeg", FACTS | {field: value}))
    assert answer.status_code == 422 and "was changed" in answer.json()["detail"]


def test_other_files_are_415_and_none_is_422(api: httpx.Client) -> None:
    for content in (b"GIF89a", b"{}", b"\x89PN", b"RIFF\0\0\0\0WAVE", b"<svg/>"):
        answer = inspect(api, content)
        assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media")
    assert inspect(api, b"").status_code == 422


def test_large_files_are_413(api: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspection, "MAX_IMAGE_BYTES", 1000)
    assert inspect(api, PNG + b"x" * 1000).status_code == 413
    head = ["Host: localhost", "Content-Type: image/png", "Content-Length: 99999999"]
    assert ask(api, "POST /v1/images/inspect HTTP/1.1", *head) == 413


def test_image_larger_than_a_json_body_is_read(api: httpx.Client) -> None:
    content = image("png")
    assert inspect(api, content + b"\0" * 2_000_000).status_code == 200


def test_texts_that_another_program_has_written_are_found() -> None:
    """Chunks behind the pixels, EXIF with the other byte order, EXIF in WebP with a prefix."""
    text = json.dumps(FACTS).encode()
    chunk = struct.pack(">I", len(text) + 11) + b"iTXt" + b"ganvas\0\0\0\0\0" + text + b"\0" * 4
    assert facts_in(embedded(image("png", None) + chunk)).seed == "Zoë"
    exif = Image.Exif()
    exif.endian = ">"
    exif.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0" + text
    for format in ("JPEG", "WEBP"):
        buffer = io.BytesIO()
        Image.new("RGB", (9, 9)).save(buffer, format, exif=exif.tobytes())
        assert facts_in(embedded(buffer.getvalue())) == Facts(**FACTS)


def harmless(data: bytes) -> None:
    """Whatever is in a file, it is answered, and soon."""
    began = time.process_time()
    with suppress(Invalid, UnsupportedMedia):
        facts_in(embedded(data))
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize("format", FORMATS)
def test_image_cut_short_anywhere_is_harmless(format: str) -> None:
    whole = image(format)
    for end in range(len(whole)):
        harmless(whole[:end])


@run(max_examples=300, deadline=None)
@given(st.sampled_from(FORMATS), st.data())
def test_image_with_other_bytes_in_it_is_harmless(format: str, data: st.DataObject) -> None:
    """Also where lengths, offsets and counts stand."""
    whole = bytearray(image(format))
    starts = st.integers(0, min(len(whole), 600)) | st.integers(
        max(0, len(whole) - 600), len(whole)
    )
    for _ in range(data.draw(st.integers(1, 4))):
        start, other = data.draw(starts), data.draw(st.binary(max_size=8))
        whole[start : start + len(other)] = other
    harmless(bytes(whole))


@pytest.mark.parametrize("format", FORMATS)
def test_service_answers_damaged_images(api: httpx.Client, publish: Publish, format: str) -> None:
    whole, random = image(format, FACTS | {"digest": publish("cats").digest}), Random(7)
    told = whole.index(b'"digest"')
    for _ in range(60):
        damaged = bytearray(whole)
        damaged[random.randrange(told - 200, told + 150)] = random.randrange(256)
        assert inspect(api, bytes(damaged)).status_code in (200, 415, 422)


@run(max_examples=200, deadline=None)
@given(st.sampled_from((PNG, b"RIFF\xff\xff\xff\xffWEBP", b"\xff\xd8\xff\xe1", b"")), st.binary())
def test_other_bytes_are_harmless(start: bytes, rest: bytes) -> None:
    harmless(start + rest)
    harmless(start + b"EXIF\xff\0\0\0Exif\0\0MM\0*\0\0\0\x08" + rest)


@pytest.mark.parametrize(
    "text",
    [
        b"[" * 60_000,
        b'{"a":' * 10_000,
        b'{"seed":' + b"9" * 60_000 + b"}",
        b'{"model":"\\ud800"}',
        b"NaN",
        b"\xff\xfe",
        b"null",
    ],
)
def test_odd_json_is_harmless(text: bytes) -> None:
    chunk = b"ganvas\0\0\0\0\0" + text
    harmless(PNG + struct.pack(">I", len(chunk)) + b"iTXt" + chunk)


def test_many_small_parts_are_not_all_looked_at() -> None:
    empty = struct.pack(">I4sI", 0, b"iTXt", zlib.crc32(b"iTXt"))
    harmless(PNG + empty * 2_000_000)
    harmless(b"\xff\xd8" + b"\xff\xe1\0\2" * 8_000_000)
    harmless(b"RIFF\0\0\0\0WEBP" + b"EXIG\0\0\0\0" * 4_000_000)
    behind = PNG + empty * MAX_PARTS + image("png")[8:]
    with pytest.raises(Invalid):
        facts_in(embedded(behind))

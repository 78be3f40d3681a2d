"""Every refusal is an RFC 9457 problem with a stable code."""

import json
import re
import subprocess
import sys
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from redis.exceptions import RedisError

from app.errors import STATUSES, as_expected, from_record
from app.services import Services
from core import errors
from core.errors import GanvasError, StorageFull, Unavailable

MEMBERS = {"type", "title", "status", "detail", "instance", "code", "request_id", "errors"}


def assert_problem(answer: httpx.Response, status: int | None = None) -> dict[str, Any]:
    assert answer.headers["Content-Type"] == "application/problem+json", answer.text
    body = answer.json()
    assert set(body) >= MEMBERS
    assert body["status"] == answer.status_code
    assert status is None or answer.status_code == status
    assert all(set(error) == {"pointer", "message"} for error in body["errors"])
    return body


def operations(app: FastAPI) -> list[tuple[str, str]]:
    paths: Any = app.openapi()["paths"]
    return [(method.upper(), path) for path, item in paths.items() for method in item]


def filled(path: str, value: str) -> str:
    return re.sub(r"\{[^}]+\}", value, path)


def test_every_route_refuses_with_a_problem(app: FastAPI, api: httpx.Client) -> None:
    """Ids that nobody has, ids that are none, and bodies that are none."""
    for method, path in operations(app):
        for value in ("1", "no such thing", "%2e%2e", "a" * 300, "<img onerror=x>", "con", "%00"):
            answer = api.request(method, filled(path, value), content=b"{")
            if answer.status_code >= 400:
                assert_problem(answer)
            assert answer.status_code not in (500, 501, 502), (method, path, value)


def test_every_route_answers_other_methods_with_405(app: FastAPI, api: httpx.Client) -> None:
    for path in {path for _, path in operations(app)}:
        if path.startswith("/v1/uploads"):
            continue  # offers OPTIONS, as its protocol asks
        answer = api.request("OPTIONS", filled(path, "1"))
        assert assert_problem(answer, 405)["code"] == "method_not_allowed"
        assert answer.headers["Allow"]


def test_every_operation_documents_problems_only(app: FastAPI) -> None:
    description: Any = app.openapi()
    ids = set()
    for item in description["paths"].values():
        for operation in item.values():
            ids.add(operation["operationId"])
            assert {"4XX", "5XX"} <= set(operation["responses"])
            assert operation["tags"] and operation["summary"]
    assert len(ids) == len(operations(app))
    assert "HTTPValidationError" not in json.dumps(description)
    assert set(description["components"]["schemas"]["Problem"]["properties"]) == MEMBERS


def test_every_reference_in_the_description_resolves(app: FastAPI) -> None:
    text = json.dumps(app.openapi())
    known = app.openapi()["components"]["schemas"]
    for name in re.findall(r'"#/components/schemas/([^"]+)"', text):
        assert name in known


def test_unknown_path_is_a_problem(api: httpx.Client) -> None:
    assert assert_problem(api.get("/v1/nothing"), 404)["code"] == "not_found"


def test_validation_errors_do_not_repeat_the_input(api: httpx.Client) -> None:
    body = {"dataset": "cats", "seed": "canary-secret", "buget": {"canary-secret": 1}}
    answer = api.post("/train", json=body)
    pointers = {error["pointer"] for error in assert_problem(answer, 422)["errors"]}
    assert pointers == {"#/seed", "#/buget"}
    assert "canary-secret" not in answer.text


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"[" * 10_000,
        b'{"a":' * 10_000,
        b'{"seed": ' + b"9" * 100_000 + b"}",
        b'{"dataset": "\xff"}',
        b'{"dataset": "\\ud800"}',
        b'{"dataset": "a", "dataset": "\\u0000"}',
        b"null",
        b"NaN",
    ],
)
def test_odd_json_is_refused(api: httpx.Client, content: bytes) -> None:
    for path in ("/train", "/v1/datasets"):
        answer = api.post(path, content=content, headers={"Content-Type": "application/json"})
        assert answer.status_code in (400, 404, 422, 503), answer.text
        assert_problem(answer)


def test_every_code_of_the_core_has_a_status() -> None:
    of_jobs = "diverged out_of_memory too_many_crashes bad_spec stalled disk_full dataset_changed"
    internal = {"error", "internal", "no_device", "incompatible_checkpoint", *of_jobs.split()}
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    codes = {kind.code for kind in kinds if issubclass(kind, GanvasError)}
    assert codes <= set(STATUSES) | internal


def test_stored_error_becomes_the_same_exception() -> None:
    error = errors.NoImages("None.", errors=[{"pointer": "#", "message": "m"}])
    again = from_record(error.record())
    assert (type(again), again.detail, again.errors) == (errors.NoImages, "None.", error.errors)
    assert from_record({"code": "unheard_of"}).code == "internal"


def test_full_disk_and_lost_redis_are_expected() -> None:
    assert isinstance(as_expected(OSError(28, "no space")), StorageFull)
    assert isinstance(as_expected(RedisError()), Unavailable)
    assert as_expected(OSError(2, "no file")) is None


def test_redis_that_is_gone_is_503(api: httpx.Client, held: Services) -> None:
    """A client of a server that does not exist any more."""
    pool: Any = held.jobs.client.connection_pool
    pool.reset()
    pool.connection_kwargs["path"] = "/nonexistent/socket"
    for path in ("/v1/jobs", "/v1/catalogue", "/v1/workers", "/readyz", "/v1/jobs/job-1/events"):
        answer = api.get(path)
        assert_problem(answer, 503)
        assert int(answer.headers["Retry-After"]) >= 1
    assert api.get("/healthz").status_code == 200


def test_app_loads_no_torch() -> None:
    code = (
        "import sys, app.main\n"
        "heavy = {'torch', 'numpy', 'PIL', 'worker', 'models'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=20)

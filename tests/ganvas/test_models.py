"""Aliases, versions and comparisons in the command line and in both clients."""

import asyncio
import json
from typing import Any

import pytest

from ganvas import AsyncClient, Client, GanvasAPIError, Unreachable
from tests.ganvas.commands import ganvas
from tests.ganvas.local_server import Answer, LocalServer, page, problem
from tests.ganvas.test_cli import MODEL

STABLE = "/v1/models/cats/aliases/stable"
MOVES = [
    {"from": 1, "to": 2, "at": "2026-01-02T00:00:00Z", "how": "set"},
    {"from": None, "to": 1, "at": "2026-01-01T00:00:00Z", "how": "set"},
]
ALIAS: dict[str, Any] = {"model": "cats", "alias": "stable", "version": 2, "etag": '"x"'}
COMPARISON: dict[str, Any] = {
    "a": {"reference": "cats@1"},
    "b": {"reference": "cats@2"},
    "metrics": {
        "kd": {"a": 0.2, "b": 0.1, "better": "b", "spread": 0.01, "reason": None},
        "recall": {"a": 0.5, "b": 0.52, "better": "equal", "spread": 0.07, "reason": None},
        "swd": {"a": 10.0, "b": None, "better": None, "spread": None, "reason": "b: no room"},
    },
    "options": [{"path": "recipe.lr", "a": 0.1, "b": None}],
    "notes": [],
}
STORAGE: dict[str, Any] = {
    "total": 3500,
    "datasets": 1000,
    "jobs": {"total": 2000, "checkpoints": 1900, "samples": 50, "logs": 50, "other": 0},
    "models": {"total": 500, "by_name": {"cats": 500}},
    "uploads": 0,
    "features": 0,
    "other": 0,
    "disk": {"total": 2_000_000, "free": 1_000_000},
    "largest": [{"kind": "job", "id": "job-1", "bytes": 2000, "url": "/v1/jobs/job-1"}],
    "complete": False,
    "seconds": 0.1,
}


@pytest.fixture(autouse=True)
def _elsewhere(clean_environment: None) -> None: ...


def test_a_version_is_promoted_and_rolled_back(server: LocalServer) -> None:
    server.on(f"PUT {STABLE}", Answer(body=ALIAS | {"history": MOVES}))
    server.on(f"POST {STABLE}/rollback", Answer(body=ALIAS | {"version": 1, "history": []}))
    promoted = ganvas(server, "models", "promote", "cats@2", "stable").stdout
    assert promoted.startswith("cats@stable is version 2, before it was 1.")
    assert json.loads(server.received[0].body) == {"version": 2}
    assert "version 1 again" in ganvas(server, "models", "rollback", "cats", "stable").stdout


def test_an_alias_is_removed(server: LocalServer) -> None:
    server.on(f"DELETE {STABLE}", Answer(status=204, body=b""))
    assert ganvas(server, "models", "unalias", "cats", "stable").exit_code == 0
    assert len(server.sent(f"DELETE {STABLE}")) == 1


@pytest.mark.parametrize("text", ["cats", "cats@", "cats@stable", "@2", "cats@²"])
def test_a_version_has_to_be_exact(server: LocalServer, text: str) -> None:
    for command in (("promote", text, "stable"), ("delete", text, "--yes")):
        result = ganvas(server, "models", *command)
        assert (result.exit_code, server.received) == (1, [])
        assert "names no version" in result.stderr


def test_versions_are_listed_with_their_aliases_and_figures(server: LocalServer) -> None:
    known = {"aliased_as": ["latest", "stable"], "evaluation": {"metrics": {"kd": 0.0123}}}
    server.on("GET /v1/models/cats/versions", Answer(body=page(MODEL | known)))
    shown = ganvas(server, "models", "versions", "cats").stdout
    assert "latest, stable" in shown and "kd 0.0123" in shown


def test_a_model_is_shown_by_its_alias(server: LocalServer) -> None:
    server.on(f"GET {STABLE}", Answer(body=ALIAS))
    card = MODEL | {"aliased_as": ["stable"]}
    server.on("GET /v1/models/cats/versions/2", Answer(body=card))
    assert "aliases: stable" in ganvas(server, "models", "show", "cats@stable").stdout


def test_versions_are_deleted(server: LocalServer) -> None:
    server.on("DELETE /v1/models/cats/versions/2", Answer(status=204, body=b""))
    server.on("DELETE /v1/models/cats", problem(409, "in_use", "stable points there."))
    assert ganvas(server, "models", "delete", "cats@2", "-y").stdout == "Deleted cats@2.\n"
    refused = ganvas(server, "models", "delete", "cats", "--all", "-y")
    assert (refused.exit_code, refused.stderr) == (1, "stable points there.\n")


def test_two_versions_are_compared_in_a_table(server: LocalServer) -> None:
    server.on("GET /v1/models/compare", Answer(body=COMPARISON))
    shown = ganvas(server, "models", "compare", "cats@1", "cats@stable").stdout
    lines = {line.split()[0]: line.split() for line in shown.splitlines() if line.strip()}
    assert lines["kd"] == ["kd", "0.2", "0.1", "cats@2"]
    assert lines["recall"][3:] == ["equal", "within", "0.07"]
    assert lines["swd"][2:] == ["-", "b:", "no", "room"]
    assert lines["recipe.lr"][1:] == ["0.1", "-"]
    assert "/v1/models/compare?a=cats@1&b=cats@2" in shown
    assert server.received[0].path == "/v1/models/compare?a=cats%401&b=cats%40stable"


def test_storage_is_shown(server: LocalServer) -> None:
    server.on("GET /v1/storage", Answer(body=STORAGE))
    shown = ganvas(server, "storage").stdout
    assert "3.5 kB in all; on the disk 1.0 MB of 2.0 MB are free." in shown
    assert "Largest: job-1 (2.0 kB)." in shown and "too many files" in shown


def test_the_client_sends_preconditions(server: LocalServer) -> None:
    server.on(f"PUT {STABLE}", problem(412, "precondition_failed", "It was changed."))
    server.on(f"POST {STABLE}/rollback", Answer(body=ALIAS | {"history": MOVES}))
    server.on("GET /v1/models/cats/aliases", Answer(body=page(ALIAS | {"history": MOVES})))
    with Client(server.url) as client:
        with pytest.raises(GanvasAPIError, match="412"):
            client.models.alias("cats", "stable", 2, if_match='"x"')
        known = client.models.aliases("cats").data[0]
        moved = client.models.rollback("cats", "stable", if_match=known.etag)
    assert [move.before for move in moved.history] == [1, None]
    assert [request.headers["If-Match"] for request in server.received] == ['"x"', None, '"x"']


def test_a_promotion_whose_answer_is_lost_is_sent_again_but_not_a_guarded_one(
    server: LocalServer,
) -> None:
    lost = Answer(hang_up=True)
    server.on(f"PUT {STABLE}", lost, Answer(body=ALIAS))
    with Client(server.url) as client:
        assert client.models.alias("cats", "stable", 2).version == 2
        server.on(f"PUT {STABLE}", lost, Answer(body=ALIAS))
        with pytest.raises(Unreachable):
            client.models.alias("cats", "stable", 2, if_match='"x"')


def test_names_cannot_lead_elsewhere(server: LocalServer) -> None:
    with Client(server.url) as client, pytest.raises(GanvasAPIError, match="404"):
        client.models.unalias("cats", "../../dogs")
    assert server.received[0].path == "/v1/models/cats/aliases/..%2F..%2Fdogs"


def test_the_client_for_asyncio_does_the_same(server: LocalServer) -> None:
    server.on(f"PUT {STABLE}", Answer(body=ALIAS))
    server.on(f"GET {STABLE}", Answer(body=ALIAS))
    server.on(f"POST {STABLE}/rollback", Answer(body=ALIAS | {"version": 1}))
    server.on(f"DELETE {STABLE}", Answer(status=204, body=b""))
    server.on("DELETE /v1/models/cats/versions/2", Answer(status=204, body=b""))
    server.on("GET /v1/models/compare", Answer(body=COMPARISON))
    server.on("GET /v1/models/cats/versions", Answer(body=page(MODEL)))
    server.on("GET /v1/models/cats/versions/2", Answer(body=MODEL))
    server.on("GET /v1/storage", Answer(body=STORAGE))

    async def main() -> None:
        async with AsyncClient(server.url) as client:
            models = client.models
            assert (await models.alias("cats", "stable", 2)).version == 2
            assert (await models.get("cats", "stable")).version == 2
            assert (await models.rollback("cats", "stable")).version == 1
            await models.unalias("cats", "stable")
            assert (await models.compare("cats@1", "cats@2"))["notes"] == []
            assert [m.version for m in (await models.versions("cats")).data] == [2]
            await models.delete("cats", 2)
            assert (await client.storage())["total"] == 3500

    asyncio.run(main())

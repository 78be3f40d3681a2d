"""The calls of the REST contract that are about models; the others: ganvas/calls.py."""

from typing import Any
from urllib.parse import quote

from core.directions import Directions
from core.evaluations import Evaluation
from core.schemas import Alias, Model, Page
from ganvas.answers import as_json, nothing, record
from ganvas.transport import Flow, Request, exchange


class ModelCalls:
    """`retries`: how often a request is sent again when the service is away or busy."""

    def __init__(self, retries: int) -> None:
        self.retries = retries

    def list(self, limit: int | None, after: str | None) -> Flow[Page[Model]]:
        request = Request(method="GET", path="/v1/models", params={"limit": limit, "after": after})
        return exchange(request, record(Page[Model]), self.retries)

    def get(self, name: str, version: int | str | None) -> Flow[Model]:
        """The newest version, one by its number, or the one that an alias means."""
        if isinstance(version, str):
            version = (yield from self.aliased(name, version)).version
        path = _path(name) if version is None else _path(name, version)
        return (yield from exchange(_get(path), record(Model), self.retries))

    def versions(self, name: str, limit: int | None, after: str | None) -> Flow[Page[Model]]:
        params = {"limit": limit, "after": after}
        request = Request(method="GET", path=f"{_path(name)}/versions", params=params)
        return exchange(request, record(Page[Model]), self.retries)

    def evaluations(self, name: str, version: int) -> Flow[Page[Evaluation]]:
        request = _get(f"{_path(name, version)}/evaluations")
        return exchange(request, record(Page[Evaluation]), self.retries)

    def directions(self, name: str, version: int | str | None) -> Flow[Directions]:
        """Of the newest version, one by its number, or the one that an alias means."""
        reference = name if version is None else f"{name}@{version}"
        request = _get(f"{_path(reference)}/directions")
        return exchange(request, record(Directions), self.retries)

    def delete(self, name: str, version: int | None) -> Flow[None]:
        path = _path(name) if version is None else _path(name, version)
        return exchange(Request(method="DELETE", path=path), nothing, self.retries)

    def compare(self, a: str, b: str) -> Flow[dict[str, Any]]:
        request = Request(method="GET", path="/v1/models/compare", params={"a": a, "b": b})
        return exchange(request, as_json, self.retries)

    def aliases(self, name: str) -> Flow[Page[Alias]]:
        return exchange(_get(f"{_path(name)}/aliases"), record(Page[Alias]), self.retries)

    def aliased(self, name: str, alias: str) -> Flow[Alias]:
        return exchange(_get(_alias(name, alias)), record(Alias), self.retries)

    def promote(self, name: str, alias: str, version: int, if_match: str | None) -> Flow[Alias]:
        """Sent again when the answer is lost, unless a precondition would refuse the second."""
        request = Request(
            method="PUT",
            path=_alias(name, alias),
            json={"version": version},
            headers=_required(if_match),
            idempotent=if_match is None,
        )
        return exchange(request, record(Alias), self.retries)

    def roll_back(self, name: str, alias: str, if_match: str | None) -> Flow[Alias]:
        path = f"{_alias(name, alias)}/rollback"
        request = Request(method="POST", path=path, headers=_required(if_match))
        return exchange(request, record(Alias), self.retries)

    def unalias(self, name: str, alias: str, if_match: str | None) -> Flow[None]:
        path, headers = _alias(name, alias), _required(if_match)
        return exchange(Request(method="DELETE", path=path, headers=headers), nothing, self.retries)


def _get(path: str) -> Request:
    return Request(method="GET", path=path)


def _path(name: str, version: int | None = None) -> str:
    return f"/v1/models/{quote(name, safe='')}" + (
        "" if version is None else f"/versions/{version}"
    )


def _alias(name: str, alias: str) -> str:
    return f"{_path(name)}/aliases/{quote(alias, safe='')}"


def _required(if_match: str | None) -> dict[str, str]:
    return {} if if_match is None else {"If-Match": if_match}

"""Aliases of models: promote a version, roll back, and look at what an alias has meant."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Request, Response
from pydantic import Field

from app.deps import Documented, Models, json_only
from app.etags import client_has
from core.aliases import LATEST, Require, precondition
from core.ids import Id
from core.registry import ModelStore
from core.schemas import Alias, Page, Record

router = APIRouter(prefix="/models/{name}/aliases", tags=["models"])
Name = Annotated[Id, Path(description="Of the model.", examples=["sprites"])]
AliasName = Annotated[Id, Path(description="Such as `stable`.", examples=["stable"])]
NOT_MODIFIED: Documented = {304: {"description": "Nothing changed (If-None-Match)."}}
MADE: Documented = {201: {"model": Alias, "description": "It is a new alias."}}


class Promotion(Record):
    """What an alias is to mean from now on."""

    version: int = Field(ge=1, lt=10**9, examples=[3])


async def _required(
    if_match: Annotated[
        str, Header(max_length=1024, description="The ETag that the alias has to have.")
    ] = "",
    if_none_match: Annotated[
        str, Header(max_length=1024, description="`*`: only when there is no such alias.")
    ] = "",
) -> Require:
    return precondition(if_match, if_none_match)


Required = Annotated[Require, Depends(_required)]


@router.get("")
def list_model_aliases(models: Models, name: Name) -> Page[Alias]:
    """All aliases of one model; `latest`, which moves by itself, comes first."""
    own = models.aliases(name)
    found = [_latest(models, name), *(own.show(alias) for alias in sorted(own.present()))]
    data = [with_urls(alias) for alias in found]
    return Page(data=data, first_id=data[0].alias, last_id=data[-1].alias)


@router.get("/{alias}", response_model=Alias, responses=NOT_MODIFIED)
def show_model_alias(
    request: Request, response: Response, models: Models, name: Name, alias: AliasName
) -> Response | Alias:
    """Where an alias points now, with its ETag and its last 50 moves."""
    own = models.aliases(name)
    found = _latest(models, name) if alias == LATEST else own.show(alias)
    headers = {"ETag": found.etag, "Cache-Control": "no-cache"}
    if client_has(request, found.etag):
        return Response(status_code=304, headers=headers)
    response.headers.update(headers)
    return with_urls(found)


@router.put("/{alias}", responses=MADE, dependencies=[Depends(json_only)])
def promote_model_version(
    response: Response,
    models: Models,
    name: Name,
    alias: AliasName,
    promotion: Promotion,
    required: Required,
) -> Alias:
    """Let an alias mean a version; with If-Match only if nobody moved it meanwhile."""
    found, new = models.aliases(name).put(alias, promotion.version, required)
    if new:
        response.status_code = 201
        response.headers["Location"] = _address(found)
    response.headers["ETag"] = found.etag
    return with_urls(found)


@router.post("/{alias}/rollback")
def roll_back_model_alias(
    response: Response, models: Models, name: Name, alias: AliasName, required: Required
) -> Alias:
    """Let an alias mean again what it meant before; asked again it goes one further back."""
    found = models.aliases(name).roll_back(alias, required)
    response.headers["ETag"] = found.etag
    return with_urls(found)


@router.delete("/{alias}", status_code=204)
def delete_model_alias(models: Models, name: Name, alias: AliasName, required: Required) -> None:
    """Remove an alias; the version that it meant stays."""
    models.aliases(name).remove(alias, required)


def with_urls(alias: Alias) -> Alias:
    """The alias with the addresses of what it means."""
    own = f"/v1/models/{alias.model}"
    urls = {
        "self": _address(alias),
        "version": f"{own}/versions/{alias.version}",
        "generate": f"/v1/generate?model={alias.model}@{alias.alias}",
    }
    if alias.alias != LATEST:
        urls["rollback"] = f"{_address(alias)}/rollback"
    return alias.model_copy(update={"urls": urls})


def _address(alias: Alias) -> str:
    return f"/v1/models/{alias.model}/aliases/{alias.alias}"


def _latest(models: ModelStore, name: str) -> Alias:
    """The alias that moves by itself: it has no history but the versions."""
    version = models.resolve(name).model.version
    return Alias(model=name, alias=LATEST, version=version, etag=f'"{LATEST}-{version}"')

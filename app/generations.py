"""POST /v1/generations: many seeds, or latent vectors, as a zip that is sent as it is made.

No job: the answer begins with the first image, and costs no room (docs/decisions/0012).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from fastapi import APIRouter, Depends, Request, Response

from app.deps import BINARY, ZIP, Documented, Everything, json_only
from app.formats import ENDINGS
from app.images import as_file, resolve
from app.labels import label_of
from app.looks import Look, picture_of
from app.queries import refused_at
from app.zips import Album, names_of, zipped
from core.errors import Invalid
from core.generation import MAX_ENTRIES, Picture, Point
from core.requests import GenerationsRequest
from core.schemas import Model
from core.seeds import parse_seed, parse_seeds

router = APIRouter(tags=["images"])
ZIPPED: Documented = {200: {"description": "A zip of images.", "content": {ZIP: BINARY}}}


@router.post(
    "/generations",
    response_class=Response,
    responses=ZIPPED,
    dependencies=[Depends(json_only)],
)
async def generate_many(request: Request, held: Everything, order: GenerationsRequest) -> Response:
    """Make many images: a zip, sent as they are made. Equal requests get equal bytes."""
    reference = resolve(held, order.model)
    model = reference.model
    seeds, latents = seeds_of(order), latents_of(order, model)
    count = len(seeds) or len(latents)
    labels = labels_of(order, model, count)
    look = Look(psi=order.psi, size=order.size, quality=order.quality, metadata=order.metadata)
    plain = picture_of(model, [0], look, order.format)
    album = Album(
        names=names_of(seeds or [""] * count, ENDINGS[order.format]),
        pictures=pictures_of(plain, seeds, latents, labels),
        pixels=(order.size or model.resolution) ** 2,
    )
    headers = {
        "Cache-Control": "no-store",
        "X-Model": model.name,
        "X-Model-Version": str(model.version),
        "Content-Disposition": as_file(model, [f"{count} images"], "zip"),
    }
    return await zipped(request, held, reference, album, headers)


def seeds_of(order: GenerationsRequest) -> list[int | str]:
    """The seeds that are asked for; none with latent vectors. Raises Invalid."""
    if isinstance(order.seeds, str):
        with at("#/seeds"):
            return [*parse_seeds(order.seeds, MAX_ENTRIES)]
    seeds: list[int | str] = []
    for place, seed in enumerate(order.seeds or ()):
        with at(f"#/seeds/{place}"):
            seeds.append(parse_seed(seed) if isinstance(seed, str) else seed)
    return seeds


def latents_of(order: GenerationsRequest, model: Model) -> list[list[float]]:
    """The latent vectors, each as long as it has to be. Raises Invalid."""
    for place, latent in enumerate(order.latents or ()):
        if len(latent) != model.z_dim:
            told = f"A latent vector of this model has {model.z_dim} numbers, not {len(latent)}."
            raise refused_at(f"#/latents/{place}", told)
    return order.latents or []


def pictures_of(
    plain: Picture,
    seeds: Sequence[int | str],
    latents: Sequence[Sequence[float]],
    labels: Sequence[str | None],
) -> Iterator[Picture]:
    """One for each seed or latent vector; `plain`: what they have in common."""
    for seed, label in zip(seeds, labels, strict=False):
        yield plain.model_copy(update={"seeds": (seed,), "label": label})
    for latent, label in zip(latents, labels, strict=False):
        own = {"seeds": (), "label": label, "point": Point(latent=tuple(latent))}
        yield plain.model_copy(update=own)


def labels_of(order: GenerationsRequest, model: Model, count: int) -> Sequence[str | None]:
    """The label of each image, as the model calls it; None: what its seed means."""
    given = order.labels
    if not isinstance(given, list):
        given = [given] * count
    if len(given) != count:
        raise refused_at("#/labels", f"There are {count} images and {len(given)} labels.")
    if order.latents and (model.classes or model.attributes) and None in given:
        told = "A latent vector means no label, as a seed does: give labels, one or one for each."
        raise refused_at("#/labels", told)
    known: dict[str | None, str | None] = {None: None}
    for place, label in enumerate(given):
        if label not in known and label is not None:
            with at("#/labels" if isinstance(order.labels, str) else f"#/labels/{place}"):
                known[label] = label_of(model, label)
    return [known[label] for label in given]


@contextmanager
def at(pointer: str) -> Iterator[None]:
    """What is refused in the block is at this place of the body."""
    try:
        yield
    except Invalid as error:
        raise refused_at(pointer, error.detail) from error

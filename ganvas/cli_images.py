"""`ganvas generate`: images by seed."""

from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from core.generation import MAX_PARTS, MAX_WEIGHT
from core.seeds import parse_blend
from ganvas.console import Url, connected, say


def generate(
    seed: Annotated[str | None, typer.Option(help="A number or any text; default: random.")] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Image file.")] = None,
    model: Annotated[str | None, typer.Option(help="Name, name@version or job:ID.")] = None,
    label: Annotated[
        str | None, typer.Option(help="A class; of attributes any, as in `hat,smiling`, or none.")
    ] = None,
    psi: Annotated[float | None, typer.Option(help="0..1: less variety, fewer oddities.")] = None,
    size: Annotated[int | None, typer.Option(help="Pixels a side.")] = None,
    blend: Annotated[
        str | None, typer.Option(help="Instead of a seed several: SEED:WEIGHT,SEED:WEIGHT.")
    ] = None,
    n: Annotated[int | None, typer.Option(min=1, help="A grid of this many.")] = None,
    format: Annotated[str | None, typer.Option(help="png, webp or jpeg.")] = None,
    url: Url = None,
) -> None:
    """Make one image (or a grid) and write it to a file."""
    kind = format or image_format(output)
    with connected(url) as client:
        image = client.generate(
            seed, model=model, label=label, psi=psi, size=size, n=n, format=kind, blend=parts(blend)
        )
    shown = quote(str(image.seed or seed), safe=",")
    path = output or Path(f"{(image.model or 'image').replace('@', '-')}-{shown}.{kind}")
    path.write_bytes(image)
    say(f"Wrote {path} (model {image.model}, seed {image.seed or seed}).")


def image_format(output: Path | None) -> str:
    """By the file's ending; png when there is none."""
    ending = output.suffix.lower().removeprefix(".") if output else ""
    return {"jpg": "jpeg", "jpeg": "jpeg", "webp": "webp"}.get(ending, "png")


def parts(blend: str | None) -> dict[int | str, float] | None:
    """The seeds of a blend and their weights."""
    if blend is None:
        return None
    return dict(zip(*parse_blend(blend, MAX_PARTS, MAX_WEIGHT), strict=True))

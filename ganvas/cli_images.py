"""`ganvas generate` and `ganvas interpolate`: images by seed, and between seeds."""

from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.filesize import decimal

from core.generation import MAX_PARTS, MAX_WEIGHT
from core.seeds import parse_blend, parse_seed
from ganvas.console import Stopped, Url, connected, say
from ganvas.fields import GeneratedImage

Output = Annotated[Path | None, typer.Option("-o", "--output", help="The file to write.")]
ModelName = Annotated[str | None, typer.Option("--model", help="Name, name@version or job:ID.")]
LabelName = Annotated[
    str | None,
    typer.Option("--label", help="A class; of attributes any, as in `hat,smiling`, or none."),
]
Psi = Annotated[float | None, typer.Option(help="0..1: less variety, fewer oddities.")]
Size = Annotated[int | None, typer.Option(help="Pixels a side.")]


def generate(
    seed: Annotated[str | None, typer.Option(help="A number or any text; default: random.")] = None,
    output: Output = None,
    model: ModelName = None,
    label: LabelName = None,
    psi: Psi = None,
    size: Size = None,
    blend: Annotated[
        str | None, typer.Option(help="Instead of a seed several: SEED:WEIGHT,SEED:WEIGHT.")
    ] = None,
    mix: Annotated[
        str | None, typer.Option(help="A seed whose finer styles the image takes.")
    ] = None,
    mix_from: Annotated[
        int | None, typer.Option(help="The resolution where they begin; default 16.")
    ] = None,
    direction: Annotated[
        int | None, typer.Option(help="One of `ganvas models directions`; with --amount.")
    ] = None,
    amount: Annotated[float | None, typer.Option(help="Standard deviations along it.")] = None,
    n: Annotated[
        int | None, typer.Option("-n", "--n", min=1, help="A grid or zip of this many.")
    ] = None,
    zip: Annotated[
        Path | None, typer.Option("--zip", help="Write a zip of -n images, from the seed on.")
    ] = None,
    format: Annotated[str | None, typer.Option(help="png, webp or jpeg.")] = None,
    url: Url = None,
) -> None:
    """Make one image (or a grid, or a zip of many) and write it to a file."""
    if zip is not None:
        if not (blend is mix is direction is output is None):
            raise Stopped("--zip is the file, of plain seeds: leave other places and -o away.")
        look = {"model": model, "labels": label, "size": size, "format": format or "png"}
        return zipped(
            url, zip, run_of(seed or "0", n or 1), psi=1.0 if psi is None else psi, **look
        )
    kind = format or image_format(output)
    with connected(url) as client:
        image = client.generate(
            seed,
            model=model,
            label=label,
            psi=psi,
            size=size,
            blend=parts(blend),
            mix=mix,
            mix_from=mix_from,
            direction=direction,
            amount=amount,
            n=n,
            format=kind,
        )
    written(image, output, kind)


def interpolate(
    start: Annotated[str, typer.Argument(metavar="FROM", help="The first seed.")],
    end: Annotated[str, typer.Argument(metavar="TO", help="The last seed.")],
    output: Output = None,
    model: ModelName = None,
    label: LabelName = None,
    psi: Psi = None,
    size: Size = None,
    frames: Annotated[int | None, typer.Option(min=2, max=120, help="How many images.")] = None,
    duration: Annotated[int | None, typer.Option(help="Milliseconds of a frame.")] = None,
    loop: Annotated[bool, typer.Option(help="Back and forth for ever, or once.")] = True,
    format: Annotated[
        str | None, typer.Option(help="webp (an animation), png (a strip) or zip.")
    ] = None,
    url: Url = None,
) -> None:
    """Make the images between two seeds and write them to a file."""
    ending = output.suffix.lower().removeprefix(".") if output else ""
    kind = format or (ending if ending in ("png", "zip") else "webp")
    with connected(url) as client:
        image = client.interpolate(
            start,
            end,
            model=model,
            label=label,
            psi=psi,
            size=size,
            frames=frames,
            duration=duration,
            loop=loop,
            format=kind,
        )
    written(image, output, kind)


def zipped(url: str | None, path: Path, seeds: str, **fields: Any) -> None:
    """Write a zip of these seeds, and say so."""
    with connected(url) as client:
        client.generate_many(path, seeds=seeds, **fields)
    say(f"Wrote {path} ({decimal(path.stat().st_size)}, seeds {seeds}).")


def written(image: GeneratedImage, output: Path | None, kind: str) -> None:
    """Write the file, by default named after model and seed, and say so."""
    name = f"{(image.model or 'image').replace('@', '-')}-{quote(image.seed or '', safe=',')}"
    path = output or Path(f"{name}.{kind}")
    path.write_bytes(image)
    say(f"Wrote {path} (model {image.model}, seed {image.seed}).")


def run_of(seed: str, count: int) -> str:
    """So many seeds from this one on, as a list."""
    first = parse_seed(seed)
    if isinstance(first, str):
        raise Stopped("A zip starts from a seed that is an integer.")
    return f"{first}-{first + count - 1}"


def image_format(output: Path | None) -> str:
    """By the file's ending; png when there is none."""
    ending = output.suffix.lower().removeprefix(".") if output else ""
    return {"jpg": "jpeg", "jpeg": "jpeg", "webp": "webp"}.get(ending, "png")


def parts(blend: str | None) -> dict[int | str, float] | None:
    """The seeds of a blend and their weights."""
    if blend is None:
        return None
    return dict(zip(*parse_blend(blend, MAX_PARTS, MAX_WEIGHT), strict=True))

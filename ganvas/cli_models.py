"""`ganvas models promote|rollback|compare|versions|delete`, and `ganvas storage`."""

from typing import Annotated, Any

import typer
from rich.filesize import decimal

from core.schemas import Alias, Model
from ganvas.cli_lists import models
from ganvas.console import Limit, Stopped, Url, connected, out, say, service_url, table, when

Exact = Annotated[str, typer.Argument(metavar="NAME@V", help="A version, such as cats@3.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="Of the model.")]
AliasName = Annotated[str, typer.Argument(metavar="ALIAS", help="Such as stable.")]
Reference = Annotated[str, typer.Argument(help="NAME, NAME@V, NAME@ALIAS or job:ID.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@models.command("versions")
def list_versions(name: Name, limit: Limit = 20, url: Url = None) -> None:
    """The versions of one model, newest first, with their aliases."""
    with connected(url) as client:
        rows = table("VERSION", "ALIASES", "KIMG", "FIGURES", "DIGEST", "CREATED")
        for model in client.models.versions(name, limit).data:
            known = ", ".join(model.aliased_as), f"{model.kimg:.1f}", figures(model)
            rows.add_row(str(model.version), *known, model.digest[:12], when(model.created_at))
    out().print(rows)


@models.command("promote")
def promote(model: Exact, alias: AliasName, url: Url = None) -> None:
    """Let an alias mean this version from now on."""
    name, version = exact(model)
    with connected(url) as client:
        moved = client.models.alias(name, alias, version)
    say(f"{name}@{alias} is version {moved.version}{_before(moved)}.")
    say(f"  undo it: ganvas models rollback {name} {alias}")


@models.command("rollback")
def roll_back(name: Name, alias: AliasName, url: Url = None) -> None:
    """Let an alias mean again what it meant before."""
    with connected(url) as client:
        moved = client.models.rollback(name, alias)
    say(f"{name}@{alias} is version {moved.version} again{_before(moved)}.")


@models.command("unalias")
def unalias(name: Name, alias: AliasName, url: Url = None) -> None:
    """Remove an alias; the version that it meant stays."""
    with connected(url) as client:
        client.models.unalias(name, alias)
    say(f"{name} has no alias {alias} any more.")


@models.command("compare")
def compare(a: Reference, b: Reference, url: Url = None) -> None:
    """Figures and options of two versions side by side."""
    with connected(url) as client:
        found = client.models.compare(a, b)
    first, second = (found[side]["reference"] for side in ("a", "b"))
    if found["metrics"]:
        rows = table("FIGURE", first, second, "BETTER")
        for name, pair in found["metrics"].items():
            rows.add_row(name, number(pair["a"]), number(pair["b"]), verdict(pair, found))
        out().print(rows)
    say(*found["notes"])
    if found["options"]:
        rows = table("OPTION", first, second)
        for row in found["options"]:
            rows.add_row(row["path"], number(row["a"]), number(row["b"]))
        out().print(rows)
    else:
        say("Their options are the same.")
    say(f"  look at both: {service_url(url)}/v1/models/compare?a={first}&b={second}")


@models.command("directions")
def directions(model: Reference, url: Url = None) -> None:
    """In which directions of the latent space images change most."""
    name, _, version = model.partition("@")
    with connected(url) as client:
        found = client.models.directions(name, version or None)
    rows = table("DIRECTION", "EIGENVALUE", "SHARE")
    for entry in found.data:
        rows.add_row(str(entry.index), number(entry.eigenvalue), f"{entry.share:.1%}")
    out().print(rows)
    say(f"  look at one: ganvas generate --model {model} --seed 1 --direction 0 --amount 2")


@models.command("delete")
def delete(
    model: Annotated[str, typer.Argument(metavar="NAME@V", help="With --all only NAME.")],
    every: Annotated[bool, typer.Option("--all", help="All versions.")] = False,
    yes: Yes = False,
    url: Url = None,
) -> None:
    """Remove a version for ever, unless an alias points at it."""
    name, version = (model, None) if every else exact(model)
    what = f"all versions of {name}" if version is None else f"{name}@{version}"
    if not yes:
        typer.confirm(f"Delete {what}?", abort=True)
    with connected(url) as client:
        client.models.delete(name, version)
    say(f"Deleted {what}.")


def storage(url: Url = None) -> None:
    """What takes how much room, and what the disk has left."""
    with connected(url) as client:
        found = client.storage()
    rows = table("WHAT", "SIZE")
    for name in ("datasets", "uploads", "features", "other"):
        rows.add_row(name, decimal(found[name]))
    for name, size in found["jobs"].items():
        rows.add_row("jobs" if name == "total" else f"  {name}", decimal(size))
    rows.add_row("models", decimal(found["models"]["total"]))
    for name, size in found["models"]["by_name"].items():
        rows.add_row(f"  {name}", decimal(size))
    out().print(rows)
    disk = f"{decimal(found['disk']['free'])} of {decimal(found['disk']['total'])} are free"
    say(f"{decimal(found['total'])} in all; on the disk {disk}.")
    if found["largest"]:
        named = (f"{item['id']} ({decimal(item['bytes'])})" for item in found["largest"][:5])
        say(f"Largest: {', '.join(named)}.")
    if not found["complete"]:
        say("There are too many files to look at all of them: the sizes are what was seen.")


def exact(reference: str) -> tuple[str, int]:
    """`cats@3` as a name and a number."""
    name, _, version = reference.partition("@")
    if not name or not (version.isascii() and version.isdigit()):
        raise Stopped(f"{reference!r} names no version: write {name or 'cats'}@1.")
    return name, int(version)


def figures(model: Model) -> str:
    """The first figures of the newest evaluation."""
    metrics: dict[str, Any] = (model.evaluation or {}).get("metrics", {})
    names = ("kd", "precision", "recall", "coverage")
    return "  ".join(f"{n} {metrics[n]:.3g}" for n in names if metrics.get(n) is not None)


def number(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def verdict(pair: dict[str, Any], found: dict[str, Any]) -> str:
    """Which is better, or why that is not said."""
    if pair["better"] == "equal":
        return f"equal within {number(pair['spread'])}"
    return found[pair["better"]]["reference"] if pair["better"] else pair["reason"] or ""


def _before(moved: Alias) -> str:
    before = moved.history[0].before if moved.history else None
    return f", before it was {before}" if before is not None else ""

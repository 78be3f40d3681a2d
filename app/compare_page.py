"""The comparison of two models as a page: plain HTML, every text escaped, no script."""

from collections.abc import Iterable
from html import escape
from typing import Any

STYLE_PATH = "/compare.css"
STYLE = """body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem;
  padding: 0 1rem; color: #1b1f24; background: #fff; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
.pair { display: flex; flex-wrap: wrap; gap: 1.5rem; }
.pair figure { flex: 1 1 20rem; margin: 0; }
.pair img { width: 100%; image-rendering: pixelated; background: #eee; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #d8dee4;
  overflow-wrap: anywhere; }
.better { font-weight: bold; } .quiet { color: #57606a; }
@media (prefers-color-scheme: dark) {
  body { color: #e6edf3; background: #0d1117; } th, td { border-color: #30363d; }
  .quiet { color: #9198a1; } .pair img { background: #21262d; } a { color: #4493f8; }
}
"""


def render(found: dict[str, Any]) -> str:
    """The page of one comparison, from its JSON."""
    a, b = found["a"], found["b"]
    title = f"{a['reference']} and {b['reference']}"
    parts = [
        f"<h1>{escape(title)}</h1>",
        _notes(found),
        _grids(found),
        "<h2>Figures</h2>",
        _metrics(found) if found["metrics"] else "<p>Neither was evaluated.</p>",
        "<h2>Facts</h2>",
        _table(("", a["reference"], b["reference"]), _facts(found)),
        "<h2>Options that differ</h2>",
        _table(
            ("option", a["reference"], b["reference"]),
            ((row["path"], row["a"], row["b"]) for row in found["options"]),
        )
        if found["options"]
        else "<p>None.</p>",
    ]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<title>{escape(title)}</title>\n<link rel="stylesheet" href="{STYLE_PATH}">\n</head>\n'
        "<body>\n" + "\n".join(parts) + "\n</body>\n</html>\n"
    )


def _notes(found: dict[str, Any]) -> str:
    same = ["Their weights are the same bytes."] if found["identical"] else []
    return "\n".join(f'<p class="quiet">{escape(text)}</p>' for text in [*same, *found["notes"]])


def _grids(found: dict[str, Any]) -> str:
    """The two grids side by side, with what they show."""
    grids = found["grids"]
    figures = [
        f'<figure><img src="{escape(grids[side])}" alt="Seeds {escape(grids["seeds"])} of '
        f'{escape(found[side]["reference"])}"><figcaption>{escape(found[side]["reference"])}'
        "</figcaption></figure>"
        for side in ("a", "b")
    ]
    label = f", label {grids['label']}" if grids["label"] is not None else ""
    told = f"Seeds {grids['seeds']}{label}. {grids['rule']}"
    return f'<div class="pair">{"".join(figures)}</div>\n<p class="quiet">{escape(told)}</p>'


def _metrics(found: dict[str, Any]) -> str:
    rows = []
    for name, pair in found["metrics"].items():
        cells = [f"<td>{escape(name)}</td>"]
        for side in ("a", "b"):
            mark = ' class="better"' if pair["better"] == side else ""
            floor = pair[f"floor_{side}"]
            of_reals = "" if floor is None else f" (reals: {_text(floor)})"
            cells.append(f"<td{mark}>{escape(_text(pair[side]) + of_reals)}</td>")
        cells.append(f"<td>{escape(verdict(pair, found))}</td>")
        rows.append(f"<tr>{''.join(cells)}</tr>")
    head = _row(("figure", found["a"]["reference"], found["b"]["reference"], "better"), "th")
    return f"<table>\n{head}\n" + "\n".join(rows) + "\n</table>"


def verdict(pair: dict[str, Any], found: dict[str, Any]) -> str:
    """Which is better, or why that is not said."""
    if pair["better"] is None:
        return pair["reason"] or ""
    if pair["better"] == "equal":
        return f"equal within {_text(pair['spread'])}"
    return found[pair["better"]]["reference"]


def _facts(found: dict[str, Any]) -> Iterable[tuple[Any, ...]]:
    a, b = found["a"], found["b"]
    for name in ("architecture", "resolution", "kimg", "steps", "created_at", "digest", "job"):
        yield name, a[name], b[name]
    yield "aliases", ", ".join(a["aliased_as"]), ", ".join(b["aliased_as"])
    yield "classes", len(a["classes"]), len(b["classes"])
    if a["attributes"] or b["attributes"]:
        yield "attributes", len(a["attributes"]), len(b["attributes"])
    data = found["dataset"]
    names = [data[side].get("name") or data[side].get("id") for side in ("a", "b")]
    told = {True: "data set (the same images)", False: "data set (other images)"}
    yield told.get(data["same"], "data set"), *names


def _table(head: tuple[Any, ...], rows: Iterable[tuple[Any, ...]]) -> str:
    body = "\n".join(_row(row, "td") for row in rows)
    return f"<table>\n{_row(head, 'th')}\n{body}\n</table>"


def _row(cells: tuple[Any, ...], tag: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{escape(_text(cell))}</{tag}>" for cell in cells) + "</tr>"


def _text(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)

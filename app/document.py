"""A page as blocks, written as HTML or as Markdown. All texts are escaped here, and only here."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

MOST = 1000  # characters that are shown of one text


@dataclass(frozen=True, kw_only=True)
class Link:
    """A text that leads to an address of ours."""

    text: str
    href: str


Words = str | Link


@dataclass(frozen=True, kw_only=True)
class Heading:
    text: str
    level: int = 2


@dataclass(frozen=True, kw_only=True)
class Text:
    """A paragraph; `quiet`: of less weight."""

    words: Sequence[Words]
    quiet: bool = False


@dataclass(frozen=True, kw_only=True)
class Table:
    """`numbers`: the columns behind the first are aligned as numbers."""

    head: Sequence[str]
    rows: Sequence[Sequence[Words]]
    numbers: bool = False


@dataclass(frozen=True, kw_only=True)
class Picture:
    src: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Drawings:
    """Finished SVG elements side by side; `text` stands for them where there are no pictures."""

    svgs: Sequence[str]
    text: str


@dataclass(frozen=True, kw_only=True)
class Code:
    text: str


Block = Heading | Text | Table | Picture | Drawings | Code


def as_html(title: str, style: str, blocks: Sequence[Block]) -> str:
    """A whole page, with the style sheet at the address `style`."""
    body = "\n".join(map(_html, blocks))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<title>{escape(title)}</title>\n<link rel="stylesheet" href="{escape(style)}">\n'
        f"</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def as_markdown(blocks: Sequence[Block]) -> str:
    """GitHub's Markdown."""
    return "\n\n".join(map(_markdown, blocks)) + "\n"


def _html(block: Block) -> str:
    match block:
        case Heading(text=text, level=level):
            return f"<h{level}>{_shown(text)}</h{level}>"
        case Text(words=words, quiet=quiet):
            mark = ' class="quiet"' if quiet else ""
            return f"<p{mark}>{''.join(map(_inline, words))}</p>"
        case Table(head=head, rows=rows, numbers=numbers):
            mark = ' class="numbers"' if numbers else ""
            named = [_row(head, "th")] if any(head) else []
            cells = [*named, *(_row(row, "td") for row in rows)]
            return f'<div class="wide"><table{mark}>\n' + "\n".join(cells) + "\n</table></div>"
        case Picture(src=src, text=text):
            image = f'<img src="{escape(src)}" alt="{_shown(text)}">'
            return f"<figure>{image}<figcaption>{_shown(text)}</figcaption></figure>"
        case Drawings(svgs=svgs):
            return f'<div class="drawings">{"".join(svgs)}</div>'
        case Code(text=text):
            return f"<pre>{escape(text)}</pre>"


def _row(cells: Sequence[Words], tag: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{_inline(cell)}</{tag}>" for cell in cells) + "</tr>"


def _inline(words: Words) -> str:
    if isinstance(words, Link):
        return f'<a href="{escape(words.href)}">{_shown(words.text)}</a>'
    return _shown(words)


def _shown(text: str) -> str:
    return escape(_cut(text))


def _markdown(block: Block) -> str:
    match block:
        case Heading(text=text, level=level):
            return f"{'#' * level} {_plain(text)}"
        case Text(words=words):
            return _begun("".join(map(_words, words)))
        case Table(head=head, rows=rows, numbers=numbers):
            rule = ["---", *(["---:" if numbers else "---"] * (len(head) - 1))]
            lines = [list(map(_words, head)), rule, *(list(map(_words, row)) for row in rows)]
            return "\n".join(f"| {' | '.join(line)} |" for line in lines)
        case Picture(src=src, text=text):
            return f"![{_plain(text)}]({src})"
        case Drawings(text=text):
            return _begun(_plain(text))
        case Code(text=text):
            return f"```sh\n{text}\n```"


def _words(words: Words) -> str:
    if isinstance(words, Link):
        return f"[{_plain(words.text)}]({words.href})"
    return _plain(words)


def _plain(text: str) -> str:
    """The text on one line, with all that means something in Markdown or HTML disarmed."""
    joined = re.sub(r"\s+", " ", _cut(text))
    return re.sub(r"([\\`*_\[\]<>|&~])", r"\\\1", joined)


def _begun(line: str) -> str:
    """A paragraph that is none of the things that begin with a sign."""
    return re.sub(r"^(\d*)([#+\-=.)])", r"\1\\\2", line)


def _cut(text: str) -> str:
    return text if len(text) <= MOST else text[:MOST] + "…"

"""What a text means to a GAN, which knows no language: a seed, and the labels that it names."""

import hashlib
import re
from collections.abc import Sequence

from app.queries import refused_at
from core.errors import Invalid
from core.labels import MAX_LABEL, SEPARATOR
from core.schemas import MAX_SEED, Model
from core.seeds import MAX_TEXT, parse_seed

ROOM = len(" #10")  # behind the text of the first image
MAX_WORDS = 1000  # of a prompt that are looked at


def seed_of(prompt: str) -> int | str:
    """The seed that is written like the prompt; a digest of a prompt that no seed can be."""
    if len(prompt) + ROOM <= MAX_TEXT:
        try:
            return parse_seed(prompt)
        except Invalid:  # such as "-5": a request for it could not be written as an address
            pass
    return f"prompt-{hashlib.sha256(prompt.encode()).hexdigest()[:32]}"


def several(first: int | str, n: int) -> list[int | str]:
    """`n` seeds: 5, 6, 7 or `a cat`, `a cat #2`, `a cat #3`. Raises Invalid."""
    if isinstance(first, int):
        if first + n - 1 > MAX_SEED:
            raise _refused("n", f"The last seed would be above {MAX_SEED}.")
        return [*range(first, first + n)]
    if n > 1 and len(first) + ROOM > MAX_TEXT:
        raise _refused("n", f"A seed of more than {MAX_TEXT - ROOM} characters is one image.")
    return [first, *(f"{first} #{number}" for number in range(2, n + 1))]


def label_named(model: Model, prompt: str) -> str | None:
    """The class that the prompt names first, or all attributes that it names. Raises Invalid."""
    found = named(prompt, model.classes or model.attributes)
    if not found:
        return None
    label = found[0] if model.classes else SEPARATOR.join(dict.fromkeys(found))
    if len(label) > MAX_LABEL:
        raise _refused("prompt", f"The labels that it names have more than {MAX_LABEL} characters.")
    return label


def named(prompt: str, names: Sequence[str]) -> list[str]:
    """The names that stand in the prompt as whole words, in its order; of two the longer one."""
    if prompt in names:
        return [prompt]
    known = {tuple(_words(name)): name for name in reversed(names)}
    known.pop((), None)
    longest = max(map(len, known), default=0)
    words, found, at = _words(prompt)[:MAX_WORDS], list[str](), 0
    while at < len(words):
        sizes = range(min(longest, len(words) - at), 0, -1)
        size = next((size for size in sizes if tuple(words[at : at + size]) in known), 0)
        if size:
            found.append(known[tuple(words[at : at + size])])
        at += size or 1
    return found


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.casefold())


def _refused(field: str, message: str) -> Invalid:
    return refused_at(f"#/{field}", message)

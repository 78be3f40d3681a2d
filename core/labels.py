"""Labels of models with attributes, as requests and pictures write them: `hat,smiling`, `none`."""

from collections.abc import Iterable, Sequence

SEPARATOR = ","
NONE = "none"
MAX_LABEL = 2000  # characters of a written label


def written(places: Iterable[int], attributes: Sequence[str]) -> str:
    """The one way to write the attributes at `places`: in the model's order, each once."""
    return SEPARATOR.join(attributes[place] for place in sorted(set(places))) or NONE


def places_of(label: str, attributes: Sequence[str]) -> tuple[int, ...]:
    """Where the attributes stand that `label` lists by name or index. Raises LookupError."""
    if label.strip().lower() == NONE:
        return ()
    known = {name: place for place, name in enumerate(attributes)}
    return tuple(sorted({_place(part.strip(), known) for part in label.split(SEPARATOR)}))


def speakable(name: str) -> bool:
    """Whether requests can ask for an attribute of this name."""
    return bool(name) and name == name.strip() and SEPARATOR not in name and name.lower() != NONE


def _place(text: str, known: dict[str, int]) -> int:
    digits = text.isascii() and text.isdigit() and len(text) < 9
    if text not in known and digits and int(text) < len(known):
        return int(text)
    return known[text]

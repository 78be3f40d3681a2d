"""Labels of models with attributes, as requests and pictures write them: `hat,smiling`, `none`."""

from collections.abc import Iterable, Sequence

from core.seeds import combination_of_seed, label_of_seed

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


def meant(
    seed: int | str,
    classes: Sequence[str],
    attributes: Sequence[str],
    combinations: Sequence[tuple[Sequence[int], int]],
) -> str | None:
    """The label that a seed means when the request names none; None when the model knows none."""
    if classes:
        return classes[label_of_seed(seed, len(classes))]
    if not attributes or not combinations:
        return None
    chosen = combination_of_seed(seed, [count for _, count in combinations])
    return written(combinations[chosen][0], attributes)


def speakable(name: str) -> bool:
    """Whether requests can ask for an attribute of this name."""
    return bool(name) and name == name.strip() and SEPARATOR not in name and name.lower() != NONE


def _place(text: str, known: dict[str, int]) -> int:
    digits = text.isascii() and text.isdigit() and len(text) < 9
    if text not in known and digits and int(text) < len(known):
        return int(text)
    return known[text]

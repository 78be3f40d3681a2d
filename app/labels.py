"""Labels as requests write them, by the names that the model knows."""

from app.queries import refused
from core.labels import MAX_LABEL, places_of, written
from core.schemas import Model


def label_of(model: Model, text: str) -> str:
    """The name of a class, or the sorted names of attributes, by names or indices.

    Raises Invalid, listing what there is.
    """
    if model.attributes:
        return _several(model, text)
    if not model.classes:
        raise refused("label", "This model knows no classes; leave label away.")
    if text in model.classes:
        return text
    if text.isascii() and text.isdigit() and len(text) < 9 and int(text) < len(model.classes):
        return model.classes[int(text)]
    told = "An image of this model is of one class, not of several. " if "," in text else ""
    raise refused("label", f"{told}The model's classes are: {', '.join(model.classes[:200])}.")


def _several(model: Model, text: str) -> str:
    known = ", ".join(model.attributes[:200])
    try:
        label = written(places_of(text, model.attributes), model.attributes)
    except LookupError as error:
        told = f"The model's attributes are: {known}. Write some of them with commas, or none."
        raise refused("label", told) from error
    if len(label) > MAX_LABEL:
        raise refused("label", f"The names together may have {MAX_LABEL} characters.")
    return label

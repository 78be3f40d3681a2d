"""An image as JSON: what made it, its lasting address, and the file itself."""

import base64

from pydantic import Field

from core.facts import Facts, facts_of
from core.generation import Format, Picture
from core.labels import meant
from core.schemas import Model

JSON = "application/json"


class Described(Facts):
    """The answer to `format=json`."""

    format: Format = Field(description="Of the file in `data`.")
    url: str = Field(description="The lasting address of the file alone.")
    data: str = Field(description="The file in base64.")


def described(model: Model, picture: Picture, url: str, image: bytes) -> bytes:
    """The JSON of one made picture."""
    facts = facts_of(picture, model.name, model.version, model.digest, label_in(model, picture))
    facts["size"] = picture.size or model.resolution
    file = {"format": picture.format, "url": url, "data": base64.b64encode(image).decode()}
    return Described.model_validate(facts | file).model_dump_json(exclude_unset=True).encode()


def described_etag(etag: str, model: Model) -> str:
    """Of the JSON of a picture with this ETag: unlike the file, it always names the model."""
    return f'{etag[:-1]}-{model.name}-{model.version}-json"'


def label_in(model: Model, picture: Picture) -> str | None:
    """The label of an image, also when its seed chose it; of a grid only the one asked for."""
    if picture.label is not None or picture.images > 1:
        return picture.label
    return meant(picture.seeds[0], model.classes, model.attributes, model.combinations)

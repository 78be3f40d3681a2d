"""What a model's network can do besides images of seeds; anything else is refused at once."""

from starlette.concurrency import run_in_threadpool

from app.looks import Look
from app.queries import refused_at
from app.services import Services
from core.errors import NoWorker
from core.generation import MOST_DIRECTIONS
from core.schemas import Model

MIX, DIRECTIONS = "mix", "directions"
REASONS = {
    MIX: "mixes no styles: its network is without a mapping",
    DIRECTIONS: "has no directions: its network does not begin with linear layers",
}


async def require_abilities(held: Services, model: Model, look: Look) -> None:
    """Raise Invalid when the look is none that this model can have, NoWorker when nobody knows."""
    if look.mix is not None:
        await require_ability(held, model, MIX, "#/query/mix")
    if look.direction is not None:
        able = await require_ability(held, model, DIRECTIONS, "#/query/direction")
        count = MOST_DIRECTIONS if MIX in able else min(MOST_DIRECTIONS, model.z_dim)
        if look.direction >= count:
            raise refused_at("#/query/direction", f"The directions are 0 to {count - 1}.")


async def require_ability(held: Services, model: Model, ability: str, pointer: str) -> list[str]:
    """All that the model can do, if this is among it. Raises Invalid, NoWorker."""
    able = model.abilities
    if able is None:  # published before they were told
        able = await run_in_threadpool(_offered, held, model.architecture)
    if ability not in able:
        told = f"A model of the architecture {model.architecture} {REASONS[ability]}."
        raise refused_at(pointer, told)
    return able


def _offered(held: Services, architecture: str) -> list[str]:
    """What the workers say of the architecture. Raises NoWorker."""
    offer = held.presence.catalogue() or {}
    known = offer.get("architectures", {}).get(architecture, {}).get("abilities")
    if known is None:
        told = f"No training worker has said yet what {architecture} models can do."
        raise NoWorker(told, retry_after=5)
    return known

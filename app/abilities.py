"""What a model's network can do besides images of seeds; anything else is refused at once."""

from starlette.concurrency import run_in_threadpool

from app.images import Look, refused
from app.services import Services
from core.schemas import Model

MIX = "mix"
REASONS = {
    MIX: "mixes no styles: its network is without a mapping",
}


async def require_abilities(held: Services, model: Model, look: Look) -> None:
    """Raise Invalid when the look is none that this model can have."""
    if look.mix is None:
        return
    able = model.abilities
    if able is None:  # published before they were told
        able = await run_in_threadpool(_offered, held, model.architecture)
    if MIX not in able:
        raise refused(MIX, f"A model of the architecture {model.architecture} {REASONS[MIX]}.")


def _offered(held: Services, architecture: str) -> list[str]:
    """What the workers say of the architecture."""
    offer = held.presence.catalogue() or {}
    return offer.get("architectures", {}).get(architecture, {}).get("abilities", [])

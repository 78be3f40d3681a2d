"""GET /v1/storage: what takes how much room in the home folder."""

from fastapi import APIRouter

from app.deps import Everything
from app.room import Storage

router = APIRouter(tags=["service"])


@router.get("/storage")
def show_storage(held: Everything) -> Storage:
    """Bytes of data sets, jobs, models and caches, what is largest, and what the disk has left."""
    return held.meter.read()

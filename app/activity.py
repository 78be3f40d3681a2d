"""GET /v1/events: what happens to all jobs, in one stream."""

from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from app import events
from app.deps import Everything
from app.jobs import EVENTS, EventLimit, LastEventId, StreamId
from app.pages import page
from app.sse import Feed, wants_stream
from core.schemas import JobEvent, Page

router = APIRouter(prefix="/events", tags=["jobs"])


async def nothing() -> dict[str, Any]:
    """The snapshot only marks the place: what is read from /v1/jobs after it is as new at least."""
    return {}


@router.get("", response_model=Page[JobEvent], responses=EVENTS)
async def list_events(
    request: Request,
    response: Response,
    held: Everything,
    limit: EventLimit = 100,
    after: StreamId = events.BEGIN,
    last_event_id: LastEventId = None,
) -> Any:
    """The changes of all jobs, `data.job` says of which; `Accept: text/event-stream` follows."""
    key = held.jobs.keys.all_events
    if wants_stream(request):
        feed = Feed(held.waiting, key, nothing, held.streams, ends=False)
        return await feed.answer(last_event_id)
    found = await run_in_threadpool(events.page, held.jobs.client, key, after, limit + 1)
    return page(request, response, found, limit, lambda entry: entry.id)

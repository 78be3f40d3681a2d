"""Natural batching: a batch leaves at once while a worker is free; what comes meanwhile goes next.

Clients that come back at once are waited for, and a full batch is sent one ahead of the workers.
One per API process. Identical requests are made once, the wait is bounded by an estimate, clients
that have gone are forgotten, and a batch that gets no answer is sent once more.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import ClientDisconnect

from app.errors import as_expected, from_record
from app.lanes import Lanes, Made, Target, Ticket
from app.returning import Returning
from app.workforce import Workforce
from core.errors import GanvasError, Internal, Overloaded, Unavailable
from core.generation import MAX_BATCH, Batch, Picture

FIRST_GUESS = 0.02  # seconds per image of a model that has not answered yet
FIRST_LOAD = 3.0  # seconds that its first batch may be expected to take
SMOOTHING = 0.2
PATIENCE = 5.0  # times the expected duration, but at least ...
MIN_PATIENCE = 2.0
ATTEMPTS = 2
MAX_WAITING = 4096
Send = Callable[[Batch, bool], Awaitable[None]]
log = logging.getLogger(__name__)


@dataclass(eq=False, kw_only=True)
class Flight:
    """A batch on its way."""

    batch: Batch
    target: Target
    tickets: list[Ticket]
    left: float = field(default_factory=time.monotonic)
    landed: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None

    def __post_init__(self) -> None:
        self.images = sum(ticket.images for ticket in self.tickets)


class Batcher:
    """Turns requests for pictures into batches. `send` puts a batch where the workers look; its
    second argument says whether that is done again."""

    def __init__(self, send: Send, reply: str, workforce: Workforce, deadline: float) -> None:
        self.deadline = deadline
        self._send = send
        self._reply = reply
        self.workforce = workforce
        self._lanes = Lanes()
        self._tickets: dict[str, Ticket] = {}
        self._flights: dict[str, Flight] = {}
        self._pace: dict[str, float] = {}  # seconds per image, by digest
        self._returning = Returning(self.pump)

    async def make(
        self,
        target: Target,
        picture: Picture,
        key: str,
        gone: asyncio.Future[Any],
        *,
        keep: bool = False,
    ) -> tuple[Made, bool]:
        """The picture, and whether it was made for an identical request that came before.

        `key`: equal for identical requests; with `keep` the workers put the image into the cache
        under this name. `gone` is done when the client is. Raises NoWorker, Overloaded,
        Unavailable and what the worker answers.
        """
        await self.workforce.require()
        known = self._tickets.get(key)
        ticket = known or self._admit(target, picture, key, keep)
        waiter: asyncio.Future[Made] = asyncio.get_running_loop().create_future()
        ticket.waiters.append(waiter)
        gone.add_done_callback(lambda _: waiter.done() or waiter.set_exception(ClientDisconnect()))
        self.pump()
        try:
            async with asyncio.timeout(self.deadline):
                return await waiter, known is not None
        except TimeoutError:
            raise Overloaded(
                f"The image was not ready within {self.deadline:g} seconds.", retry_after=5
            ) from None
        finally:
            self._leave(ticket, waiter)

    def expects(self, key: str) -> bool:
        """Whether a picture is on its way."""
        return key in self._tickets

    def pump(self) -> None:
        """Send what may be sent now."""
        while self._may_send():
            tickets = self._lanes.take(MAX_BATCH)
            if not tickets:
                return
            flight = self._board(tickets)
            self._flights[flight.batch.id] = flight
            flight.task = asyncio.create_task(self._fly(flight), name=f"batch {flight.batch.id}")

    def _may_send(self) -> bool:
        """Whether a batch may leave now; else somebody will ask again."""
        waiting = self._lanes.images
        ahead = 1 if waiting >= MAX_BATCH else 0
        if not waiting or len(self._flights) >= max(1, self.workforce.size) + ahead:
            return False
        return not self._returning.awaited(waiting)

    def answered(self, head: dict[str, Any], images: list[bytes]) -> None:
        """Take one reply. The second reply to a batch that was sent twice is nobody's."""
        flight = self._flights.get(str(head.get("id")))
        if flight is None:
            return
        if not head.get("ok"):
            self._land(flight, from_record(head.get("error") or {}))
        elif len(images) != len(flight.tickets):
            self._land(flight, Internal("The worker answered with another number of images."))
        else:
            timing = head.get("timing") or {}
            self._learn(flight, timing)
            for ticket, image in zip(flight.tickets, images, strict=True):
                ticket.settle(_made(image, timing, flight.images))
            self._land(flight, None)

    def close(self) -> None:
        """Stop waiting for replies."""
        for flight in list(self._flights.values()):
            if flight.task is not None:
                flight.task.cancel()
        self._returning.close()
        for ticket in list(self._tickets.values()):
            ticket.fail(Unavailable("The service is stopping.", retry_after=2))

    def _admit(self, target: Target, picture: Picture, key: str, keep: bool) -> Ticket:
        """A new ticket, if its turn will come in time."""
        ticket = Ticket(key=key, target=target, picture=picture, keep=keep)
        flying = sum(self._per_image(f.target) * f.images for f in self._flights.values())
        work = flying + self._lanes.seconds(self._per_image)
        wait = work / max(1, self.workforce.size)
        if wait > self.deadline or len(self._lanes) >= MAX_WAITING:
            raise Overloaded(
                f"About {wait:.0f} seconds of work are waiting already.",
                retry_after=max(1.0, wait - self.deadline),
            )
        self._tickets[key] = ticket
        self._lanes.add(ticket)
        return ticket

    def _leave(self, ticket: Ticket, waiter: asyncio.Future[Made]) -> None:
        """A request no longer waits; with the last one the ticket goes."""
        ticket.waiters.remove(waiter)
        if not ticket.waiters:
            self._forget(ticket)
            self._lanes.remove(ticket)

    def _forget(self, ticket: Ticket) -> None:
        if self._tickets.get(ticket.key) is ticket:
            del self._tickets[ticket.key]

    def _board(self, tickets: list[Ticket]) -> Flight:
        target = tickets[0].target
        batch = Batch(
            id=secrets.token_hex(8),
            reply=self._reply,
            expires_at=time.time() + self.deadline,
            folder=target.folder,
            model=target.model,
            version=target.version,
            digest=target.digest,
            pictures=tuple(ticket.picture for ticket in tickets),
            kept_as=tuple(ticket.key if ticket.keep else None for ticket in tickets),
        )
        return Flight(batch=batch, target=target, tickets=tickets)

    async def _fly(self, flight: Flight) -> None:
        """Send a batch and see to it that it lands."""
        for attempt in range(ATTEMPTS):
            flight.left = time.monotonic()
            try:
                await self._send(flight.batch, attempt > 0)
            except Exception as error:
                known = as_expected(error)
                if known is None:
                    log.exception("batch %s could not be sent", flight.batch.id)
                self._land(flight, known or Internal("The image could not be asked for."))
                return
            try:
                async with asyncio.timeout(self._patience(flight)):
                    return await _wait(flight.landed)
            except TimeoutError:
                log.warning("batch %s got no answer", flight.batch.id)
            if not any(ticket.waiters for ticket in flight.tickets):
                break
        self._land(flight, Unavailable("The workers did not answer in time.", retry_after=2))

    def _land(self, flight: Flight, error: GanvasError | None) -> None:
        """The end of a flight makes room for the next one."""
        self._flights.pop(flight.batch.id, None)
        for ticket in flight.tickets:
            self._forget(ticket)
            if error is not None:
                ticket.fail(error)
        flight.landed.set()
        self._returning.landed(flight.images, time.monotonic() - flight.left)
        self.pump()

    def _per_image(self, target: Target) -> float:
        return self._pace.get(target.digest, FIRST_GUESS)

    def _patience(self, flight: Flight) -> float:
        pace = self._pace.get(flight.target.digest)
        expected = FIRST_LOAD if pace is None else pace * flight.images
        return max(MIN_PATIENCE, PATIENCE * expected)

    def _learn(self, flight: Flight, timing: dict[str, Any]) -> None:
        """Move the model's pace towards what this batch took in the worker."""
        elapsed = sum(float(timing.get(f"{part}_ms", 0.0)) for part in ("infer", "encode"))
        measured = max(elapsed / 1000, 0.0001) / flight.images
        before = self._pace.pop(flight.target.digest, measured)
        self._pace[flight.target.digest] = before + SMOOTHING * (measured - before)
        if len(self._pace) > 256:
            del self._pace[next(iter(self._pace))]


def _made(image: bytes, timing: dict[str, Any], batch: int) -> Made:
    infer, encode = (float(timing.get(f"{name}_ms", 0.0)) for name in ("infer", "encode"))
    return Made(image=image, infer_ms=infer, encode_ms=encode, batch=batch)


async def _wait(event: asyncio.Event) -> None:
    await event.wait()

"""Pictures that wait for a worker: one lane per model version, served in turns."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from core.generation import Picture


@dataclass(frozen=True, kw_only=True)
class Target:
    """A model version as the workers find it.

    bulk: for images of a long stream, which have a lane of their own beside the single ones.
    """

    folder: str
    model: str
    version: int
    digest: str
    bulk: bool = False


@dataclass(frozen=True, kw_only=True)
class Made:
    """One finished answer, and how long its parts took in milliseconds."""

    image: bytes
    infer_ms: float
    encode_ms: float
    batch: int  # images that were made together


@dataclass(eq=False, kw_only=True)
class Ticket:
    """One picture that at least one request waits for."""

    key: str
    target: Target
    picture: Picture
    keep: bool  # in the cache
    waiters: list[asyncio.Future[Made]] = field(default_factory=list)

    @property
    def images(self) -> int:
        return self.picture.images

    def settle(self, made: Made) -> None:
        for waiter in self.waiters:
            if not waiter.done():
                waiter.set_result(made)

    def fail(self, error: Exception) -> None:
        for waiter in self.waiters:
            if not waiter.done():
                waiter.set_exception(error)


class Lanes:
    """First come, first served within a model; models take turns."""

    def __init__(self) -> None:
        self._lanes: dict[Target, dict[Ticket, None]] = {}
        self._images: dict[Target, int] = {}  # that wait in each lane

    def add(self, ticket: Ticket) -> None:
        self._lanes.setdefault(ticket.target, {})[ticket] = None
        self._count(ticket.target, ticket.images)

    def remove(self, ticket: Ticket) -> None:
        """Forget a ticket that nobody waits for any more, if it still waits here."""
        lane = self._lanes.get(ticket.target, {})
        if ticket in lane:
            del lane[ticket]
            self._count(ticket.target, -ticket.images)
        if not lane:
            self._lanes.pop(ticket.target, None)

    def take(self, most: int) -> list[Ticket]:
        """The next batch: tickets of one model with at most so many images, or one large grid."""
        if not self._lanes:
            return []
        target = next(iter(self._lanes))
        lane = self._lanes.pop(target)
        batch = [_first(lane)]
        images = batch[0].images
        while lane and images + next(iter(lane)).images <= most:
            batch.append(_first(lane))
            images += batch[-1].images
        self._count(target, -images)
        if lane:
            self._lanes[target] = lane  # behind the others
        return batch

    def seconds(self, per_image: Callable[[Target], float]) -> float:
        """The work that waits here, for one worker."""
        return sum(per_image(target) * images for target, images in self._images.items())

    def __len__(self) -> int:
        return sum(len(lane) for lane in self._lanes.values())

    @property
    def images(self) -> int:
        """That wait in all lanes."""
        return sum(self._images.values())

    def _count(self, target: Target, images: int) -> None:
        left = self._images.pop(target, 0) + images
        if left:
            self._images[target] = left


def _first(lane: dict[Ticket, None]) -> Ticket:
    ticket = next(iter(lane))
    del lane[ticket]
    return ticket

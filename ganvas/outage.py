"""How long a client puts up with a service that does not answer: a restart, a lost connection."""

import time
from collections.abc import Callable, Collection
from typing import TypeVar

from ganvas.transport import REFUSED_FOR_NOW, Flow, GanvasAPIError, Pause, Unreachable

OUTAGE_SECONDS = 60.0
T = TypeVar("T")


class Outage:
    """A service that is away for a moment. `passing`: statuses that may be others in a moment."""

    def __init__(
        self, seconds: float = OUTAGE_SECONDS, passing: Collection[int] = REFUSED_FOR_NOW
    ) -> None:
        self._seconds = seconds
        self._passing = passing
        self._began: float | None = None

    def pause(self, error: Unreachable | GanvasAPIError) -> Pause:
        """What to do instead of failing. Raises `error` when it is final or lasts too long."""
        now = time.monotonic()
        self._began = self._began or now
        final = isinstance(error, GanvasAPIError) and error.status not in self._passing
        if final or now - self._began > self._seconds:
            raise error
        return Pause(1.0)


def outlasted(flow: Callable[[], Flow[T]], outage: Outage) -> Flow[T]:
    """What `flow` answers, begun anew while the service is away. Raises what is final."""
    while True:
        try:
            return (yield from flow())
        except (Unreachable, GanvasAPIError) as error:
            yield outage.pause(error)

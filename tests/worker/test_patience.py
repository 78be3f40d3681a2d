"""A full disk is waited for, listened through, and given up on."""

import errno

import pytest

from core.errors import DiskFull
from worker.events import Alarm, Event, Waiting
from worker.patience import Patience, until_room


class Disk:
    """Full for `times` writes, then roomy; its clock only moves while somebody waits."""

    def __init__(self, times: int, number: int = errno.ENOSPC) -> None:
        self.times, self.number = times, number
        self.now = 0.0

    def write(self) -> str:
        if self.times:
            self.times -= 1
            raise OSError(self.number, "injected")
        return "written"

    def patience(self, seconds: float) -> Patience:
        return Patience(seconds=seconds, clock=lambda: self.now, wait=self.wait)

    def wait(self, seconds: float) -> None:
        self.now += seconds


def followed(disk: Disk, seconds: float) -> tuple[list[Event], str]:
    events: list[Event] = []
    generator = until_room(disk.write, disk.patience(seconds), step=7)
    while True:
        try:
            events.append(next(generator))
        except StopIteration as end:
            return events, end.value


def test_with_room_nothing_is_told() -> None:
    assert followed(Disk(0), 10) == ([], "written")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_one_alarm_and_a_sign_of_life_twice_a_second_until_there_is_room(number: int) -> None:
    disk = Disk(3, number)
    events, answer = followed(disk, 60)
    assert answer == "written"
    assert disk.now == 6.0  # a try at once and every two seconds
    assert [event.kind for event in events if isinstance(event, Alarm)] == ["disk_full"]
    assert events[1:] == [Waiting(step=7, turn=turn) for turn in range(12)]


def test_patience_ends_with_advice() -> None:
    disk = Disk(1000)
    with pytest.raises(DiskFull, match=r"stayed full for 60 s\. Make room"):
        followed(disk, 60)
    assert disk.now == 60


def test_other_errors_are_not_waited_for() -> None:
    with pytest.raises(OSError, match="injected"):
        followed(Disk(1, errno.EIO), 60)

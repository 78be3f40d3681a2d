"""How far a piece of work has come, by what its phases are expected to cost."""

from collections.abc import Generator

from worker.course import Course, Step


def work() -> Generator[float, None, str]:
    yield 0.5
    yield 1.0
    return "answer"


def test_phases_count_by_their_expected_seconds() -> None:
    steps, seen = Course({"short": 1.0, "long": 3.0}).part("long", work()), []
    while True:
        try:
            seen.append(next(steps))
        except StopIteration as end:
            assert end.value == "answer"
            break
    assert seen == [Step(phase="long", value=0.625), Step(phase="long", value=1.0)]


def test_course_that_costs_nothing_stays_at_its_beginning() -> None:
    assert Course({"only": 0.0}).step("only", 0.5).value == 0.0


def test_work_is_closed_with_its_phase() -> None:
    inner = work()
    steps = Course({"only": 1.0}).part("only", inner)
    next(steps)
    steps.close()
    assert list(inner) == []

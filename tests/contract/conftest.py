"""All experiments begin with the first test that wants one, side by side; each test waits for its
own. An experiment is a function of a `Laboratory`, named by a test's parameter `outcome`:
`@measured(experiment)`."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.contract.laboratory import Laboratory

Experiment = Callable[[Laboratory], Any]
PAGE = Path(__file__).parents[2] / "docs" / "celery-contract.md"


@pytest.fixture(scope="session")
def outcomes(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[Experiment, Future[Any]]]:
    """The experiments that the chosen tests want, under way."""
    calls = [getattr(item, "callspec", None) for item in request.session.items]
    wanted = {call.params["outcome"] for call in calls if call and "outcome" in call.params}

    folders = [tmp_path_factory.mktemp("lab") for _ in wanted]  # here: it is not thread-safe

    def conduct(experiment: Experiment, folder: Path) -> Any:
        with Laboratory(folder) as laboratory:
            return experiment(laboratory)

    with ThreadPoolExecutor(len(wanted)) as pool:
        yield {
            experiment: pool.submit(conduct, experiment, folder)
            for experiment, folder in zip(wanted, folders, strict=True)
        }


@pytest.fixture
def outcome(request: pytest.FixtureRequest, outcomes: dict[Experiment, Future[Any]]) -> Any:
    """What this test's experiment found. One that waited in vain shows its row of the page."""
    try:
        return outcomes[request.param].result(120)
    except AssertionError as error:
        row = [line for line in PAGE.read_text().splitlines() if request.node.originalname in line]
        error.add_note("Otherwise than in docs/celery-contract.md: " + "".join(row))
        raise

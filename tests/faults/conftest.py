"""One plant for all fault tests: what a test kills, it starts again."""

from collections.abc import Iterator

import pytest

from tests.faults.plant import Plant, planted


@pytest.fixture(scope="session")
def whole_plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    with planted(tmp_path_factory.mktemp("plant")) as plant:
        plant.start("api")
        plant.start("train")
        plant.ready("api", "train")
        yield plant


def mended(plant: Plant) -> Plant:
    """The plant with server, API and one train worker alive."""
    if not plant.server.answers():
        plant.server.start()
    for name in ("api", "train"):
        if plant.processes[name].poll() is not None:
            plant.start(name)
    plant.ready("api", "train")
    return plant


@pytest.fixture
def plant(whole_plant: Plant) -> Plant:
    return mended(whole_plant)


@pytest.fixture(scope="session")
def undisturbed(whole_plant: Plant) -> str:
    """The SHA-256 of the weights of a training that nobody disturbed."""
    plant = mended(whole_plant)
    return plant.digest(plant.succeeded(plant.train(name="calm")))

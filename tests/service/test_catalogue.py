"""Everything that the catalogue offers can be ordered by `POST /train` and comes to its end."""

from itertools import cycle, islice

import pytest

from tests.service.conftest import TINY, Service

pytestmark = pytest.mark.service
KINDS = {"architecture": "architectures", "loss": "losses", "penalty": "penalties"}


def test_every_entry_of_the_catalogue_trains_in_a_worker(service: Service, shapes: bytes) -> None:
    zipped = {"content-type": "application/zip"}
    answer = service.client.post("/v1/datasets?name=All", content=shapes, headers=zipped)
    offer = service.client.get("/v1/catalogue").json()
    names = {option: list(offer[kind]) for option, kind in KINDS.items()}
    operations = offer["options"]["properties"]["augment"]["items"]["enum"]
    names["augment"] = [[operation] for operation in operations]
    jobs = max(map(len, names.values()))  # each job takes the next entry of every kind
    entries = {option: islice(cycle(values), jobs) for option, values in names.items()}
    orders = [dict(zip(entries, one, strict=True)) for one in zip(*entries.values(), strict=True)]
    budget = {"steps": 3}
    ids = [
        service.train(dataset=answer.json()["id"], name="all", budget=budget, options=TINY | order)
        for order in orders
    ]
    for order, job_id in zip(orders, ids, strict=True):
        job = service.finished(job_id, deadline=300)
        assert job["state"] == "succeeded", (order, job)
        assert job["resolved"]["architecture"] == order["architecture"]
        assert job["resolved"]["recipe"]["loss"] == order["loss"]
        assert job["resolved"]["recipe"]["penalty"] == order["penalty"]

"""Several labels of one image, from the upload to the picture, with the real parts."""

import io
import json

import httpx
import pytest
from PIL import Image

from tests.service.conftest import TINY, Service, archive, picture

pytestmark = pytest.mark.service


def label_in(answer: httpx.Response) -> str:
    assert answer.status_code == 200, answer.text
    return json.loads(Image.open(io.BytesIO(answer.content)).info["ganvas"])["label"]


def test_attributes_from_the_upload_to_the_picture(service: Service) -> None:
    rows = [{"file_name": f"{k}.png", "labels": [["square"], []][k % 2]} for k in range(40)]
    rows[0]["labels"] = ["bright", "square"]
    files = {f"{k}.png": picture(("square", "disc")[k % 2], k) for k in range(40)}
    files["metadata.jsonl"] = "\n".join(map(json.dumps, rows)).encode()
    client, kind = service.client, {"content-type": "application/zip"}
    data = client.post("/v1/datasets?name=Marks", content=archive(files), headers=kind).json()
    assert data["attributes"] == ["bright", "square"]
    assert data["labels"] == {"bright": 1, "square": 20}
    job = service.finished(
        service.train(dataset=data["id"], name="marks", budget={"steps": 20}, options=TINY)
    )
    assert job["state"] == "succeeded", job
    model = client.get("/v1/models/marks").json()
    assert model["combinations"] == [[[], 20], [[1], 19], [[0, 1], 1]]
    asked = [
        client.get(f"/generate?model=marks&seed=1&label={t}") for t in ("square,bright", "none")
    ]
    assert [label_in(answer) for answer in asked] == ["bright,square", "none"]
    assert asked[0].content != asked[1].content
    drawn = {label_in(client.get(f"/generate?model=marks&seed={k}")) for k in range(12)}
    assert drawn <= {"none", "square", "bright,square"} and len(drawn) > 1
    order = client.post("/v1/evaluate", json={"model": "marks@1", "n": 50}).json()
    told = service.finished(order["id"])
    assert told["state"] == "succeeded", told
    result = client.get("/v1/models/marks").json()["evaluation"]["metrics"]
    assert result["gan_test"] is None and "no classes" in result["gan_test_reason"]
    assert result["path_length"] > 0

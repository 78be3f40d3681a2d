"""The client's side of a resumable upload, step by step."""

import httpx

PART = {"Content-Type": "application/offset+octet-stream"}
VERSION = {"Tus-Resumable": "1.0.0"}


def begin(api: httpx.Client, length: int, **headers: str) -> str:
    """The address of a new upload."""
    sent = VERSION | {"Upload-Length": str(length)} | headers
    answer = api.post("/v1/uploads", headers=sent)
    assert answer.status_code == 201, answer.text
    return answer.headers["Location"]


def go_on(api: httpx.Client, address: str, offset: int, content: bytes) -> httpx.Response:
    headers = VERSION | PART | {"Upload-Offset": str(offset)}
    return api.patch(address, content=content, headers=headers)


def offset_of(api: httpx.Client, address: str) -> int:
    answer = api.head(address, headers=VERSION)
    assert answer.status_code == 200
    return int(answer.headers["Upload-Offset"])


def whole(api: httpx.Client, content: bytes) -> str:
    """The id of an upload that has come whole."""
    address = begin(api, len(content))
    assert go_on(api, address, 0, content).status_code == 204
    return address.rpartition("/")[2]

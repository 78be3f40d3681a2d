"""Large uploads as a flow: announced once, and sent on from where they broke until all is there.

The protocol is tus 1.0.0. The key of the announcement is made of the file, so the same command
given again goes on, too.
"""

from dataclasses import replace

import httpx

from ganvas.outage import Outage
from ganvas.transport import Flow, GanvasAPIError, Request, Unreachable, Upload, exchange

LARGE = 16 * 1024 * 1024  # bytes from which on an upload is sent like this
PART_BYTES = 64 * 1024 * 1024  # of one request: proxies may keep it until it is whole
PATIENCE = 60.0  # seconds in which the service writes the last bytes to its disk
GIVE_UP_SECONDS = 300.0  # without a byte that arrived
PASSING = (408, 409, 423, 429, 500, 502, 503, 504)
VERSION = {"Tus-Resumable": "1.0.0"}
PART = "application/offset+octet-stream"


def sent_whole(upload: Upload, retries: int) -> Flow[str]:
    """The id of the upload once the service has all of it. Raises GanvasAPIError, Unreachable."""
    address, offset = yield from exchange(_announcement(upload), _begun, retries)
    most, outage = offset, Outage(GIVE_UP_SECONDS, PASSING)
    known = True  # whether `offset` is where the service stands
    while offset < upload.size:
        try:
            if not known:
                offset = yield from exchange(_question(address), _offset, 0)
            offset = yield from exchange(_part(address, upload, offset), _offset, 0)
            known = True
        except (Unreachable, GanvasAPIError) as error:
            if offset > most:
                most, outage = offset, Outage(GIVE_UP_SECONDS, PASSING)
            yield outage.pause(error)
            known = False
    return address.rpartition("/")[2]


def _announcement(upload: Upload) -> Request:
    headers = {"Upload-Length": str(upload.size), "Idempotency-Key": upload.key}
    return Request(method="POST", path="/v1/uploads", headers=VERSION | headers)


def _question(address: str) -> Request:
    return Request(method="HEAD", path=address, headers=VERSION)


def _part(address: str, upload: Upload, offset: int) -> Request:
    return Request(
        method="PATCH",
        path=address,
        headers=VERSION | {"Upload-Offset": str(offset)},
        upload=replace(upload, offset=offset, most=PART_BYTES, media_type=PART),
        patience=PATIENCE,
    )


def _begun(response: httpx.Response) -> tuple[str, int]:
    return response.headers["Location"], _offset(response)


def _offset(response: httpx.Response) -> int:
    return int(response.headers["Upload-Offset"])

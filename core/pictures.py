"""Finished images in Redis, up to a number of bytes: what was not asked for longest goes first.

The generate workers put them in, the API takes them out. Nothing depends on them being there.
"""

import logging
from collections.abc import Sequence
from importlib import resources
from typing import Any

import redis
from redis.exceptions import RedisError, ResponseError

from core.connection import trouble
from core.generation import REPLY_TTL_SECONDS, pack_head, pack_reply

SHARE = 16  # no image takes more than this part of the capacity
log = logging.getLogger(__name__)


class PictureKeys:
    """Their keys under one prefix."""

    def __init__(self, prefix: str) -> None:
        self.index = f"{{{prefix}}}:images"  # sorted set: ETag by time of last use
        self.total = f"{{{prefix}}}:images:bytes"
        self.root = f"{{{prefix}}}:image:"

    def image(self, etag: str) -> str:
        return self.root + etag


class Pictures:
    """Keeps images of at most `capacity` bytes in all; 0 keeps none."""

    def __init__(self, client: redis.Redis, prefix: str, capacity: int) -> None:
        self.client = client  # not decoding
        self.keys = PictureKeys(prefix)
        self.capacity = capacity
        source = (resources.files("core") / "lua" / "keep.lua").read_text()
        self._keep = client.register_script(source)

    def answer(
        self, reply: str, head: dict[str, Any], images: Sequence[bytes], names: Sequence[str | None]
    ) -> None:
        """Push the answer to a batch into the list `reply`, and keep the images that have names.

        Raises RedisError when not even the answer could be sent.
        """
        if self.capacity and any(names):
            try:
                return self._run(reply, head, images, names)
            except ResponseError as error:  # a full server: only what is waited for
                log.warning("images are not kept: %s", trouble(error))
        pipe = self.client.pipeline(transaction=False)
        pipe.rpush(reply, pack_reply(head, images))
        pipe.expire(reply, REPLY_TTL_SECONDS)
        pipe.execute()

    def make_room(self) -> None:
        """For a capacity that became smaller. A server that refuses keeps what it has."""
        try:
            self._run("", {}, (), ())
        except RedisError as error:
            log.warning("no room is made among the images: %s", trouble(error))

    def _run(
        self, reply: str, head: dict[str, Any], images: Sequence[bytes], names: Sequence[str | None]
    ) -> None:
        top = pack_head(head, images) if reply else b""
        named = zip(names, images, strict=True)
        pairs = [part for name, image in named for part in (name or "", image)]
        largest = self.capacity // SHARE
        fixed = [self.keys.root, self.capacity, largest, REPLY_TTL_SECONDS, top]
        self._keep(keys=[self.keys.index, self.keys.total, reply], args=[*fixed, *pairs])

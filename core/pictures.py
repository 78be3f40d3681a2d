"""Finished images in Redis, up to a number of bytes: what was not asked for longest goes first.

The generate workers put them in, the API takes them out. Nothing depends on them being there.
"""

import logging
from collections.abc import Mapping
from importlib import resources

import redis
from redis.exceptions import RedisError

from core.connection import trouble

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
        self._told = False

    def keep(self, images: Mapping[str, bytes]) -> None:
        """Add images by ETag. With none it only makes room, for a capacity that became smaller."""
        images = {tag: data for tag, data in images.items() if len(data) <= self.capacity // SHARE}
        keys = [self.keys.index, self.keys.total, *map(self.keys.image, images)]
        pairs = [part for pair in images.items() for part in pair]
        try:
            self._keep(keys=keys, args=[self.keys.root, self.capacity, *pairs])
        except RedisError as error:
            if not self._told:
                log.warning("images are not kept: %s", trouble(error))
            self._told = True
        else:
            self._told = False

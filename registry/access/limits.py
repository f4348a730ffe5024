"""How many requests a caller may send: one question for all the buckets a request is counted in."""

import asyncio
import hashlib
import logging
import math
import time
from collections.abc import Sequence

from registry.access.buckets import Bucket, Level, OwnBuckets, SharedBuckets
from registry.access.live import Live
from registry.errors import TooManyRequests, Unavailable
from registry.records import Database
from registry.settings import Settings

RETRY_S = 3.0

_log = logging.getLogger(__name__)


class Limits:
    """The limits of one platform; `live` has their values. Belongs to the event loop that asks.

    With a Redis in the settings every process and replica counts together. While it is away each counts for itself,
    from full buckets.
    """

    def __init__(self, database: Database, settings: Settings, live: Live) -> None:
        self.live = live
        self._own = OwnBuckets()
        self._shared = SharedBuckets(settings.redis_url, prefix_of(database)) if settings.redis_url else None
        self._away = False
        self._look_at = 0.0
        self._looking: asyncio.Task[None] | None = None

    async def take(self, buckets: Sequence[Bucket]) -> Level:
        """Count one request in each bucket; the level of the tightest. `buckets` has at least one."""
        levels = await self._take_shared(buckets) if self._shared else None
        if levels is None:
            levels = [self._own.take(bucket) for bucket in buckets]
        return max(levels, key=lambda level: level.tightness)

    def take_here(self, bucket: Bucket) -> None:
        """Count what a page does, in this process alone and from any thread. Raises TooManyRequests."""
        if self.live.current().limits_on:
            refuse_limited(self._own.take(bucket))

    async def aclose(self) -> None:
        """Close the connections to Redis."""
        if self._looking is not None:
            self._looking.cancel()
        if self._shared is not None:
            await self._shared.aclose()

    async def _take_shared(self, buckets: Sequence[Bucket]) -> list[Level] | None:
        if self._shared is None or self._away:
            self._look_again()
            return None
        try:
            return await self._shared.take(buckets)
        except Unavailable as error:
            if not self._away:  # else another request was faster to notice
                _log.warning("each process counts requests for itself: %s", error.message)
            self._away, self._look_at = True, time.monotonic() + RETRY_S
            return None

    def _look_again(self) -> None:
        """See beside the requests whether Redis is back: none of them waits for it."""
        if time.monotonic() >= self._look_at and (self._looking is None or self._looking.done()):
            self._looking = asyncio.ensure_future(self._look())

    async def _look(self) -> None:
        assert self._shared is not None  # noqa: S101 - only asked for where there is one
        try:
            await self._shared.ping()
        except Unavailable:
            self._look_at = time.monotonic() + RETRY_S
        else:
            self._away = False
            _log.info("Redis is back: processes count requests together again")


def refuse_limited(level: Level) -> None:
    """Raises TooManyRequests where the bucket was empty."""
    if level.limited:
        wait_s = max(1, math.ceil(level.retry_after_s))
        raise TooManyRequests(
            f"more than {level.limit} requests a minute: try again in {wait_s} s", details={"retry_after_s": wait_s}
        )


def prefix_of(database: Database) -> str:
    """What this platform's keys in Redis begin with: the same for all its replicas, another for another platform."""
    url = database.engine.url
    place = f"{url.host}:{url.port}/{url.database}"
    return f"nexusai:{hashlib.sha256(place.encode()).hexdigest()[:12]}"

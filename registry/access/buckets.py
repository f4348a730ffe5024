"""Token buckets, in this process or in a Redis that several share.

Both are the virtual-scheduling form (GCRA) of throttled-py: its plain token bucket counts in whole seconds of the wall
clock and drops the fraction of a token at each request. This one is exact, and a changed limit keeps its meaning.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError
from throttled import RateLimiterRegistry, RateLimiterType, per_min
from throttled.rate_limiter.gcra import RedisLimitAtomicActionSpec
from throttled.store import MemoryStore

from registry.errors import InvalidSetting, Unavailable

PERIOD_S = 60
MOST_OF_A_KIND = 20_000  # buckets of one kind kept in memory, some 6 MB; the longest unused goes first
REDIS_TIMEOUT_S = 0.25


@dataclass(frozen=True, slots=True)
class Bucket:
    """Whose requests are counted, and how many a minute there may be: all at once, if they are saved up."""

    kind: str
    who: str
    per_minute: int


@dataclass(frozen=True, slots=True)
class Level:
    """How full a bucket is after a token was asked for."""

    limited: bool
    limit: int
    remaining: int
    full_after_s: float
    retry_after_s: float

    @property
    def tightness(self) -> tuple[float, int]:
        """Orders levels: the longest wait last, before it the one with the least left."""
        return self.retry_after_s, -self.remaining


class OwnBuckets:
    """The buckets of this process, by its monotonic clock; safe to use from several threads.

    Each kind has a store of its own: a flood of addresses displaces other addresses, and nobody else.
    """

    def __init__(self) -> None:
        self._stores: dict[str, MemoryStore] = {}
        self._limiters: dict[str, Any] = {}

    def take(self, bucket: Bucket) -> Level:
        """Take a token, if there is one."""
        found = self._limiter(bucket).limit(bucket.who)
        state = found.state
        return Level(found.limited, state.limit, state.remaining, state.reset_after, state.retry_after)

    def _limiter(self, bucket: Bucket) -> Any:
        limiter = self._limiters.get(bucket.kind)
        if limiter is None or limiter.quota.burst != bucket.per_minute:
            store = self._stores.setdefault(bucket.kind, MemoryStore(options={"MAX_SIZE": MOST_OF_A_KIND}))
            limiter = RateLimiterRegistry.get(RateLimiterType.GCRA.value)(per_min(bucket.per_minute), store)
            self._limiters[bucket.kind] = limiter
        return limiter


class SharedBuckets:
    """The buckets in Redis below `prefix`, by the clock of Redis; belongs to the event loop that first uses it.

    The library's script is sent by a client of ours, which asks for all buckets of a request in one round trip.
    """

    def __init__(self, url: str, prefix: str) -> None:
        self._prefix = prefix
        self._sha = ""
        try:
            self._redis = Redis.from_url(
                url,
                retry=Retry(NoBackoff(), 0),
                socket_timeout=REDIS_TIMEOUT_S,
                socket_connect_timeout=REDIS_TIMEOUT_S,
            )
        except ValueError:  # its text may hold the password
            raise InvalidSetting("NEXUSAI_REDIS_URL is not a redis:// URL") from None

    async def take(self, buckets: Sequence[Bucket]) -> list[Level]:
        """Take a token from each that has one. Raises Unavailable."""
        try:
            levels = await self._ask(buckets)
            ahead = [each for each, level in zip(buckets, levels, strict=True) if level.retry_after_s > PERIOD_S + 1]
            if not ahead:
                return levels
            # A wait longer than a bucket can owe: the clock of Redis was set back since.
            await self._redis.delete(*(self._key(each) for each in ahead))
            return await self._ask(buckets)
        except RedisError as error:
            raise Unavailable(f"Redis does not answer: {type(error).__name__}") from error

    async def ping(self) -> None:
        """Raise Unavailable unless Redis answers."""
        try:
            await self._redis.ping()
        except RedisError as error:
            raise Unavailable(f"Redis does not answer: {type(error).__name__}") from error

    async def aclose(self) -> None:
        """Close the connections."""
        await self._redis.aclose()

    async def _ask(self, buckets: Sequence[Bucket]) -> list[Level]:
        try:
            return await self._run(buckets)
        except NoScriptError:  # not loaded yet, or Redis was restarted
            self._sha = await self._redis.script_load(RedisLimitAtomicActionSpec.SCRIPTS)
            return await self._run(buckets)

    async def _run(self, buckets: Sequence[Bucket]) -> list[Level]:
        pipeline = self._redis.pipeline(transaction=False)
        for each in buckets:
            pipeline.evalsha(self._sha, 1, self._key(each), PERIOD_S / each.per_minute, each.per_minute, 1)
        answers = await pipeline.execute()
        return [
            Level(bool(limited), each.per_minute, int(remaining), float(reset), float(retry))
            for each, (limited, remaining, reset, retry) in zip(buckets, answers, strict=True)
        ]

    def _key(self, bucket: Bucket) -> str:
        return f"{self._prefix}:{bucket.kind}:{bucket.who}"

"""Token buckets: alone, together in Redis, and while Redis is away."""

import asyncio
import logging
import socket
import time
import uuid
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
from redis.asyncio import Redis

from registry.access import limits as limits_module
from registry.access.buckets import MOST_OF_A_KIND, PERIOD_S, Bucket, Level, OwnBuckets, SharedBuckets
from registry.access.limits import Limits, prefix_of
from registry.access.live import Live
from registry.access.networks import network_of
from registry.errors import InvalidSetting
from registry.records import Database, open_database
from registry.settings import Settings, load_settings
from registry.testing.requirements import require_port

REDIS = "redis://127.0.0.1:6379/0"
FIVE = Bucket("user", "ada", 5)


class Clock:
    """The monotonic clock the buckets in memory run on, in our hands."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("throttled.utils.now_mono_f", made)
    return made


def test_a_minutes_requests_may_come_at_once_and_then_one_by_one(clock: Clock) -> None:
    own = OwnBuckets()
    assert [own.take(FIVE).limited for _ in range(6)] == [False] * 5 + [True]
    assert own.take(FIVE) == Level(True, 5, 0, 60.0, 12.0)
    clock.now += 12
    assert [own.take(FIVE).limited for _ in range(2)] == [False, True]
    clock.now += 3_600  # an hour of rest saves up a minute's burst, not an hour's
    assert [own.take(FIVE).limited for _ in range(6)] == [False] * 5 + [True]


def test_the_count_is_exact_over_many_minutes(clock: Clock) -> None:
    own, bucket = OwnBuckets(), Bucket("user", "ada", 90)
    passed = 0
    for _ in range(6_000):  # ten a second for ten minutes
        passed += not own.take(bucket).limited
        clock.now += 0.1
    assert passed == pytest.approx(90 + 90 * 10, abs=2)


def test_buckets_do_not_mix(clock: Clock) -> None:
    own = OwnBuckets()
    for _ in range(5):
        own.take(FIVE)
    assert own.take(FIVE).limited
    assert not own.take(Bucket("user", "bob", 5)).limited
    assert not own.take(Bucket("key", "ada", 5)).limited


def test_a_changed_limit_counts_at_once(clock: Clock) -> None:
    own = OwnBuckets()
    for _ in range(5):
        own.take(FIVE)
    assert own.take(FIVE).limited
    raised = Bucket("user", "ada", 600)
    assert own.take(raised).retry_after_s == pytest.approx(0.1)
    clock.now += 1
    assert own.take(raised).remaining == 9
    assert own.take(Bucket("user", "ada", 10)).limit == 10


def test_a_million_addresses_do_not_fill_the_memory(clock: Clock) -> None:
    own = OwnBuckets()
    for _ in range(5):
        own.take(FIVE)
    for number in range(MOST_OF_A_KIND + 1_000):
        own.take(Bucket("address", str(number), 10))
    kept = sum(own.take(Bucket("address", str(number), 10)).remaining == 8 for number in range(1_000))
    assert kept == 0  # the oldest were let go
    assert own.take(FIVE).limited  # and nobody who is known


def test_the_wall_clock_does_not_matter_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    own = OwnBuckets()
    for _ in range(5):
        own.take(FIVE)
    for jump_s in (-3_600, 3_600):
        now = time.time() + jump_s
        monkeypatch.setattr(time, "time", lambda now=now: now)
        assert own.take(FIVE).limited
        assert own.take(FIVE).retry_after_s <= 12
        assert not own.take(Bucket("user", f"new {jump_s}", 5)).limited


ADDRESSES = [
    ("192.0.2.7", "192.0.2.7"),
    ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
    ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
    ("::ffff:192.0.2.7", "192.0.2.7"),
    ("fe80::1%eth0", "fe80::/64"),
    ("", ""),
    ("testclient", "testclient"),
]


@pytest.mark.parametrize(("address", "network"), ADDRESSES)
def test_one_line_of_ipv6_is_one_caller(address: str, network: str) -> None:
    assert network_of(address) == network


def test_platforms_that_share_a_redis_have_keys_of_their_own() -> None:
    urls = [
        "sqlite:////a/x.db",
        "sqlite:////b/x.db",
        "postgresql+psycopg://u:one@h/x",
        "postgresql+psycopg://u:two@h/x",
    ]
    prefixes = [prefix_of(open_database(url)) for url in urls]
    assert len(set(prefixes)) == 3
    assert prefixes[2] == prefixes[3]  # replicas may sign in with passwords of their own


@pytest.mark.parametrize("url", ["http://:s3cret@redis", "redis://:s3cret@redis:port/0"])
def test_a_redis_url_that_is_none_is_refused_without_telling_it(url: str) -> None:
    with pytest.raises(InvalidSetting) as refused:
        SharedBuckets(url, "x")
    assert "s3cret" not in refused.value.message


# from here on with a real Redis


@pytest.fixture
def prefix() -> Iterator[str]:
    require_port("127.0.0.1", 6379, "Redis")
    made = f"nexusai-test:{uuid.uuid4().hex}"
    yield made
    asyncio.run(_delete(f"{made}:*"))


async def _delete(pattern: str) -> None:
    async with Redis.from_url(REDIS) as redis:
        async for key in redis.scan_iter(pattern):
            await redis.delete(key)


def test_two_processes_count_together(prefix: str) -> None:
    async def ask() -> list[bool]:
        here, there = SharedBuckets(REDIS, prefix), SharedBuckets(REDIS, prefix)
        levels = [(await each.take([FIVE]))[0] for each in (here, there, here, there, here, there)]
        await here.aclose()
        await there.aclose()
        return [level.limited for level in levels]

    assert asyncio.run(ask()) == [False] * 5 + [True]


def test_the_clock_of_redis_set_back_an_hour_locks_nobody_out(prefix: str) -> None:
    async def ask() -> list[Level]:
        shared = SharedBuckets(REDIS, prefix)
        other = Bucket("user", "bob", 5)
        await shared.take([FIVE, other])
        async with Redis.from_url(REDIS) as redis:  # what a bucket looks like from an hour before
            ahead = float(await redis.get(f"{prefix}:user:ada")) + 3_600
            await redis.set(f"{prefix}:user:ada", ahead)
        levels = await shared.take([FIVE, other])
        await shared.aclose()
        return levels

    mine, others = asyncio.run(ask())
    assert (mine.limited, mine.remaining) == (False, 4)
    assert others.full_after_s <= PERIOD_S


class Wire:
    """A TCP proxy before Redis that can be cut, held silent and mended."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = int(free.getsockname()[1])
        self._server: asyncio.Server | None = None
        self._pumps: set[asyncio.Task[None]] = set()
        self.silent = False
        self.seen = 0

    async def mend(self) -> None:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self.port)

    async def cut(self) -> None:
        assert self._server is not None
        self._server.close()
        for pump in self._pumps:
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.seen += 1
        back, out = await asyncio.open_connection("127.0.0.1", 6379)
        pumps = {asyncio.ensure_future(self._pump(*pair)) for pair in ((reader, out), (back, writer))}
        self._pumps |= pumps
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for each in (writer, out):
            each.close()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65_536):
            if not self.silent:
                sink.write(data)
                await sink.drain()


Scene = Callable[[Limits, Wire], Coroutine[Any, Any, None]]


@pytest.fixture
def play(sqlite: Database, settings: Settings, prefix: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[Scene], None]:
    """Run a scene over limits whose Redis stands behind a wire."""
    monkeypatch.setattr(limits_module, "RETRY_S", 0.05)
    monkeypatch.setattr(limits_module, "prefix_of", lambda _database: prefix)

    async def run(scene: Scene) -> None:
        wire = Wire()
        await wire.mend()
        url = f"redis://127.0.0.1:{wire.port}/0"
        made = Limits(sqlite, load_settings(home=settings.home, redis_url=url), Live(sqlite, settings))
        try:
            await scene(made, wire)
        finally:
            await made.aclose()
            await wire.cut()

    return lambda scene: asyncio.run(run(scene))


async def _drained(limits: Limits) -> None:
    for _ in range(5):
        await limits.take([FIVE])
    assert (await limits.take([FIVE])).limited


async def _until_shared(limits: Limits) -> None:
    """Until the bucket that was emptied in Redis is the one that counts."""
    async with asyncio.timeout(20):
        while not (await limits.take([Bucket("user", "ada", 5)])).limited:
            await asyncio.sleep(0.02)


def test_without_redis_each_process_counts_and_with_it_again_together(play: Callable[[Scene], None]) -> None:
    async def scene(limits: Limits, wire: Wire) -> None:
        await _drained(limits)
        await wire.cut()
        assert (await limits.take([Bucket("user", "ada", 1_000)])).remaining == 999  # a bucket of its own
        await wire.mend()
        await _until_shared(limits)

    play(scene)


def test_a_silent_redis_costs_the_first_requests_a_moment(play: Callable[[Scene], None]) -> None:
    async def scene(limits: Limits, wire: Wire) -> None:
        await _drained(limits)
        wire.silent = True
        many = Bucket("user", "bob", 1_000)
        waits = []
        for _ in range(50):
            started = time.perf_counter()
            assert not (await limits.take([many])).limited
            waits.append(time.perf_counter() - started)
        assert waits[0] < 5
        assert sorted(waits)[-3] < waits[0] / 2  # the others did not wait for it
        wire.silent = False
        await wire.cut()
        await wire.mend()
        await _until_shared(limits)

    play(scene)


def test_a_redis_that_is_away_is_not_asked_with_every_request(
    play: Callable[[Scene], None], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(limits_module, "RETRY_S", 60.0)

    async def scene(limits: Limits, wire: Wire) -> None:
        wire.silent = True
        await asyncio.gather(*(limits.take([FIVE]) for _ in range(10)))
        before = wire.seen
        for _ in range(100):
            await limits.take([FIVE])
        assert wire.seen == before

    with caplog.at_level(logging.WARNING):
        play(scene)
    assert len([record for record in caplog.records if "for itself" in record.message]) == 1

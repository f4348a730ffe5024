"""What access costs: a trivial API route behind gate, key and limits against the same route alone, requests in turn.

Both stand in one server process, so that a machine that slows down slows both; the client is in another.
"""

import http.client
import multiprocessing
import socket
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from starlette.types import ASGIApp, Receive, Scope, Send

from registry.access.accounts import Accounts
from registry.access.actor import local_actor, of_user
from registry.access.keys import Keys
from registry.models.process import free_port
from registry.records import Role, SettingValue, open_database
from registry.settings import Settings, load_settings
from tests.perf.report import Report, spread

REPEATS, WARM_UP = 1_500, 100
MOST_MS, BOUND = 3.0, 6.0
ROUTE, BARE = "/api/v1/nothing", "/bare"
_REDIS_PORT = 6379


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds of each request with and without the gate, taken in turn."""

    gated: list[float]
    bare: list[float]

    @property
    def overhead_ms(self) -> float:
        """The median difference between a request and its neighbour: what slows down for a while slows both."""
        return statistics.median(gated - bare for gated, bare in zip(self.gated, self.bare, strict=True))


def main() -> Report:
    """Measure with buckets in memory, then with Redis where there is one."""
    own = _measure("")
    figures = {"gated_ms": spread(own.gated), "overhead_ms": own.overhead_ms}
    if _listens(_REDIS_PORT):
        shared = _measure(f"redis://127.0.0.1:{_REDIS_PORT}/0")
        figures |= {"gated_redis_ms": spread(shared.gated), "overhead_redis_ms": shared.overhead_ms}
    return Report(
        name="access",
        figures=figures,
        baseline={"name": "the same route without the gate", "bare_ms": spread(own.bare)},
        ratio=statistics.median(own.gated) / statistics.median(own.bare),
        bound=BOUND,
        repeats=REPEATS,
        limits={"overhead_ms": (own.overhead_ms, MOST_MS)},
    )


def _measure(redis_url: str) -> Times:
    with tempfile.TemporaryDirectory(prefix="nexusai-bench-") as folder:
        settings = load_settings(home=Path(folder), port=free_port(), redis_url=redis_url)
        key = _prepare(settings)
        with _running(settings):
            return _alternate(settings.port, key)


def _prepare(settings: Settings) -> str:
    """Records with a user whose limits are out of the way; gives an API key."""
    settings.prepare_home()
    database = open_database(settings.records_url)
    database.upgrade()
    user = Accounts(database, settings).create(local_actor(), "ada", "correct horse battery", Role.ADMIN)
    with database.write() as session:
        for name in ("limit_user", "limit_key"):
            session.add(SettingValue(key=name, value=1_000_000))
    made = Keys(database).make(of_user(user, "session"), "bench", ["read"])
    database.close()
    return made.secret


def _alternate(port: int, key: str) -> Times:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    times: dict[str, list[float]] = {ROUTE: [], BARE + ROUTE: []}
    for number in range(WARM_UP + REPEATS):
        for path, into in times.items():
            started = time.perf_counter()
            connection.request("GET", path, headers={"X-API-Key": key})
            response = connection.getresponse()
            response.read()
            if response.status != 200:
                raise RuntimeError(f"{path}: {response.status}")
            if number >= WARM_UP:
                into.append((time.perf_counter() - started) * 1e3)
    return Times(times[ROUTE], times[BARE + ROUTE])


@contextmanager
def _running(settings: Settings) -> Iterator[None]:
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(settings,), daemon=True)
    process.start()
    try:
        deadline = time.monotonic() + 60
        while not _listens(settings.port):
            if time.monotonic() > deadline or not process.is_alive():
                raise RuntimeError("the server did not start")
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.join()


def _serve(settings: Settings) -> None:
    import uvicorn
    from starlette.applications import Starlette
    from starlette.routing import Mount

    from app.api import create_api
    from app.gate import Gate
    from app.platform import Platform

    platform = Platform.open(settings)
    platform.live.refresh()
    api = create_api(platform)

    @api.get("/nothing")
    async def nothing() -> dict[str, str]:
        return {}

    inner = Starlette(routes=[Mount("/api/v1", app=api)])
    gate = Gate(inner, settings, platform.sessions, platform.bearers, platform.limits)
    uvicorn.run(_fork(gate, inner), port=settings.port, log_level="warning", access_log=False)


def _fork(gate: ASGIApp, bare: ASGIApp) -> ASGIApp:
    """One application: paths below BARE go past the gate."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        past = scope["type"] == "http" and scope["path"].startswith(BARE)
        if past:
            await bare({**scope, "path": scope["path"].removeprefix(BARE)}, receive, send)
        else:
            await gate(scope, receive, send)

    return app


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
    except OSError:
        return False
    return True

"""Clients for the serving benches: several at once, or more than the server can answer."""

import http.client
import json
import statistics
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol
from urllib.parse import urlsplit

from registry.testing.platform import Running

_TIMEOUT_S = 120
_IDLE_S = 2.0  # the server closes a connection that was idle for 5


@dataclass(slots=True)
class Outcome:
    """What a group of clients got: seconds of each accepted answer, refusals with theirs, failures.

    A refusal that does not say when to ask again is a failure.
    """

    seconds: float = 0.0
    answers: list[tuple[float, float]] = field(default_factory=list)  # when it ended, how long it took
    refusals: list[float] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    versions: set[int] = field(default_factory=set)
    labels: set[tuple[int, str]] = field(default_factory=set)  # with the version that answered

    @property
    def a_second(self) -> float:
        """Answers a second."""
        return len(self.answers) / self.seconds

    def latency_ms(self, share: float) -> float:
        """The quantile of the accepted answers' durations."""
        return quantile([took for _, took in self.answers], share) * 1e3


def quantile(values: Sequence[float], share: float) -> float:
    """The value that a share of them does not exceed."""
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


class Reply(NamedTuple):
    """Status and content of an answer, and after how long the server would be asked again."""

    status: int
    content: bytes
    retry_after: str | None = None


class Asking(Protocol):
    """A client of a model server."""

    def ask(self) -> Reply:
        """Send one request."""


class KeptConnection:
    """One connection for one request after another; opened anew when the server may have closed it."""

    def __init__(self, host: str, port: int) -> None:
        self._connection = http.client.HTTPConnection(host, port, timeout=_TIMEOUT_S)
        self._used = time.monotonic()

    def post(self, path: str, body: bytes, headers: dict[str, str]) -> Reply:
        """Send one request."""
        if time.monotonic() - self._used > _IDLE_S:
            self._connection.close()  # the next request opens it anew
        self._connection.request("POST", path, body, headers)
        response = self._connection.getresponse()
        content = response.read()
        self._used = time.monotonic()
        return Reply(response.status, content, response.getheader("Retry-After"))


class HttpPredict:
    """One request after another on one connection, with as little of a client as possible."""

    def __init__(self, running: Running, image: bytes, model: str) -> None:
        address = urlsplit(running.url)
        self._connection = KeptConnection(address.hostname or "", address.port or 80)
        boundary = uuid.uuid4().hex
        fields = f'--{boundary}\r\nContent-Disposition: form-data; name="model"\r\n\r\n{model}\r\n'
        file = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="x.jpg"\r\n\r\n'
        self._body = fields.encode() + file.encode() + image + f"\r\n--{boundary}--\r\n".encode()
        self._headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        given = json.dumps({"username": running.username, "password": running.password}).encode()
        reply = self._connection.post("/api/v1/auth/login", given, {"Content-Type": "application/json"})
        self._headers["Authorization"] = f"Bearer {json.loads(reply.content)['access_token']}"
        self._stages: list[dict[str, float]] = []

    def __call__(self) -> dict:  # type: ignore[type-arg]
        """The answer to one request."""
        answer: dict = json.loads(answered(self))  # type: ignore[type-arg]
        self._stages.append(answer["timing_ms"])
        return answer

    def ask(self) -> Reply:
        """Send one request."""
        return self._connection.post("/api/v1/inference/predict", self._body, self._headers)

    @property
    def stages_ms(self) -> dict[str, float]:
        """The median of each stage that the server reported."""
        return {name: statistics.median(each[name] for each in self._stages) for name in self._stages[0]}


def closed_loop(clients: Sequence[Asking], seconds: float) -> Outcome:
    """Each client asks again as soon as it has its answer."""
    outcome, end = Outcome(), time.perf_counter() + seconds

    def work(client: Asking) -> None:
        while time.perf_counter() < end:
            _ask(client, outcome)

    outcome.seconds = together([lambda client=client: work(client) for client in clients])
    return outcome


def open_loop(clients: Sequence[HttpPredict], a_second: float, seconds: float) -> Outcome:
    """Requests at a fixed rate whatever becomes of them; there must be clients enough to send on time."""
    outcome, begun, lock, sent = Outcome(), time.perf_counter(), threading.Lock(), 0

    def work(client: HttpPredict) -> None:
        nonlocal sent
        while True:
            with lock:
                due, sent = begun + sent / a_second, sent + 1
            if due > begun + seconds:
                return
            time.sleep(max(0.0, due - time.perf_counter()))
            _ask(client, outcome)

    outcome.seconds = together([lambda client=client: work(client) for client in clients])
    return outcome


def answered(client: Asking) -> bytes:
    """The content of one answer. Raises RuntimeError for any other status than 200."""
    reply = client.ask()
    if reply.status != 200:
        raise RuntimeError(f"predict: {reply.status} {reply.content[:300]!r}")
    return reply.content


def _ask(client: Asking, outcome: Outcome) -> None:
    started = time.perf_counter()
    try:
        reply = client.ask()
    except OSError as error:
        outcome.failed.append(str(error))
        return
    ended = time.perf_counter()
    if reply.status == 200:
        outcome.answers.append((ended, ended - started))
        told = json.loads(reply.content)
        if isinstance(told, dict) and "model" in told:  # peers do not say
            version = told["model"]["version"]
            outcome.versions.add(version)
            outcome.labels |= {(version, each["label"]) for each in told.get("detections", ())[:1]}
    elif reply.status == 503 and reply.retry_after:
        outcome.refusals.append(ended - started)
    else:
        outcome.failed.append(f"{reply.status} {reply.content[:200]!r}")


def together(works: Sequence[Callable[[], None]]) -> float:
    """Run each in a thread of its own; the seconds until the last has ended."""
    threads = [threading.Thread(target=work) for work in works]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - started

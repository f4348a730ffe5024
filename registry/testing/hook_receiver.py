"""A receiver of webhooks for tests: keeps what it was sent, and answers as told."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar


@dataclass
class HookReceiver:
    """`statuses` are answered one after the other, then 204; `seen` has headers and body of every request."""

    statuses: list[int] = field(default_factory=list)
    seen: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    port: int = 0

    @property
    def bodies(self) -> list[dict[str, Any]]:
        """What was sent, read."""
        return [json.loads(body) for _, body in self.seen]


class _Handler(BaseHTTPRequestHandler):
    receiver: ClassVar[HookReceiver]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.receiver.seen.append(({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(self.receiver.statuses.pop(0) if self.receiver.statuses else 204)
        self.send_header("Content-Length", "0")
        self.send_header("Location", "http://127.0.0.1:1/elsewhere")
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        pass


@contextmanager
def hook_receiver(port: int = 0) -> Iterator[HookReceiver]:
    """A running receiver on loopback."""
    receiver = HookReceiver()
    handler = type("Handler", (_Handler,), {"receiver": receiver})
    with ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        server.daemon_threads = True
        receiver.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            yield receiver
        finally:
            server.shutdown()

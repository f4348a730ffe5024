"""The worker's own small HTTP server, for the app alone: live pictures, snapshots, status, metrics."""

import hmac
import json
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import structlog

from registry.errors import CameraNotRunning, NotFound, NotSignedIn, RegistryError
from registry.settings import Settings
from registry.worker.live_proof import BOUNDARY, live_secret

if TYPE_CHECKING:
    from registry.worker.views import Views

MOST_VIEWERS = 200
_STUCK_S = 10.0  # a viewer that takes nothing for so long is gone
_log = structlog.get_logger(__name__)


class LiveServer(ThreadingHTTPServer):
    """Listens from the start; `views` comes with the first camera."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, settings: Settings) -> None:
        self.views: Views | None = None
        self.secret = live_secret(settings)
        self.viewers = threading.BoundedSemaphore(MOST_VIEWERS)
        host = settings.worker_host
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, settings.worker_port), _Handler)
        reached = socket.gethostname() if host in {"0.0.0.0", "::"} else host  # noqa: S104 - compared
        self.url = (
            f"http://[{reached}]:{self.server_port}" if ":" in reached else f"http://{reached}:{self.server_port}"
        )

    def start(self) -> None:
        """Serve in a thread."""
        threading.Thread(target=self.serve_forever, name="live-server", daemon=True).start()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A viewer that went away is no error."""
        _log.debug("live connection ended", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _STUCK_S
    server: LiveServer

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Nothing: every picture would be a line."""

    def do_GET(self) -> None:
        """One request."""
        try:
            self._check()
            self._route()
        except RegistryError as error:
            self._json(error.status, error.to_dict())
        except OSError:
            self.close_connection = True

    def _check(self) -> None:
        proof = self.headers.get("authorization", "")
        if not hmac.compare_digest(proof.encode("latin-1", "replace"), f"Bearer {self.server.secret}".encode()):
            raise NotSignedIn("this address is for the platform's own app")

    def _route(self) -> None:
        parts = urlsplit(self.path)
        overlay = parse_qs(parts.query).get("overlay", ["1"])[0] not in {"0", "false"}
        if parts.path == "/health":
            self._json(200, {"status": "ok"})
        elif parts.path == "/metrics":
            self._send(200, "text/plain; version=0.0.4; charset=utf-8", self._views().metrics())
        else:
            self._camera(parts.path.strip("/").split("/"), overlay=overlay)

    def _camera(self, path: list[str], *, overlay: bool) -> None:
        kinds: dict[str, Callable[[str], None]] = {
            "snapshot.jpg": lambda camera_id: self._send(
                200, "image/jpeg", self._views().snapshot(camera_id, overlay=overlay)
            ),
            "status": lambda camera_id: self._json(200, self._views().status(camera_id)),
            "live.mjpg": lambda camera_id: self._stream(camera_id, overlay=overlay),
        }
        if len(path) != 3 or path[0] != "cameras" or path[2] not in kinds:
            raise NotFound("there is nothing at this address")
        kinds[path[2]](path[1])

    def _views(self) -> "Views":
        if self.server.views is None:
            raise CameraNotRunning("no camera runs here")
        return self.server.views

    def _stream(self, camera_id: str, *, overlay: bool) -> None:
        if not self.server.viewers.acquire(blocking=False):
            raise CameraNotRunning(f"{MOST_VIEWERS} people watch already")
        try:
            with self._views().stream(camera_id, overlay=overlay) as pictures, suppress(OSError):
                self._head(200, f"multipart/x-mixed-replace; boundary={BOUNDARY}")
                for picture in pictures:
                    self.wfile.write(_part(picture) if picture else b"\r\n")
        finally:
            self.server.viewers.release()
            self.close_connection = True

    def _json(self, status: int, body: dict[str, Any]) -> None:
        self._send(status, "application/json", json.dumps(body, default=str).encode())

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self._head(status, kind, len(body))
        self.wfile.write(body)

    def _head(self, status: int, kind: str, length: int | None = None) -> None:
        self.send_response_only(status)
        self.send_header("content-type", kind)
        self.send_header("cache-control", "no-store")
        if length is None:
            self.send_header("connection", "close")
        else:
            self.send_header("content-length", str(length))
        self.end_headers()


def _part(jpeg: bytes) -> bytes:
    head = f"--{BOUNDARY}\r\ncontent-type: image/jpeg\r\ncontent-length: {len(jpeg)}\r\n\r\n"
    return head.encode() + jpeg + b"\r\n"

"""A web server with one file on it, that misbehaves as told: for tests of downloads."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar


@dataclass
class FileServer:
    """What is served at `/file`, and how. `seen` has the Range header of each request.

    `cuts` are bytes of the body after which the connection is closed, one for each request, then none.
    """

    data: bytes
    etag: str = '"one"'
    ranges: bool = True
    lengths: bool = True
    lies: bool = False  # goes on from where it is asked to whatever `If-Range` says
    status: int = 200
    silent: bool = False
    location: str = ""
    cuts: list[int] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    url: str = ""

    def begin(self, headers: dict[str, str]) -> int:
        """Where an answer to these request headers begins."""
        self.seen.append(headers.get("range", ""))
        asked = headers.get("range", "").removeprefix("bytes=").removesuffix("-")
        same = self.lies or headers.get("if-range", self.etag) == self.etag
        return int(asked) if asked and self.ranges and same else 0


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    served: ClassVar[FileServer]

    def handle(self) -> None:
        with suppress(ConnectionError):  # who had enough has gone
            super().handle()

    def do_GET(self) -> None:
        if self.served.silent:
            time.sleep(5)
        elif self.served.location:
            self._head(302, {"Location": self.served.location, "Content-Length": "0"})
        elif self.served.status != 200:
            self._head(self.served.status, {"Content-Length": "0"})
        else:
            self._file(self.served.begin({name.lower(): value for name, value in self.headers.items()}))

    def _file(self, start: int) -> None:
        whole = len(self.served.data)
        if start and start >= whole:
            self._head(416, {"Content-Range": f"bytes */{whole}", "Content-Length": "0"})
            return
        self.close_connection = not self.served.lengths or bool(self.served.cuts)
        headers = {"Content-Length": str(whole - start)} if self.served.lengths else {"Connection": "close"}
        if start:
            headers["Content-Range"] = f"bytes {start}-{whole - 1}/{whole}"
        if self.served.etag:
            headers["ETag"] = self.served.etag
        self._head(206 if start else 200, headers)
        until = start + self.served.cuts.pop(0) if self.served.cuts else whole
        self.wfile.write(self.served.data[start:until])

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        pass


@contextmanager
def file_server(data: bytes) -> Iterator[FileServer]:
    """A running server."""
    served = FileServer(data)
    handler = type("Handler", (_Handler,), {"served": served})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        served.url = f"http://127.0.0.1:{server.server_address[1]}/file"
        try:
            yield served
        finally:
            server.shutdown()

"""A camera of the tests that speaks HTTP: an MJPEG stream from a list of JPEG pictures."""

import base64
import socket
import time
from dataclasses import dataclass

from registry.testing.loopback import LoopbackServer


@dataclass
class MjpegSettings:
    """How the camera answers; may be changed while it runs."""

    username: str = ""
    password: str = ""
    fps: float = 10.0
    says_length: bool = True
    is_chunked: bool = False
    is_silent: bool = False
    redirect_to: str = ""
    content_type: str = "multipart/x-mixed-replace; boundary=shot"


class MjpegCamera(LoopbackServer):
    """Listens on loopback from construction to `close`."""

    def __init__(self, pictures: list[bytes], settings: MjpegSettings | None = None) -> None:
        self.settings = settings or MjpegSettings()
        self.pictures = pictures
        super().__init__()

    @property
    def url(self) -> str:
        """Without user-info."""
        return f"http://127.0.0.1:{self.port}/video?channel=1"

    def serve(self, caller: socket.socket) -> None:
        """One request, one stream."""
        head = b""
        while b"\r\n\r\n" not in head:
            data = caller.recv(4_096)
            if not data:
                return
            head += data
        refusal = self._refusal(head.decode("latin-1"))
        if refusal:
            caller.sendall(refusal.encode())
            return
        chunked = "Transfer-Encoding: chunked\r\n" if self.settings.is_chunked else ""
        caller.sendall(f"HTTP/1.1 200 OK\r\nContent-Type: {self.settings.content_type}\r\n{chunked}\r\n".encode())
        self._stream(caller)

    def _refusal(self, head: str) -> str:
        settings = self.settings
        if settings.redirect_to:
            return f"HTTP/1.1 302 Found\r\nLocation: {settings.redirect_to}\r\nContent-Length: 0\r\n\r\n"
        wanted = base64.b64encode(f"{settings.username}:{settings.password}".encode()).decode()
        if settings.password and f"Basic {wanted}" not in head:
            challenge = 'WWW-Authenticate: Basic realm="camera"'
            return f"HTTP/1.1 401 Unauthorized\r\n{challenge}\r\nContent-Length: 0\r\n\r\n"
        return ""

    def _stream(self, caller: socket.socket) -> None:
        number = 0
        while not self.ending.is_set():
            if not self.settings.is_silent:
                picture = self.pictures[number % len(self.pictures)]
                length = f"Content-Length: {len(picture)}\r\n" if self.settings.says_length else ""
                part = f"--shot\r\nContent-Type: image/jpeg\r\n{length}\r\n".encode() + picture + b"\r\n"
                caller.sendall(b"%x\r\n%b\r\n" % (len(part), part) if self.settings.is_chunked else part)
            number += 1
            time.sleep(1 / self.settings.fps)

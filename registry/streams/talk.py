"""A camera's connection that HTTP is spoken over, with a moment by which its answer has to be there."""

import io
import socket
import time
from typing import Any

_PICTURE_S = 30.0  # a slow camera sends one only now and then; the watch knows when it stalls


class Patient(io.RawIOBase):
    """What comes from a camera: all until a moment; where that is None, each part within its own time."""

    def __init__(self, camera: socket.socket, until_s: float) -> None:
        self._camera = camera
        self.until_s: float | None = until_s

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """At least one byte, 0 at the end. Raises TimeoutError, OSError."""
        patience_s = _PICTURE_S if self.until_s is None else self.until_s - time.monotonic()
        if patience_s <= 0:
            raise TimeoutError
        self._camera.settimeout(patience_s)
        return self._camera.recv_into(buffer)


class Talk:
    """A camera's connection as `HTTPConnection` uses it; it stays open when that is done with it."""

    def __init__(self, camera: socket.socket, until_s: float) -> None:
        self._camera = camera
        self.incoming = Patient(camera, until_s)

    def sendall(self, data: bytes) -> None:
        """As a socket has it."""
        self._camera.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        """What comes."""
        return io.BufferedReader(self.incoming)

    def close(self) -> None:
        """Nothing: the feed ends its connection."""

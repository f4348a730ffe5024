"""A server of the tests: a port of its own, on loopback where it names no other address; a thread for each caller."""

import socket
import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import Self


class LoopbackServer:
    """Listens from construction to `close`; each caller is handed to `serve` in a thread, and closed afterwards."""

    host = "127.0.0.1"

    def __init__(self, port: int = 0) -> None:
        self._listener = socket.create_server((self.host, port))
        self.port = self._listener.getsockname()[1]
        self.ending = threading.Event()
        threading.Thread(target=self._accept, name="test-server", daemon=True).start()

    def serve(self, caller: socket.socket) -> None:
        """Answer one caller; an OSError ends it."""
        raise NotImplementedError

    def leave(self) -> None:
        """Nobody listens any more."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def come_back(self) -> None:
        """Listen again, on the same port."""
        self._listener = socket.create_server((self.host, self.port))

    def close(self) -> None:
        """End."""
        self.ending.set()
        self.leave()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _accept(self) -> None:
        while not self.ending.is_set():
            try:
                caller, _ = self._listener.accept()
            except OSError:
                time.sleep(0.02)
                continue
            caller.settimeout(30)
            threading.Thread(target=self._answer, args=(caller,), name="test-caller", daemon=True).start()

    def _answer(self, caller: socket.socket) -> None:
        with suppress(OSError), caller:
            self.serve(caller)

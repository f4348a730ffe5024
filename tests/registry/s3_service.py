"""An S3 service over HTTP for tests, and a wire to it."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from moto.server import ThreadedMotoServer

from registry.models.process import free_port

BUCKET = "vision"


class Service:
    """An S3 service on a port of its own that can be stopped and started; its buckets stay."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._server: ThreadedMotoServer | None = None

    def start(self) -> None:
        self._server = ThreadedMotoServer("127.0.0.1", self.port, verbose=False)
        self._server.start()

    def stop(self) -> None:
        assert self._server
        self._server.stop()


@contextmanager
def cutting_wire(to: int, after: int) -> Iterator[tuple[int, list[int]]]:
    """A TCP wire to a local port that cuts one connection after some bytes of the answer; counts what each carried."""
    listener, carried, cut = socket.create_server(("127.0.0.1", 0)), list[int](), threading.Event()

    def carry(near: socket.socket) -> None:
        index = len(carried)
        carried.append(0)
        with near, socket.create_connection(("127.0.0.1", to)) as far:
            threading.Thread(target=pump, args=(near, far), daemon=True).start()
            while block := far.recv(65_536):
                near.sendall(block)
                carried[index] += len(block)
                if carried[index] > after and not cut.is_set():
                    cut.set()
                    near.shutdown(socket.SHUT_RDWR)
                    return

    def pump(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while block := source.recv(65_536):
                target.sendall(block)
            target.shutdown(socket.SHUT_WR)

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=carry, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    with listener:
        yield listener.getsockname()[1], carried

"""An S3 service over HTTP for tests."""

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

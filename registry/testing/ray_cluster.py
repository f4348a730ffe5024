"""A real Ray cluster of one node on this machine, reached by its `ray://` address."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from registry.models.process import free_port

_READY_S = 120.0


@contextmanager
def ray_cluster(cpus: int, port: int, environment: Mapping[str, str]) -> Iterator[str]:
    """Its address, at that port, for as long as the block lasts; its workers have this environment."""
    ray = str(Path(sys.executable).with_name("ray"))
    node = ["--head", f"--num-cpus={cpus}", f"--port={free_port()}", f"--ray-client-server-port={port}"]
    small = ["--include-dashboard=false", "--object-store-memory=134217728", "--node-ip-address=127.0.0.1"]
    process = subprocess.Popen(  # noqa: S603 - our own command
        [ray, "start", *node, *small, "--block"],
        env=dict(environment),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(port, process)
        yield f"ray://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(60)


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + _READY_S
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.2)
    raise RuntimeError("Ray did not start")

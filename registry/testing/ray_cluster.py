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
_ASK = "import ray, sys; ray.init(sys.argv[1]); ray.cluster_resources()"


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
    address = f"ray://127.0.0.1:{port}"
    try:
        _wait_for(port, process)
        _wait_until_served(address, process, environment)
        yield address
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


def _wait_until_served(address: str, process: "subprocess.Popen[bytes]", environment: Mapping[str, str]) -> None:
    """Until a client is: a head that has just opened its port turns some away on a busy machine."""
    deadline = time.monotonic() + _READY_S
    line = [sys.executable, "-c", _ASK, address]
    while time.monotonic() < deadline and process.poll() is None:
        asked = subprocess.run(line, env=dict(environment), capture_output=True, timeout=_READY_S, check=False)  # noqa: S603
        if not asked.returncode:
            return
    raise RuntimeError("Ray did not serve a client")

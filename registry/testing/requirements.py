"""What a test needs from the machine: present, or the test says what is missing and how to get it."""

import importlib.util
import shutil
import socket

import pytest

from registry.settings import tests_must_run


def miss(what: str, hint: str) -> None:
    """Skip the calling test, saying how to get what it misses; fail it under NEXUSAI_REQUIRE_ALL=1."""
    message = f"{what} is missing: {hint}"
    if tests_must_run():
        pytest.fail(message)
    pytest.skip(message)


def require_tool(name: str, hint: str) -> str:
    """The path of a program, or `miss`."""
    found = shutil.which(name)
    if found is None:
        miss(name, hint)
    return str(found)


def require_package(name: str, extra: str) -> None:
    """Go on only with a Python package of an extra installed."""
    if importlib.util.find_spec(name) is None:
        miss(name, f'pip install "nexusai[{extra}]"')


def require_port(host: str, port: int, what: str) -> None:
    """Go on only where something listens."""
    try:
        socket.create_connection((host, port), timeout=2).close()
    except OSError:
        miss(what, f"start it on {host}:{port}")


def require_address() -> None:
    """Go on only where this machine has an address beside loopback: WebRTC uses no other."""
    from aioice.ice import get_host_addresses

    if not get_host_addresses(use_ipv4=True, use_ipv6=True):
        miss("a network address beside loopback", "bring up another interface: ip link add … type veth")

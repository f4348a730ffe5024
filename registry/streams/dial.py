"""A connection to a camera by its checked address."""

import socket
import ssl
import time

from registry.errors import AddressRefused
from registry.streams.addresses import AllowedNetworks, Resolver, resolve
from registry.streams.loss import Reason, SourceLost
from registry.streams.sources import CameraSource, SourceKind

_TLS = {SourceKind.RTSPS, SourceKind.HTTPS}
_RECEIVE_BYTES = 1 << 20


def dial(
    source: CameraSource, networks: AllowedNetworks, timeout_s: float, resolver: Resolver | None = None
) -> socket.socket:
    """Look the host up, check the address, connect to that address and no other, with TLS where the kind has it.

    Raises SourceLost.
    """
    try:
        address = resolve(source.host, source.port, networks, resolver)
    except AddressRefused as error:
        raise SourceLost(Reason.ADDRESS_REFUSED, error.message) from error
    except OSError as error:
        raise SourceLost(Reason.UNRESOLVED, f"the name {source.host} has no address") from error
    try:
        connection = socket.create_connection((address, source.port), timeout=timeout_s)
    except OSError as error:
        raise SourceLost(Reason.UNREACHABLE, f"nothing answers at {source.authority}") from error
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if source.kind not in _TLS:
        return connection
    try:
        return _tls_context(source).wrap_socket(connection, server_hostname=source.host)
    except (OSError, ValueError) as error:
        connection.close()
        said = error.verify_message if isinstance(error, ssl.SSLCertVerificationError) else "no TLS is spoken there"
        raise SourceLost(Reason.UNREACHABLE, f"{source.authority}: {said}") from error


def knock(source: CameraSource, networks: AllowedNetworks, timeout_s: float = 1.0) -> bool:
    """Whether a source that was away seems to be back: a file is there, or a server speaks its protocol."""
    if source.path is not None:
        return source.path.exists()
    protocol = "RTSP/1.0" if source.kind in {SourceKind.RTSP, SourceKind.RTSPS} else "HTTP/1.1"
    asked = "OPTIONS" if protocol.startswith("RTSP") else "HEAD"
    uri = source.url if protocol.startswith("RTSP") else source.target
    request = f"{asked} {uri} {protocol}\r\nCSeq: 1\r\nHost: {source.authority}\r\nConnection: close\r\n\r\n"
    try:
        with dial(source, networks, timeout_s) as connection:
            connection.settimeout(timeout_s)
            connection.sendall(request.encode("ascii"))
            return _answers(connection, protocol.partition("/")[0].encode("ascii") + b"/1.", timeout_s)
    except (OSError, SourceLost):
        return False


def _answers(connection: socket.socket, start: bytes, timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    found = b""
    while len(found) < len(start) and time.monotonic() < deadline:
        some = connection.recv(64)
        if not some:
            return False
        found += some
    return found.startswith(start)


def _tls_context(source: CameraSource) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if not source.verify_tls:  # most cameras sign their own certificate
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context

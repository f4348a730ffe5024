"""A TCP proxy between a camera and whoever watches it, that does to the connection what networks do."""

import random
import selectors
import socket
import struct
import time
from contextlib import suppress
from enum import StrEnum

from registry.testing.loopback import LoopbackServer


class Fault(StrEnum):
    """What happens to the connections; packets from the camera are meant."""

    NONE = "none"
    RESET = "reset"  # every connection is reset, new ones too
    SILENCE = "silence"  # nothing comes through, connections stay open
    HALF_OPEN = "half-open"  # the camera's end is gone, ours is not told; new connections are taken and ignored
    LOSS = "loss"  # three of ten RTP packets never arrive
    GARBAGE = "garbage"  # noise instead of bytes
    DELAY = "delay"  # everything comes two seconds later
    ABSENT = "absent"  # nobody listens


class FaultProxy(LoopbackServer):
    """Listens on a port of its own until `close`, on loopback or another address of this machine; `fault` may change
    at any time.
    """

    def __init__(self, camera_port: int, host: str = LoopbackServer.host) -> None:
        self.host = host
        self._camera_port = camera_port
        self._fault = Fault.NONE
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        super().__init__()

    @property
    def fault(self) -> Fault:
        """What it does now."""
        return self._fault

    @fault.setter
    def fault(self, fault: Fault) -> None:
        before, self._fault = self._fault, fault
        if fault in {Fault.RESET, Fault.ABSENT}:
            self._break()
        if fault is Fault.HALF_OPEN:
            for _, camera in list(self._pairs):
                with suppress(OSError):
                    camera.shutdown(socket.SHUT_RDWR)
        if fault is Fault.ABSENT:
            self.leave()
        elif before is Fault.ABSENT:
            self.come_back()
        if before is Fault.HALF_OPEN and fault is Fault.NONE:
            self._break()  # those connections lead nowhere

    def close(self) -> None:
        """End."""
        super().close()
        self._break()

    def _break(self) -> None:
        for pair in list(self._pairs):
            for end in pair:
                with suppress(OSError):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    end.shutdown(socket.SHUT_RDWR)

    def serve(self, caller: socket.socket) -> None:
        """Between one caller and the camera."""
        with socket.create_connection(("127.0.0.1", self._camera_port), 5) as camera:
            if self._fault is Fault.RESET:
                caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return
            pair = (caller, camera)
            self._pairs.add(pair)
            try:
                self._pump(caller, camera)
            finally:
                self._pairs.discard(pair)

    def _pump(self, caller: socket.socket, camera: socket.socket) -> None:
        packets = _Packets()
        late: list[tuple[float, bytes]] = []
        with selectors.DefaultSelector() as ready:
            ready.register(caller, selectors.EVENT_READ)
            ready.register(camera, selectors.EVENT_READ)
            while not self.ending.is_set():
                for key, _ in ready.select(0.05):
                    data = key.fileobj.recv(262_144)  # type: ignore[union-attr]
                    if not data and self._fault is Fault.HALF_OPEN and key.fileobj is camera:
                        ready.unregister(camera)
                        continue
                    if not data:
                        return
                    if key.fileobj is caller:
                        self._send(camera, data)
                    elif self._fault is Fault.DELAY or late:
                        late.append((time.monotonic() + (2.0 if self._fault is Fault.DELAY else 0.0), data))
                    else:
                        self._send(caller, packets.spoilt(data, self._fault))
                while late and late[0][0] <= time.monotonic():
                    caller.sendall(late.pop(0)[1])

    def _send(self, end: socket.socket, data: bytes) -> None:
        if self._fault not in {Fault.SILENCE, Fault.HALF_OPEN}:
            end.sendall(data)


class _Packets:
    """Loses whole RTP packets, as a network does; answers of RTSP pass."""

    def __init__(self) -> None:
        self._rest = b""

    def spoilt(self, data: bytes, fault: Fault) -> bytes:
        if fault is Fault.GARBAGE:
            return random.randbytes(len(data))
        data, self._rest = self._rest + data, b""
        kept = bytearray()
        while data[:1] == b"$":
            size = 4 + int.from_bytes(data[2:4]) if len(data) >= 4 else 1 << 20
            if len(data) < size:
                self._rest = data
                return bytes(kept)
            if fault is not Fault.LOSS or random.random() >= 0.3:
                kept += data[:size]
            data = data[size:]
        return bytes(kept) + data

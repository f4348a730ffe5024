"""A request's body read whole, to memory or a file, with its fingerprint, and given again."""

import hashlib
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope

_IN_MEMORY = 2**20  # bytes of a body before it goes to a file; the gate bounds the whole
_PART = 2**16


class SpooledBody:
    """A request's body, read whole and given again; `fingerprint` covers the operation, its query and the body."""

    def __init__(self, scope: Scope, receive: Receive, file: tempfile.SpooledTemporaryFile[bytes]) -> None:
        self._receive = receive
        self._file = file
        self._size = self._given = 0
        self._ended = False
        kind, _, parameters = Headers(scope=scope).get("content-type", "").partition(";")
        self._boundary = _boundary(parameters) if kind.strip().lower().startswith("multipart/") else b""
        operation = f"{scope['method']} {scope['path']}?".encode() + scope.get("query_string", b"")
        self._hash = hashlib.sha256(operation + b"\n" + kind.strip().lower().encode() + b"\n")
        self._tail = b""

    @property
    def fingerprint(self) -> str:
        """The sha256 of all that was read."""
        return self._hash.hexdigest()

    async def read(self) -> bool:
        """Read to the end; False if whoever sends it went away."""
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                return False
            part = message.get("body", b"")
            self._size += len(part)
            self._add(part)
            if self._size > _IN_MEMORY:
                await run_in_threadpool(self._file.write, part)
            else:
                self._file.write(part)
            more = message.get("more_body", False)
        self._hash.update(self._tail)
        self._file.seek(0)
        return True

    async def receive(self) -> Message:
        """The body once more, in parts; after it, what the server says."""
        if self._ended:
            return await self._receive()
        read = self._file.read
        part = await run_in_threadpool(read, _PART) if self._size > _IN_MEMORY else read(_PART)
        self._given += len(part)
        self._ended = self._given == self._size
        return {"type": "http.request", "body": part, "more_body": not self._ended}

    def _add(self, part: bytes) -> None:
        """Hash a part without the multipart boundary: clients choose another one each time."""
        if not self._boundary:
            self._hash.update(part)
            return
        *whole, rest = (self._tail + part).split(self._boundary)
        for each in whole:
            self._hash.update(each + b"\0boundary\0")
        keep = min(len(rest), len(self._boundary) - 1)  # the boundary may go on in the next part
        self._hash.update(rest[: len(rest) - keep])
        self._tail = rest[len(rest) - keep :]


@asynccontextmanager
async def spooled(scope: Scope, receive: Receive) -> AsyncIterator[SpooledBody | None]:
    """Read a request's body; None when whoever sends it went away. The file goes when the block ends."""
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as file:
        body = SpooledBody(scope, receive, file)
        yield body if await body.read() else None


def _boundary(parameters: str) -> bytes:
    found = [part.split("=", 1)[1].strip().strip('"') for part in parameters.split(";") if "boundary=" in part.lower()]
    return found[0].encode("latin-1") if found else b""

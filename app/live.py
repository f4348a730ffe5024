"""Live pictures of cameras: fetched from the worker that runs each, for whoever may see it."""

import contextlib
import re
from collections.abc import AsyncIterator

import anyio.to_thread
import httpx

from registry.access import Actor
from registry.errors import CameraNotRunning, RegistryError, WorkerUnavailable
from registry.settings import Settings
from registry.worker.live_proof import BOUNDARY, live_secret
from registry.worker.viewing import LiveAddress, Viewing

_TIMEOUT = httpx.Timeout(10.0, connect=2.0, read=15.0)
_PART = re.compile(rb"--%s\r\ncontent-type: image/jpeg\r\ncontent-length: (\d{1,9})\r\n\r\n" % BOUNDARY.encode())
_AGAIN = "Try again in some seconds; if that does not help, the worker's log file says what keeps it."
_MOST = httpx.Limits(max_connections=None, max_keepalive_connections=16)


class LivePictures:
    """Snapshots and streams by way of the workers' own servers."""

    def __init__(self, settings: Settings, viewing: Viewing) -> None:
        self.viewing = viewing
        self._proof = {"authorization": f"Bearer {live_secret(settings)}"}
        self._client: httpx.AsyncClient | None = None  # belongs to the loop that first asks

    async def snapshot(self, actor: Actor, camera_id: str, *, overlay: bool) -> bytes:
        """The newest picture as JPEG. Raises as `Viewing.address`, CameraNotRunning, WorkerUnavailable."""
        where = await anyio.to_thread.run_sync(self.viewing.address, actor, camera_id)
        answer = await self._ask(where, where.snapshot, overlay=overlay)
        try:
            return await answer.aread()
        except httpx.HTTPError as error:
            raise WorkerUnavailable("the worker of this camera went away", hint=_AGAIN) from error
        finally:
            await answer.aclose()

    def still(self, actor: Actor, camera_id: str, *, overlay: bool) -> bytes:
        """`snapshot` for a caller without an event loop."""
        where = self.viewing.address(actor, camera_id)
        asked = {"overlay": int(overlay)}
        try:
            answer = httpx.get(where.snapshot, params=asked, headers=self._proof, timeout=_TIMEOUT, trust_env=False)
        except httpx.HTTPError as error:
            raise WorkerUnavailable("the worker of this camera does not answer", hint=_AGAIN) from error
        if answer.status_code != 200:
            raise _refusal(where, answer.status_code, answer.content[:4_096])
        return answer.content

    async def aclose(self) -> None:
        """Close the pooled connections."""
        if self._client is not None:
            await self._client.aclose()

    async def stream(self, actor: Actor, camera_id: str, *, overlay: bool) -> AsyncIterator[bytes]:
        """MJPEG as it comes, until the camera stops or its worker goes away. Raises as `snapshot`."""
        where = await anyio.to_thread.run_sync(self.viewing.address, actor, camera_id)
        return _parts(await self._ask(where, where.stream, overlay=overlay))

    async def jpegs(self, actor: Actor, camera_id: str, *, overlay: bool) -> AsyncIterator[bytes]:
        """What `stream` sends, picture by picture. Raises as `snapshot`."""
        return _pictures(await self.stream(actor, camera_id, overlay=overlay))

    async def _ask(self, where: LiveAddress, url: str, *, overlay: bool) -> httpx.Response:
        client = self._client = self._client or httpx.AsyncClient(timeout=_TIMEOUT, limits=_MOST, trust_env=False)
        request = client.build_request("GET", url, params={"overlay": int(overlay)}, headers=self._proof)
        try:
            answer = await client.send(request, stream=True)
        except httpx.HTTPError as error:
            raise WorkerUnavailable("the worker of this camera does not answer", hint=_AGAIN) from error
        if answer.status_code == 200:
            return answer
        try:
            told = (await answer.aread())[:4_096]
        finally:
            await answer.aclose()
        raise _refusal(where, answer.status_code, told)


def _refusal(where: LiveAddress, status: int, told: bytes) -> RegistryError:
    """What a worker answered, as an error of ours."""
    if status != CameraNotRunning.status:
        return WorkerUnavailable(f"the worker of this camera answered {status}", hint=_AGAIN)
    with contextlib.suppress(ValueError, KeyError, TypeError):
        error = httpx.Response(status, content=told).json()["error"]
        return CameraNotRunning(str(error["message"])[:400], details=dict(error["details"]))
    return CameraNotRunning(f"camera {where.camera_id} shows nothing now")


async def _parts(answer: httpx.Response) -> AsyncIterator[bytes]:
    try:
        with contextlib.suppress(httpx.HTTPError):  # the worker went away: the stream ends
            async for part in answer.aiter_raw():
                yield part
    finally:
        await answer.aclose()


async def _pictures(parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The JPEGs of a worker's stream."""
    told = b""
    async for part in parts:
        told += part
        while (head := _PART.search(told)) and len(told) >= (end := head.end() + int(head[1])):
            yield told[head.end() : end]
            told = told[end:]

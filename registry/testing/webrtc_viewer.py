"""A program that watches a camera by WebRTC, as a browser does."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import cast

import httpx
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamTrack
from av import VideoFrame

from registry.testing.requirements import require_address


@dataclass(slots=True)
class Watched:
    """What was asked, and what came: `peer` and `track` are the browser's ends, `answer` is held open."""

    peer: RTCPeerConnection
    answer: AsyncIterator[str]
    track: MediaStreamTrack
    asked_at: float

    async def picture(self) -> VideoFrame:
        """The next one. Raises MediaStreamError, TimeoutError after 30 s."""
        return cast(VideoFrame, await asyncio.wait_for(self.track.recv(), 30))

    async def ended(self) -> float:
        """Wait until the platform ends it; the moment of that, of time.monotonic(). Raises httpx.HTTPError."""
        async for _ in self.answer:
            pass
        return time.monotonic()


@asynccontextmanager
async def watching(url: str, headers: Mapping[str, str]) -> AsyncIterator[Watched]:
    """Watch what is at `/live/{camera_id}/offer` until the block ends. Raises httpx.HTTPStatusError."""
    require_address()
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    peer.addTransceiver("video", "recvonly")
    await peer.setLocalDescription()
    offer = peer.localDescription.sdp
    sent = {**headers, "content-type": "application/sdp"}
    asked_at = time.monotonic()
    try:
        async with (
            httpx.AsyncClient(timeout=30, trust_env=False) as http,
            http.stream("POST", url, content=offer, headers=sent) as answer,
        ):
            if answer.status_code != 200:
                await answer.aread()
            answer.raise_for_status()
            lines = answer.aiter_lines()
            told = json.loads(await anext(lines))
            await peer.setRemoteDescription(RTCSessionDescription(told["sdp"], told["type"]))
            yield Watched(peer, lines, peer.getReceivers()[0].track, asked_at)
    finally:
        await peer.close()

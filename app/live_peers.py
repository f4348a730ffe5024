"""WebRTC connections that show a camera: answered here, ended with whatever held them open."""

import asyncio
from collections.abc import Callable
from functools import partial

import anyio
import anyio.to_thread
import structlog
from aiortc import (
    RTCBundlePolicy,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
    exceptions,
)
from aiortc.mediastreams import MediaStreamTrack

from app.live import LivePictures
from app.live_offer import MJPEG_HINT, checked_offer
from app.live_video import SharedVideo, Viewer
from registry.access import Actor
from registry.errors import InvalidInput, TooManyRequests

MOST_PEERS = 64
_CONNECT_S = 15.0
_CLOSE_S = 5.0
_VIDEO = [each for each in RTCRtpSender.getCapabilities("video").codecs if each.name.lower() in {"vp8", "rtx"}]
_log = structlog.get_logger(__name__)


class Peer:
    """One browser's connection; `sdp` is the answer it waits for. It is held open by somebody, who closes it."""

    def __init__(self, track: MediaStreamTrack, ended: Callable[["Peer"], None]) -> None:
        # without servers to ask, only this machine's own addresses are offered
        configuration = RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
        self._connection = RTCPeerConnection(configuration)
        self._track, self._ended = track, ended
        self._over = asyncio.Event()
        self._patience = asyncio.get_running_loop().call_later(_CONNECT_S, self._over.set)
        self.sdp = ""
        self._connection.on("connectionstatechange", self._changed)
        track.on("ended", self._over.set)

    async def answer(self, offer: str) -> None:
        """Set `sdp`. Raises InvalidInput."""
        way = self._connection.addTransceiver(self._track, "sendonly")
        way.setCodecPreferences(_VIDEO)
        if isinstance(self._track, Viewer):  # the encoder is not the connection's own: it is asked by its other name
            way.sender._send_keyframe = self._track.ask_for_key  # type: ignore[method-assign]
        try:
            await self._connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
            await self._connection.setLocalDescription()
        except (ValueError, exceptions.InvalidStateError, exceptions.OperationError) as error:
            raise InvalidInput(f"the offer cannot be answered: {error}", hint=MJPEG_HINT) from error
        self.sdp = self._connection.localDescription.sdp

    async def over(self, within_s: float) -> bool:
        """Wait until it has ended, or so long; whether it has."""
        with anyio.move_on_after(within_s):
            await self._over.wait()
        return self._over.is_set()

    async def close(self) -> None:
        """End it, whatever its state; once more does nothing."""
        self._patience.cancel()
        self._over.set()
        self._ended(self)
        self._track.stop()
        with anyio.CancelScope(shield=True), anyio.move_on_after(_CLOSE_S):
            await self._connection.close()

    def _changed(self) -> None:
        state = self._connection.connectionState
        if state == "connected":
            self._patience.cancel()
        elif state in {"failed", "closed"}:
            self._over.set()


class Peers:
    """The connections of this process."""

    def __init__(self, pictures: LivePictures) -> None:
        self._pictures = pictures
        self._videos: dict[tuple[str, bool], SharedVideo] = {}
        self._open: set[Peer] = set()
        self._threads: anyio.CapacityLimiter | None = None  # belongs to the running loop

    async def show(self, actor: Actor, camera_id: str, offer: bytes, *, overlay: bool) -> Peer:
        """A connection on which a camera is seen, for the caller to close.

        Raises as `LivePictures.stream`, InvalidInput, TooManyRequests.
        """
        # every viewer is looked at, not only the one whose coming starts the video
        await anyio.to_thread.run_sync(self._pictures.viewing.address, actor, camera_id)
        checked = checked_offer(offer)
        if len(self._open) >= MOST_PEERS:
            raise TooManyRequests(
                f"{MOST_PEERS} people watch by WebRTC already, which is the most",
                hint=f"Try again when somebody has left. {MJPEG_HINT}",
            )
        viewer = self._video(actor, camera_id, overlay=overlay).enter()
        peer = Peer(viewer, self._open.discard)
        self._open.add(peer)
        try:
            await viewer.connected()
            await peer.answer(checked)
        except BaseException:
            await peer.close()
            raise
        return peer

    def _video(self, actor: Actor, camera_id: str, *, overlay: bool) -> SharedVideo:
        self._threads = self._threads or anyio.CapacityLimiter(2)
        self._videos = {key: each for key, each in self._videos.items() if not each.is_over}
        found = self._videos.get((camera_id, overlay))
        if found is None:
            connect = partial(self._pictures.jpegs, actor, camera_id, overlay=overlay)
            found = self._videos[camera_id, overlay] = SharedVideo(connect, self._threads)
        return found

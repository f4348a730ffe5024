"""One encoder for all who watch a camera: each begins at a picture that stands for itself."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import anyio
import cv2
import numpy as np
import pytest
from aiortc.mediastreams import MediaStreamError
from av import CodecContext, Packet

from app.live_video import _MOST_WAITING, SharedVideo, Viewer, Vp8
from registry.errors import CameraNotRunning

_S = 20.0


def _jpeg(grey: int, size_wh: tuple[int, int] = (64, 48)) -> bytes:
    return bytes(cv2.imencode(".jpg", np.full((size_wh[1], size_wh[0], 3), grey, np.uint8))[1])


class Camera:
    """Pictures when the test says so."""

    def __init__(self) -> None:
        self.asked = 0
        self.left = False
        self.queue: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def connect(self) -> AsyncIterator[bytes]:
        self.asked += 1
        return self._pictures()

    async def _pictures(self) -> AsyncIterator[bytes]:
        try:
            while (jpeg := await self.queue.get()) is not None:
                yield jpeg
        finally:
            self.left = True


def _watch(test: Callable[[Camera, SharedVideo], Awaitable[None]]) -> None:
    async def run() -> None:
        camera = Camera()
        await asyncio.wait_for(test(camera, SharedVideo(camera.connect, anyio.CapacityLimiter(1))), _S)

    asyncio.run(run())


async def _until(true: Callable[[], bool]) -> None:
    while not true():  # the whole test has a limit
        await asyncio.sleep(0.005)


async def _next(camera: Camera, video: SharedVideo, grey: int) -> None:
    before = video.encoded
    camera.queue.put_nowait(_jpeg(grey))
    await _until(lambda: video.encoded > before)


def _grey(packets: list[Packet]) -> float:
    """The brightness of the last picture, as a browser sees it."""
    decoder, shown = CodecContext.create("libvpx", "r"), []
    for packet in packets:
        shown += decoder.decode(Packet(bytes(packet)))
    return float(shown[-1].to_ndarray(format="bgr24").mean())


def test_all_viewers_get_the_same_packets_and_one_who_comes_late_begins_at_a_key() -> None:
    async def test(camera: Camera, video: SharedVideo) -> None:
        first, second = video.enter(), video.enter()
        await first.connected()
        firsts = [asyncio.ensure_future(viewer.recv()) for viewer in (first, second)]
        await asyncio.sleep(0)
        await _next(camera, video, 255)
        packets = [[packet] for packet in await asyncio.gather(*firsts)]
        assert packets[0][0] is packets[1][0]
        assert packets[0][0].is_keyframe
        await _next(camera, video, 80)
        packets[0].append(await first.recv())
        assert not packets[0][1].is_keyframe
        assert packets[0][1].pts > packets[0][0].pts
        assert _grey(packets[0][:1]) == pytest.approx(255, abs=3)
        assert _grey(packets[0]) == pytest.approx(80, abs=3)
        late = video.enter()
        shown = await late.recv()  # without a new picture of the camera: what was shown last, once more
        assert shown.is_keyframe
        assert _grey([shown]) == pytest.approx(80, abs=3)
        assert camera.asked == 1

    _watch(test)


def test_who_takes_nothing_loses_pictures_and_goes_on_at_a_key() -> None:
    async def test(camera: Camera, video: SharedVideo) -> None:
        viewer = video.enter()
        await viewer.connected()
        waiting = asyncio.ensure_future(viewer.recv())
        await asyncio.sleep(0)
        await _next(camera, video, 10)
        await waiting
        for number in range(_MOST_WAITING + 5):
            await _next(camera, video, 20 + number)
        assert viewer._packets.qsize() <= _MOST_WAITING
        later = asyncio.ensure_future(viewer.recv())
        for number in range(200):
            if later.done():
                break
            await _next(camera, video, number)
        assert (await later).is_keyframe

    _watch(test)


def test_keys_that_are_asked_for_in_a_storm_keep_their_distance() -> None:
    async def test(camera: Camera, video: SharedVideo) -> None:
        viewer = video.enter()
        waiting = asyncio.ensure_future(viewer.recv())
        await viewer.connected()
        await _next(camera, video, 10)
        packets = [await waiting]
        for number in range(20):
            viewer.ask_for_key()
            await _next(camera, video, 20 + number)
        while viewer._packets.qsize():
            packets.append(await viewer.recv())
        assert len(packets) > 20
        assert sum(packet.is_keyframe for packet in packets) <= 2 + len(packets) // 10

    _watch(test)


def test_it_ends_with_the_last_viewer_and_lets_the_camera_go() -> None:
    async def test(camera: Camera, video: SharedVideo) -> None:
        viewers = [video.enter() for _ in range(3)]
        await viewers[0].connected()
        await _next(camera, video, 10)
        for viewer in viewers[:2]:
            viewer.stop()
        assert not video.is_over
        viewers[2].stop()
        assert video.is_over
        await _until(lambda: camera.left)

    _watch(test)


def test_viewers_end_with_the_camera() -> None:
    async def test(camera: Camera, video: SharedVideo) -> None:
        viewer = video.enter()
        waiting = asyncio.ensure_future(viewer.recv())
        await viewer.connected()
        await _next(camera, video, 10)
        await waiting
        camera.queue.put_nowait(None)
        with pytest.raises(MediaStreamError):
            await viewer.recv()
        assert video.is_over
        assert viewer.readyState == "ended"

    _watch(test)


def test_a_camera_that_shows_nothing_is_told_to_everybody_who_waits() -> None:
    async def refuse() -> AsyncIterator[bytes]:
        raise CameraNotRunning("it is stopped")

    async def test() -> None:
        video = SharedVideo(refuse, anyio.CapacityLimiter(1))
        viewers: list[Viewer] = [video.enter() for _ in range(2)]
        for viewer in viewers:
            with pytest.raises(CameraNotRunning):
                await viewer.connected()
        assert video.is_over

    asyncio.run(asyncio.wait_for(test(), _S))


def test_a_picture_of_another_size_begins_a_new_stream_and_odd_sizes_are_kept() -> None:
    encoder, seen = Vp8(), []
    for number, size_wh in enumerate([(64, 48), (64, 48), (129, 71)]):
        (packet,) = encoder.encode(_jpeg(90, size_wh), number * 6_000, key=number == 0)
        seen.append(packet)
    assert [packet.is_keyframe for packet in seen] == [True, False, True]
    assert _grey(seen[2:]) == pytest.approx(90, abs=3)

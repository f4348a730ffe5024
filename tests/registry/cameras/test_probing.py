"""Trying a camera's connection: what it sends, or why it does not, within bounds."""

import base64
import socket
import time
from pathlib import Path
from threading import Thread

import cv2
import numpy as np
import pytest
from sqlmodel import select

from registry.access import Actor
from registry.access.live import Live
from registry.cameras import probing
from registry.cameras.asked import NewCamera, Tried
from registry.cameras.cameras import Cameras
from registry.cameras.probing import Probed, Probes
from registry.errors import AddressRefused, Forbidden, InvalidInput, TooManyRequests
from registry.models.registry import ModelRegistry
from registry.records import AuditEntry, Database
from registry.settings import Settings
from registry.testing.h264 import encode_h264
from registry.testing.loopback import LoopbackServer
from registry.testing.mjpeg_camera import MjpegCamera, MjpegSettings
from registry.testing.rtsp_server import CameraSettings, RtspCamera

JPEGS = [cv2.imencode(".jpg", np.full((240, 320, 3), 20 * n + 10, np.uint8))[1].tobytes() for n in range(10)]


class Mute(LoopbackServer):
    """Takes the connection and says nothing."""

    def serve(self, caller: socket.socket) -> None:
        self.ending.wait(30)


@pytest.fixture
def cameras(settings: Settings, sqlite: Database) -> Cameras:
    return Cameras(settings, sqlite, Live(sqlite, settings), ModelRegistry(settings, sqlite), loopback=True)


@pytest.fixture
def probes(cameras: Cameras, sqlite: Database, settings: Settings) -> Probes:
    return Probes(cameras, sqlite, Live(sqlite, settings))


def _tried(url: str, **fields: str) -> Tried:
    return Tried.model_validate({"url": url} | fields)


def test_what_an_rtsp_camera_sends_is_told_with_a_picture(
    probes: Probes, engineer: Actor, tmp_path: Path, sqlite: Database
) -> None:
    clip = encode_h264(["-f", "lavfi", "-i", "testsrc2=s=640x360:r=25"], tmp_path / "clip.h264").read_bytes()
    with RtspCamera(clip, CameraSettings("bob", "hunter2")) as camera:
        found = probes.test(engineer, _tried(camera.url, username="bob", password="hunter2"))
    assert (found.ok, found.width, found.height, found.codec) == (True, 640, 360, "h264")
    assert 15 < found.fps < 35
    picture = cv2.imdecode(np.frombuffer(base64.b64decode(found.to_dict()["preview"]), np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.shape == (540, 960, 3)
    assert picture.std() > 20
    with sqlite.read() as session:
        entry = session.exec(select(AuditEntry)).one()
    assert entry.action == "camera.test"
    assert "hunter2" not in f"{entry.details} {found!r} {found.to_dict()}"


def test_why_nothing_comes_is_said_in_words(probes: Probes, engineer: Actor, settings: Settings) -> None:
    settings.films_dir.mkdir()
    (settings.films_dir / "noise.mp4").write_bytes(b"noise" * 999)
    free = socket.create_server(("127.0.0.1", 0))
    port = free.getsockname()[1]
    free.close()
    with MjpegCamera(JPEGS, MjpegSettings("bob", "right")) as guarded, MjpegCamera(JPEGS) as moved:
        moved.settings.redirect_to = guarded.url
        for asked, reason, words in (
            (_tried(guarded.url, username="bob", password="hunter2"), "unauthorised", "name and password"),
            (_tried(moved.url), "redirected", "another address"),
            (_tried(f"rtsp://127.0.0.1:{port}/"), "unreachable", "Nothing answers"),
            (_tried("rtsp://camera.invalid/live"), "unresolved", "not known"),
            (_tried(f"file://{settings.films_dir}/noise.mp4"), "garbage", "no video"),
        ):
            found = probes.test(engineer, asked)
            assert (found.ok, found.reason, found.preview) == (False, reason, b""), found
            assert words in found.words
            assert "hunter2" not in str(found.to_dict())


def test_a_camera_that_says_nothing_is_given_up_in_time(
    probes: Probes, engineer: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probing, "LONGEST_S", 1.5)
    with Mute() as mute, MjpegCamera(JPEGS, MjpegSettings(is_silent=True)) as silent:
        for url in (f"rtsp://127.0.0.1:{mute.port}/", silent.url):
            began = time.monotonic()
            assert not probes.test(engineer, _tried(url)).ok
            assert time.monotonic() - began < 8


def test_only_some_are_tried_at_once(probes: Probes, engineer: Actor) -> None:
    with MjpegCamera(JPEGS) as camera:
        found: list[Probed] = []
        running = [Thread(target=lambda: found.append(probes.test(engineer, _tried(camera.url)))) for _ in range(2)]
        for thread in running:
            thread.start()
        while probes._running < 2:
            time.sleep(0.01)
        with pytest.raises(TooManyRequests) as refused:
            probes.test(engineer, _tried(camera.url))
        assert refused.value.details["retry_after_s"] > 0
        for thread in running:
            thread.join(30)
        assert [each.ok for each in found] == [True, True]
        assert probes._running == 0


def test_a_stored_password_is_tried_at_its_own_address_only(
    probes: Probes, cameras: Cameras, engineer: Actor, operator: Actor
) -> None:
    with MjpegCamera(JPEGS, MjpegSettings("bob", "hunter2")) as camera, MjpegCamera(JPEGS) as thief:
        asked = NewCamera.model_validate({"name": "n", "url": camera.url, "username": "bob", "password": "hunter2"})
        made = cameras.create(engineer, asked)
        assert probes.test(engineer, _tried(made.record.url, camera_id=made.id)).ok
        with pytest.raises(InvalidInput, match="again"):
            probes.test(engineer, _tried(thief.url, camera_id=made.id))
        with pytest.raises(Forbidden):
            probes.test(operator, _tried(camera.url))
        with pytest.raises(AddressRefused):
            probes.test(engineer, _tried("file:///etc/passwd"))

"""Every kind of source is watched, from real servers and files."""

import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from imageio_ffmpeg import get_ffmpeg_exe

from registry.streams.accounting import Ledger, Outcome
from registry.streams.decoder import DecodeOptions
from registry.streams.faults import tell_fault
from registry.streams.frames import Frame
from registry.streams.loss import Reason
from registry.streams.rtsp_relay import RtspRelay
from registry.streams.sources import Credentials, SourcePolicy, parse_source
from registry.streams.states import CameraState
from registry.streams.watch import CameraStatus, CameraWatch, WatchOptions
from registry.testing.h264 import encode_h264
from registry.testing.mjpeg_camera import MjpegCamera, MjpegSettings
from registry.testing.rtsp_server import CameraSettings, Mischief, RtspCamera
from registry.testing.watched import Watched, wait_until

SECRET = "hunter2-%26secret"
BOB = Credentials("bob", "hunter2-&secret")
Watch = Callable[..., Watched]


@pytest.mark.parametrize("scheme", ["basic", "digest"])
def test_an_rtsp_camera_with_a_password(watching: Watch, policy: SourcePolicy, clip_h264: bytes, scheme: str) -> None:
    with RtspCamera(clip_h264, CameraSettings(BOB.username, BOB.password, scheme)) as camera:
        seen = watching(parse_source(camera.url.replace("rtsp://", f"rtsp://bob:{SECRET}@"), policy))
        seen.wait_for(lambda: len(seen.frames) >= 5)
        frame = seen.frames[-1]
        assert frame.size_wh == frame.source_wh == (640, 360)
        assert frame.to_bgr().shape == (360, 640, 3)
        assert seen.watch.status().state is CameraState.LIVE
        assert seen.watch.ledger.account().balanced


def test_no_secret_is_in_the_process_list_or_in_a_text(
    watching: Watch, policy: SourcePolicy, clip_h264: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    with RtspCamera(clip_h264, CameraSettings(BOB.username, BOB.password)) as camera:
        source = parse_source(camera.url, policy, BOB)
        seen = watching(source)
        seen.wait_live()
        for process in [psutil.Process(), *psutil.Process().children(recursive=True)]:
            assert not any("hunter2" in part for part in process.cmdline())
        decoder = psutil.Process(seen.watch.status().decoder_pid)
        assert decoder.environ() == {}
        camera.settings.mischief = Mischief.HANG_UP
        camera.hang_up()
        seen.wait_for(lambda: "waiting" in seen.states)
    said = capsys.readouterr()
    texts = [said.out, said.err, repr(source), source.shown, repr(seen.watch.status()), repr(seen.changes)]
    assert not any("hunter2" in text for text in texts)


def test_a_fault_is_told_without_the_values_of_variables(capsys: pytest.CaptureFixture[str]) -> None:
    def connect(proof: str) -> None:
        assert proof
        raise RuntimeError("something broke")

    try:
        connect("Basic aHVudGVyMg==")
    except RuntimeError:
        tell_fault("camera connection failed", camera="c")
    said = "".join(capsys.readouterr())
    assert "something broke" in said
    assert "in connect" in said
    assert "aHVudGVyMg" not in said.replace('connect("Basic aHVudGVyMg==")', ""), "the line is told, not the value"


def test_the_relay_lets_one_in_who_knows_the_path(policy: SourcePolicy, clip_h264: bytes) -> None:
    with RtspCamera(clip_h264) as camera:
        relay = RtspRelay(parse_source(camera.url, policy), policy.networks)
        relay.open()
        relay.begin(None)
        url = relay.input_arguments()[-1]
        port = int(url.split(":")[2].partition("/")[0])
        with socket.create_connection(("127.0.0.1", port), timeout=5) as thief:
            thief.sendall(b"DESCRIBE rtsp://127.0.0.1/stream RTSP/1.0\r\nCSeq: 1\r\n\r\n")
            assert thief.recv(100) == b""
        with socket.create_connection(("127.0.0.1", port), timeout=5) as decoder:
            decoder.sendall(f"OPTIONS {url} RTSP/1.0\r\nCSeq: 9\r\n\r\n".encode())
            assert b"CSeq: 9" in decoder.recv(1_000)
            with pytest.raises(OSError, match="refused"):
                socket.create_connection(("127.0.0.1", port), timeout=5)
        relay.close()


def test_a_camera_looked_at_once_in_ten_seconds_stays_live(
    watching: Watch, policy: SourcePolicy, clip_h264: bytes
) -> None:
    with RtspCamera(clip_h264) as camera:
        options = WatchOptions(DecodeOptions(fps=0.1))
        seen = watching(parse_source(camera.url, policy), options)
        seen.wait_for(lambda: len(seen.frames) >= 2, 40)
        assert seen.states == ["live"]


def test_a_nonce_that_ages_is_answered_anew(watching: Watch, policy: SourcePolicy, clip_h264: bytes) -> None:
    with RtspCamera(clip_h264, CameraSettings("bob", "x", nonce_uses=2)) as camera:
        seen = watching(parse_source(camera.url, policy, Credentials("bob", "x")))
        seen.wait_live()
        assert seen.states == ["live"]


def test_a_camera_that_hangs_up_after_it_asked_for_the_password(
    watching: Watch, policy: SourcePolicy, clip_h264: bytes
) -> None:
    with RtspCamera(clip_h264, CameraSettings("bob", "x", hangs_up_after_401=True)) as camera:
        seen = watching(parse_source(camera.url, policy, Credentials("bob", "x")))
        seen.wait_live()
        assert seen.states == ["live"]


def test_a_camera_is_told_to_be_live_before_its_first_frame(policy: SourcePolicy, clip_h264: bytes) -> None:
    told: list[str] = []
    known: list[list[str]] = []
    ledger = Ledger()

    def take(frame: Frame) -> None:
        known.append(list(told))
        ledger.settle(frame.frame_id, Outcome.GATED)

    def hear(status: CameraStatus) -> None:
        time.sleep(0.1)  # a listener that writes it down
        told.append(str(status.state))

    with RtspCamera(clip_h264) as camera:
        watch = CameraWatch("cam", parse_source(camera.url, policy), policy, take, ledger, on_change=hear)
        watch.start()
        wait_until(lambda: known, 20)
        watch.stop()
    assert known[0] == ["live"]


def test_a_device_that_is_not_there_is_waited_for(watching: Watch, policy: SourcePolicy) -> None:
    seen = watching(parse_source("device:/dev/video99", replace(policy, devices=True)))
    seen.wait_for(lambda: bool(seen.changes))
    assert (seen.changes[0].state, seen.changes[0].reason) == (CameraState.WAITING, Reason.MISSING)


def test_a_camera_that_calls_itself_otherwise_is_played_over_the_same_connection(
    watching: Watch, policy: SourcePolicy, clip_h264: bytes
) -> None:
    settings = CameraSettings("bob", "x", base="rtsp://10.255.255.1:554/inside")
    with RtspCamera(clip_h264, settings) as camera:
        seen = watching(parse_source(camera.url, policy, Credentials("bob", "x")))
        seen.wait_live()
        assert any("rtsp://10.255.255.1:554/inside" in asked for asked in camera.requests)


@pytest.mark.parametrize(
    "settings", [MjpegSettings(), MjpegSettings(says_length=False), MjpegSettings(is_chunked=True)]
)
def test_an_mjpeg_camera(watching: Watch, policy: SourcePolicy, jpegs: list[bytes], settings: MjpegSettings) -> None:
    with MjpegCamera(jpegs, replace(settings, username="bob", password="x")) as camera:
        seen = watching(parse_source(camera.url, policy, Credentials("bob", "x")))
        seen.wait_for(lambda: len(seen.frames) >= 4)
        assert seen.frames[0].source_wh == (320, 240)
        assert seen.frames[0].size_wh == (480, 360)
        assert len({frame.data for frame in seen.frames}) >= 3


def test_a_file_plays_over_and_over_at_its_own_pace(watching: Watch, policy: SourcePolicy) -> None:
    film = policy.folders[0] / "film.mp4"
    make = [get_ffmpeg_exe(), "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=320x180:r=10", "-t", "1", str(film)]
    subprocess.run(make, check=True)
    began = time.monotonic()
    seen = watching(parse_source(f"file://{film}", policy))
    seen.wait_for(lambda: len(seen.frames) >= 11)
    assert time.monotonic() - began > 1.5, "eleven at five a second cannot come sooner"
    assert seen.states == ["live"]


def test_a_playlist_that_calls_itself_a_film_is_not_played(watching: Watch, policy: SourcePolicy) -> None:
    film = policy.folders[0] / "film.mp4"
    film.write_text("#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n")
    seen = watching(parse_source(f"file://{film}", policy))
    seen.wait_for(lambda: "waiting" in seen.states)
    assert seen.changes[-1].reason is Reason.GARBAGE


def test_a_file_that_became_a_link_to_elsewhere_is_not_opened(
    watching: Watch, policy: SourcePolicy, tmp_path: Path
) -> None:
    film, outside = policy.folders[0] / "film.mp4", tmp_path / "outside.mp4"
    film.write_bytes(b"0000ftyp")
    source = parse_source(f"file://{film}", policy)
    film.unlink()
    outside.write_bytes(b"0000ftyp")
    film.symlink_to(outside)
    seen = watching(source)
    seen.wait_for(lambda: "waiting" in seen.states)
    assert seen.changes[-1].reason is Reason.MISSING


def test_a_killed_decoder_is_replaced(watching: Watch, policy: SourcePolicy, clip_h264: bytes) -> None:
    with RtspCamera(clip_h264) as camera:
        seen = watching(parse_source(camera.url, policy))
        seen.wait_live()
        first = seen.watch.status().decoder_pid
        os.kill(first, signal.SIGKILL)
        seen.wait_for(lambda: seen.watch.status().decoder_pid not in {None, first})
        assert seen.wait_live() < 10
        assert not psutil.pid_exists(first)


def test_another_shape_in_mid_stream(watching: Watch, policy: SourcePolicy, clip_h264: bytes, tmp_path: Path) -> None:
    square = encode_h264(["-f", "lavfi", "-i", "testsrc2=s=480x480:r=25"], tmp_path / "square.h264").read_bytes()
    larger = encode_h264(["-f", "lavfi", "-i", "testsrc2=s=1280x720:r=25"], tmp_path / "large.h264").read_bytes()
    with RtspCamera(clip_h264) as camera:
        seen = watching(parse_source(camera.url, policy))
        seen.wait_live()
        camera.load(larger)
        seen.wait_for(lambda: seen.frames[-1].source_wh == (1280, 720))
        assert seen.frames[-1].size_wh == (640, 360)
        assert seen.states == ["live"], "the same shape goes on as it was"
        camera.load(square)
        seen.wait_for(lambda: seen.frames[-1].size_wh == (360, 360))
        assert "waiting" not in seen.states
        assert seen.watch.ledger.account().balanced


def test_starting_and_stopping_from_many_threads_ends_in_one_connection(
    watching: Watch, policy: SourcePolicy, clip_h264: bytes
) -> None:
    with RtspCamera(clip_h264) as camera:
        seen = watching(parse_source(camera.url, policy))
        hurry = [threading.Thread(target=seen.watch.start) for _ in range(4)]
        hurry += [threading.Thread(target=seen.watch.stop) for _ in range(4)]
        for thread in hurry:
            thread.start()
        for thread in hurry:
            thread.join(30)
        seen.watch.start()
        seen.wait_live()
        decoders = [child for child in psutil.Process().children() if "ffmpeg" in child.name()]
        assert [child.pid for child in decoders] == [seen.watch.status().decoder_pid]
        assert seen.watch.ledger.account().balanced


def test_a_camera_that_does_not_answer_is_stopped_within_seconds(watching: Watch, policy: SourcePolicy) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        seen = watching(parse_source(f"rtsp://127.0.0.1:{silent.getsockname()[1]}/", policy))
        time.sleep(0.3)
        began = time.monotonic()
        seen.watch.stop()
        assert time.monotonic() - began < 5


def test_stopping_leaves_nothing_behind(watching: Watch, policy: SourcePolicy, clip_h264: bytes) -> None:
    before = (psutil.Process().num_fds(), len(psutil.Process().children()))
    with RtspCamera(clip_h264) as camera:
        seen = watching(parse_source(camera.url, policy))
        seen.wait_live()
        seen.watch.stop()
        assert seen.watch.status().state is CameraState.STOPPED
    seen.wait_for(lambda: (psutil.Process().num_fds(), len(psutil.Process().children())) == before, 5)

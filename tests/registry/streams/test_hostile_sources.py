"""Cameras that attack: redirects, noise, giant pictures, wrong certificates."""

import datetime
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from registry.streams.loss import Reason, SourceLost
from registry.streams.mjpeg_feed import MjpegFeed
from registry.streams.sources import Credentials, SourcePolicy, parse_source
from registry.streams.states import CameraState
from registry.testing.h264 import encode_h264
from registry.testing.loopback import LoopbackServer
from registry.testing.mjpeg_camera import MjpegCamera, MjpegSettings
from registry.testing.rtsp_server import CameraSettings, Mischief, RtspCamera
from registry.testing.watched import Watched

Watch = Callable[..., Watched]


def test_a_redirect_is_not_followed(
    watching: Watch, policy: SourcePolicy, clip_h264: bytes, jpegs: list[bytes]
) -> None:
    with RtspCamera(clip_h264) as honest:
        with RtspCamera(clip_h264, CameraSettings(mischief=Mischief.REDIRECT)) as camera:
            seen = watching(parse_source(camera.url, policy))
            seen.wait_for(lambda: bool(seen.changes))
            assert (seen.changes[0].state, seen.changes[0].reason) == (CameraState.FAILED, Reason.REDIRECTED)
        with MjpegCamera(jpegs, MjpegSettings(redirect_to=f"http://127.0.0.1:{honest.port}/")) as camera:
            seen = watching(parse_source(camera.url, policy))
            seen.wait_for(lambda: bool(seen.changes))
            assert (seen.changes[0].state, seen.changes[0].reason) == (CameraState.FAILED, Reason.REDIRECTED)
        assert honest.requests == []


class Trickle(LoopbackServer):
    """Answers with a byte now and then, and never comes to the end of its headers; hangs up after a while."""

    def serve(self, caller: socket.socket) -> None:
        caller.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        for _ in range(60):
            caller.sendall(b"a")
            self.ending.wait(0.1)


def test_a_head_that_trickles_is_given_up_in_time(policy: SourcePolicy) -> None:
    with Trickle() as camera:
        feed = MjpegFeed(parse_source(f"http://127.0.0.1:{camera.port}/", policy), policy.networks, answer_s=1.0)
        began = time.monotonic()
        with pytest.raises(SourceLost) as lost:
            feed.open()
        feed.close()
    assert lost.value.reason is Reason.SILENT
    assert time.monotonic() - began < 3


def test_a_wrong_password_is_told_once(watching: Watch, policy: SourcePolicy, jpegs: list[bytes]) -> None:
    with MjpegCamera(jpegs, MjpegSettings("bob", "right")) as camera:
        seen = watching(parse_source(camera.url, policy, Credentials("bob", "wrong")))
        seen.wait_for(lambda: bool(seen.changes))
        status = seen.changes[0]
        assert (status.state, status.reason) == (CameraState.FAILED, Reason.UNAUTHORISED)
        assert "password" in status.detail
        assert "wrong" not in status.detail.replace("are wrong", "")


def test_a_description_followed_by_noise(watching: Watch, policy: SourcePolicy, clip_h264: bytes) -> None:
    with RtspCamera(clip_h264, CameraSettings(mischief=Mischief.GARBAGE)) as camera:
        seen = watching(parse_source(camera.url, policy))
        seen.wait_for(lambda: "waiting" in seen.states, 25)
        assert seen.frames == []
        camera.settings.mischief = Mischief.NONE
        seen.wait_live()


def test_a_picture_sixteen_thousand_pixels_wide_takes_no_memory(
    watching: Watch, policy: SourcePolicy, tmp_path: Path, clip_h264: bytes
) -> None:
    source = ["-f", "lavfi", "-i", "color=black:s=16384x2304:r=1"]
    wide = encode_h264(source, tmp_path / "wide.h264", fps=1, seconds=2.0).read_bytes()
    with RtspCamera(wide, CameraSettings(fps=5)) as camera, RtspCamera(clip_h264) as other:
        neighbour = watching(parse_source(other.url, policy))
        seen = watching(parse_source(camera.url, policy))
        most = 0
        deadline = time.monotonic() + 20
        while "waiting" not in seen.states and time.monotonic() < deadline:
            for child in psutil.Process().children():
                try:
                    most = max(most, child.memory_info().rss)
                except psutil.NoSuchProcess:
                    continue
            time.sleep(0.02)
        assert seen.states[-1] == "waiting"
        assert seen.frames == []
        assert most < 400 << 20
        neighbour.wait_live()
        assert neighbour.states == ["live"]


def test_a_wide_picture_of_few_lines_is_refused_too(watching: Watch, policy: SourcePolicy, tmp_path: Path) -> None:
    source = ["-f", "lavfi", "-i", "color=black:s=16384x256:r=1"]
    wide = encode_h264(source, tmp_path / "wide.h264", fps=1, seconds=2.0).read_bytes()
    with RtspCamera(wide, CameraSettings(fps=5)) as camera:
        seen = watching(parse_source(camera.url, policy))
        seen.wait_for(lambda: "waiting" in seen.states or seen.frames)
        assert seen.frames == []
        assert seen.changes[0].reason is Reason.GARBAGE
        assert "16384x256" in seen.changes[0].detail


def test_pictures_that_change_to_noise_cost_no_other_state(
    watching: Watch, policy: SourcePolicy, jpegs: list[bytes]
) -> None:
    broken = [jpegs[0][: len(jpegs[0]) // 2], b"\xff\xd8\xff" + os.urandom(3_000), *jpegs]
    with MjpegCamera(broken) as camera:
        seen = watching(parse_source(camera.url, policy))
        seen.wait_for(lambda: len(seen.frames) >= 8)
        assert "failed" not in seen.states


def test_parts_that_are_no_picture_end_no_connection(watching: Watch, policy: SourcePolicy, jpegs: list[bytes]) -> None:
    with MjpegCamera([*jpegs[:8], os.urandom(3_000), b""]) as camera:
        seen = watching(parse_source(camera.url, policy))
        seen.wait_for(lambda: len(seen.frames) >= 20)
        assert seen.states == ["live"]


@pytest.mark.parametrize(("verify", "state"), [(False, "live"), (True, "waiting")])
def test_a_certificate_the_camera_signed_itself(
    watching: Watch, policy: SourcePolicy, clip_h264: bytes, tmp_path: Path, verify: bool, state: str
) -> None:
    with RtspCamera(clip_h264, CameraSettings("bob", "x"), tls=_own_certificate(tmp_path)) as camera:
        seen = watching(parse_source(camera.url, policy, Credentials("bob", "x"), verify_tls=verify))
        seen.wait_for(lambda: state in seen.states)
        if verify:
            assert "certificate" in seen.changes[0].detail


def test_a_killed_worker_leaves_no_decoder(policy: SourcePolicy, clip_h264: bytes) -> None:
    script = (
        "import sys, time\n"
        "from registry.streams import *\n"
        "policy = SourcePolicy(AllowedNetworks(loopback=True))\n"
        "pipeline = Pipeline(policy)\n"
        "pipeline.add(Camera('c', parse_source(sys.argv[1], policy)))\n"
        "while pipeline.account('c').captured < 3: time.sleep(0.05)\n"
        "print(pipeline.status('c').decoder_pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    with RtspCamera(clip_h264) as camera:
        worker = subprocess.Popen([sys.executable, "-c", script, camera.url], stdout=subprocess.PIPE, text=True)
        assert worker.stdout is not None
        decoder = next(int(line) for line in worker.stdout if line.strip().isdecimal())
        assert psutil.pid_exists(decoder)
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        deadline = time.monotonic() + 10
        while _runs(decoder) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not _runs(decoder)


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _own_certificate(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "camera")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "camera.pem").write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "camera.pem")
    return context

"""A server that is not ours: GStreamer's, with Digest and three codecs."""

import subprocess
from collections.abc import Callable, Iterator

import pytest

from registry.settings import PROJECT_ROOT
from registry.streams.loss import Reason
from registry.streams.sources import Credentials, SourcePolicy, parse_source
from registry.testing.requirements import miss
from registry.testing.watched import Watched

PYTHON = "/usr/bin/python3"
SCRIPT = PROJECT_ROOT / "tests" / "faults" / "gstreamer_server.py"
NEEDS = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"
BOB = Credentials("bob", "right")


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    if subprocess.run([PYTHON, "-c", NEEDS], capture_output=True).returncode:
        miss("GStreamer's RTSP server", "apt install gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-{good,bad,ugly}")
    with subprocess.Popen(
        [PYTHON, str(SCRIPT), BOB.username, BOB.password], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        assert server.stdout is not None
        yield int(server.stdout.readline())
        server.kill()


@pytest.mark.parametrize("stream", ["h264", "h265", "jpeg"])
def test_every_codec_plays(watching: Callable[..., Watched], policy: SourcePolicy, port: int, stream: str) -> None:
    seen = watching(parse_source(f"rtsp://127.0.0.1:{port}/{stream}", policy, BOB))
    seen.wait_for(lambda: len({frame.data for frame in seen.frames}) >= 4)
    assert seen.frames[-1].source_wh == (320, 240)
    assert seen.frames[-1].size_wh == (480, 360)
    assert seen.states == ["live"]


@pytest.mark.parametrize(
    ("stream", "given", "state", "reason"),
    [
        ("h264", None, "failed", Reason.UNAUTHORISED),
        ("h264", Credentials("bob", "wrong"), "failed", Reason.UNAUTHORISED),
        ("none", BOB, "waiting", Reason.NOT_FOUND),
    ],
)
def test_what_keeps_us_out_is_said(
    watching: Callable[..., Watched],
    policy: SourcePolicy,
    port: int,
    stream: str,
    given: Credentials | None,
    state: str,
    reason: Reason,
) -> None:
    seen = watching(parse_source(f"rtsp://127.0.0.1:{port}/{stream}", policy, given))
    seen.wait_for(lambda: bool(seen.changes))
    assert (seen.changes[0].state, seen.changes[0].reason) == (state, reason)

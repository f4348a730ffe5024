"""How a camera is decoded: without the codec's smoothing, on a graphics processor, or in software instead."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest
from imageio_ffmpeg import get_ffmpeg_exe
from structlog.testing import capture_logs

from registry.errors import InvalidSetting
from registry.settings import load_settings
from registry.streams.acceleration import Acceleration, usable, why_not
from registry.streams.decoder import DecodeOptions
from registry.streams.sources import SourcePolicy, parse_source
from registry.streams.watch import WatchOptions
from registry.testing.watched import Watched

PICTURES = 12


@pytest.fixture
def film(policy: SourcePolicy) -> Path:
    """Six seconds of a moving test picture with a little noise, in a folder that films may lie in."""
    path = policy.folders[0] / "film.mp4"
    source = ["-f", "lavfi", "-i", "testsrc2=s=640x360:r=25:d=6,noise=alls=12:allf=t", "-pix_fmt", "yuv420p"]
    subprocess.run([get_ffmpeg_exe(), "-v", "error", *source, "-c:v", "libx264", str(path)], check=True, timeout=120)
    return path


def _pictures(watching: Callable[..., Watched], policy: SourcePolicy, film: Path, decode: DecodeOptions) -> np.ndarray:
    seen = watching(parse_source(f"file://{film}", policy), WatchOptions(decode))
    seen.wait_for(lambda: len(seen.frames) >= PICTURES)
    assert seen.frames[0].size_wh == (640, 360)
    return np.stack([frame.to_bgr() for frame in seen.frames[:PICTURES]]).astype(int)


def test_fast_decoding_changes_pictures_a_little_and_nothing_else(
    watching: Callable[..., Watched], policy: SourcePolicy, film: Path
) -> None:
    exact = _pictures(watching, policy, film, DecodeOptions())
    fast = _pictures(watching, policy, film, DecodeOptions(skip_loop_filter=True))
    apart = np.abs(exact - fast).mean()
    assert 0 < apart < 3


def test_decoders_let_those_go_first_who_look_at_their_pictures(
    watching: Callable[..., Watched], policy: SourcePolicy, film: Path
) -> None:
    seen = watching(parse_source(f"file://{film}", policy), WatchOptions())
    seen.wait_for(lambda: len(seen.frames) > 0)
    children = [child for child in psutil.Process().children(recursive=True) if "ffmpeg" in child.name()]
    own = os.getpriority(os.PRIO_PROCESS, 0)
    threads = [thread.id for child in children for thread in child.threads()]
    assert len(threads) > 1
    assert all(os.getpriority(os.PRIO_PROCESS, thread) > own for thread in threads)


@pytest.mark.parametrize("way", [each for each in Acceleration if each is not Acceleration.SOFTWARE])
def test_what_works_here_decodes_and_what_does_not_says_why_and_is_not_used(
    watching: Callable[..., Watched], policy: SourcePolicy, film: Path, way: Acceleration
) -> None:
    with capture_logs() as told:
        chosen = usable(way)
    problem = why_not(way)
    assert chosen is (Acceleration.SOFTWARE if problem else way)
    assert [each["needs"] for each in told] == ([way.hardware] if problem else [])
    apart = np.abs(
        _pictures(watching, policy, film, DecodeOptions())
        - _pictures(watching, policy, film, DecodeOptions(acceleration=chosen))
    ).mean()
    assert apart < 3


def test_software_needs_no_trial_and_what_nobody_knows_is_refused() -> None:
    assert why_not(Acceleration.SOFTWARE) == ""
    assert usable("software") is Acceleration.SOFTWARE
    with pytest.raises(InvalidSetting, match="camera_decoder"):
        load_settings(camera_decoder="quantum")

"""Cameras, clips and watched sources for the tests of streams."""

from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from registry.streams.accounting import Ledger, Outcome
from registry.streams.addresses import AllowedNetworks
from registry.streams.frames import Frame
from registry.streams.sources import CameraSource, SourcePolicy
from registry.streams.watch import CameraStatus, CameraWatch, WatchOptions
from registry.testing.h264 import encode_h264
from registry.testing.watched import Watched


@pytest.fixture
def policy(tmp_path: Path) -> SourcePolicy:
    folder = tmp_path / "films"
    folder.mkdir()
    return SourcePolicy(AllowedNetworks(loopback=True), (folder,))


@pytest.fixture
def watching(policy: SourcePolicy) -> Iterator[Callable[..., Watched]]:
    """Watch a source until the end of the test."""
    begun: list[CameraWatch] = []

    def watch(source: CameraSource, options: WatchOptions | None = None) -> Watched:
        ledger = Ledger()
        frames: list[Frame] = []
        changes: list[CameraStatus] = []

        def take(frame: Frame) -> None:
            frames.append(frame)
            ledger.settle(frame.frame_id, Outcome.GATED)

        made = CameraWatch("cam", source, policy, take, ledger, options, changes.append)
        begun.append(made)
        made.start()
        return Watched(made, frames, changes)

    yield watch
    for each in begun:
        each.stop()


@pytest.fixture(scope="session")
def clip_h264(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Four seconds of a moving test picture, 640x360 at 25 a second."""
    source = ["-f", "lavfi", "-i", "testsrc2=s=640x360:r=25"]
    return encode_h264(source, tmp_path_factory.mktemp("h264") / "clip.h264").read_bytes()


@pytest.fixture(scope="session")
def jpegs() -> list[bytes]:
    """Ten pictures, each of another gray, 320x240."""
    grays = [np.full((240, 320, 3), 20 * number + 10, np.uint8) for number in range(10)]
    return [cv2.imencode(".jpg", gray)[1].tobytes() for gray in grays]

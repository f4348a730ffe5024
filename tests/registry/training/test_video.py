"""The synthetic clip."""

from pathlib import Path

import numpy as np
import pytest

from registry.testing.video import Clip, ClipTruth, write_digit_clip
from registry.training.digits import DigitSplit

SHORT = Clip(seed=3, seconds=1.0)


@pytest.fixture(scope="module")
def clip(split: DigitSplit, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ClipTruth]:
    path = tmp_path_factory.mktemp("clip") / "digits.mp4"
    return path, write_digit_clip(path, split.held_out, SHORT)


def frames_of(path: Path) -> np.ndarray:
    from imageio_ffmpeg import read_frames

    stream = read_frames(str(path))
    width, height = next(stream)["size"]
    return np.array([np.frombuffer(frame, np.uint8).reshape(height, width, 3) for frame in stream])


def test_the_clip_is_h264_of_the_asked_size_rate_and_length(clip: tuple[Path, ClipTruth]) -> None:
    from imageio_ffmpeg import read_frames

    about = next(read_frames(str(clip[0])))
    assert (about["codec"], about["size"], about["fps"]) == ("h264", SHORT.size_wh, SHORT.fps)
    assert len(frames_of(clip[0])) == SHORT.frames


def test_every_digit_moves_inside_the_frame_and_in_its_own_lane(clip: tuple[Path, ClipTruth]) -> None:
    boxes = clip[1].boxes_xyxy
    width, height = SHORT.size_wh
    assert boxes.shape == (SHORT.frames, len(clip[1].labels), 4)
    assert (boxes >= 0).all()
    assert (boxes <= [width, height, width, height]).all()
    assert (np.abs(np.diff(boxes[:, :, 0], axis=0)) > 0).all()
    tops, bottoms = boxes[0, :, 1], boxes[0, :, 3]
    assert (bottoms[:-1] <= tops[1:]).all()


def test_pixels_change_where_digits_are_and_nowhere_else(clip: tuple[Path, ClipTruth]) -> None:
    first, last = frames_of(clip[0])[[0, -1]].astype(int)
    changed = np.abs(first - last).max(axis=2)
    covered = np.zeros(changed.shape, bool)
    for x1, y1, x2, y2 in clip[1].boxes_xyxy[[0, -1]].reshape(-1, 4).astype(int):
        covered[y1:y2, x1:x2] = True
    assert changed[covered].mean() > 5 * changed[~covered].mean()


def test_the_same_seed_writes_the_same_file(clip: tuple[Path, ClipTruth], split: DigitSplit, tmp_path: Path) -> None:
    truth = write_digit_clip(tmp_path / "again.mp4", split.held_out, SHORT)
    assert (tmp_path / "again.mp4").read_bytes() == clip[0].read_bytes()
    np.testing.assert_array_equal(truth.boxes_xyxy, clip[1].boxes_xyxy)

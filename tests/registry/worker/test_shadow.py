"""A challenger in the shadow of the champion."""

import time
from datetime import UTC, datetime

import numpy as np
import pytest
import supervision as sv

from registry.records import CameraEvent, EventKind
from registry.streams import Detector, Frame, FrameResult, Snapshot
from registry.worker.board import Board
from registry.worker.comparing import disagreements
from registry.worker.shadow import Shadow

LEFT, RIGHT, NEAR_LEFT = (10.0, 10.0, 50.0, 50.0), (100.0, 10.0, 140.0, 50.0), (12.0, 11.0, 52.0, 51.0)


def found(*objects: tuple[tuple[float, float, float, float], str, float]) -> sv.Detections:
    if not objects:
        return sv.Detections.empty()
    boxes, names, scores = zip(*objects, strict=True)
    return sv.Detections(
        xyxy=np.array(boxes, np.float32),
        confidence=np.array(scores, np.float32),
        class_id=np.zeros(len(objects), int),
        data={"class_name": np.array(names)},
    )


@pytest.mark.parametrize(
    ("ours", "theirs", "says"),
    [
        (found((LEFT, "cat", 0.9)), found((NEAR_LEFT, "cat", 0.8)), []),
        (found((LEFT, "cat", 0.9)), found((NEAR_LEFT, "dog", 0.8)), ["dog instead of cat"]),  # told once
        (found((LEFT, "cat", 0.9)), found(), ["nothing instead of cat"]),
        (found(), found((RIGHT, "dog", 0.7)), ["dog instead of nothing"]),
        (found((LEFT, "cat", 0.9)), found((LEFT, "cat", 0.3)), []),  # seen, if faintly
        (found((LEFT, "cat", 0.4)), found(), []),  # nobody is sure
        (
            found((LEFT, "cat", 0.6)),
            found((RIGHT, "dog", 0.9)),
            ["dog instead of nothing", "nothing instead of cat"],  # the surest first
        ),
    ],
    ids=["same", "class", "missed", "new", "faint", "unsure", "both"],
)
def test_where_two_models_disagree(ours: sv.Detections, theirs: sv.Detections, says: list[str]) -> None:
    assert [each.says for each in disagreements(ours, theirs)] == says


def result(detections: sv.Detections, *, whole: bool = True) -> FrameResult:
    frame = Frame("a", 1, time.monotonic(), datetime.now(UTC), (160, 90), (160, 90), bytes(160 * 90 * 3 // 2))
    region = (0, 0, 160, 90) if whole else (0, 0, 80, 80)
    return FrameResult(frame, "people/3", (region,), detections, (), {})


class Kept(list[CameraEvent]):
    def __call__(self, event: CameraEvent, shown: Snapshot) -> None:
        assert shown.jpeg[:2] == b"\xff\xd8"
        self.append(event)


def shadow(kept: Kept, busy: float = 0.0, key: str = "people/4") -> Shadow:
    detector = Detector(key, lambda images: [found((RIGHT, "dog", 0.9)) for _ in images])
    return Shadow(lambda _id: detector, lambda _id: "Door", kept, lambda: busy)


def test_a_disagreement_is_kept_as_a_candidate_for_a_label_and_not_again_at_once() -> None:
    kept = Kept()
    looking = shadow(kept)
    looking(result(found((LEFT, "cat", 0.8))))
    looking.tallies["a"].next_at = looking._free_at = 0.0  # time passes
    looking(result(found((LEFT, "cat", 0.8))))
    (event,) = kept
    assert (event.kind, event.label, event.model) == (EventKind.DISAGREEMENT, "dog", "people/3")
    assert event.detail == "people/4 saw dog instead of nothing, and 1 more"
    tally = looking.tallies["a"]
    assert (tally.looked, tally.disagreed, tally.kept) == (2, 2, 1)


@pytest.mark.parametrize(
    ("looking", "notice"),
    [
        (shadow(Kept(), busy=61.0), result(found())),
        (shadow(Kept(), key="people/3"), result(found())),
        (shadow(Kept()), result(found(), whole=False)),
    ],
    ids=["the processors are busy", "it is the champion itself", "a part of the frame"],
)
def test_the_shadow_does_not_look(looking: Shadow, notice: FrameResult) -> None:
    looking(notice)
    assert looking.tallies.get("a") is None or looking.tallies["a"].looked == 0


def test_nothing_is_kept_of_a_camera_that_runs_here_no_longer() -> None:
    board, looking, shown = Board(), shadow(Kept()), result(found((LEFT, "cat", 0.8)))
    for sink in (board, looking):
        sink(shown)
        sink.keep_only({"a"})
    assert board.result("a") is shown
    assert set(looking.tallies) == {"a"}
    for sink in (board, looking):
        sink.keep_only({"b"})
    assert (board.result("a"), looking.tallies) == (None, {})

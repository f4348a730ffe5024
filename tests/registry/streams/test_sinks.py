"""Handing on without waiting."""

import threading
import time
from dataclasses import replace
from datetime import UTC, datetime

import supervision as sv

from registry.streams.events import Event
from registry.streams.frames import Frame
from registry.streams.lane import FrameResult
from registry.streams.sinks import Notice, SinkPump

NOW = datetime(2026, 1, 5, tzinfo=UTC)


def result(camera: str, frame_id: int) -> FrameResult:
    frame = Frame(camera, frame_id, 0.0, NOW, (2, 2), (2, 2), b"\0" * 6)
    return FrameResult(frame, "m", (), sv.Detections.empty(), (), {})


def event(number: int) -> Event:
    return Event("c", "r", number, "a", NOW)


def test_of_frame_results_the_newest_of_each_camera_waits_and_every_event() -> None:
    gate, got = threading.Event(), []

    def sink(notice: Notice) -> None:
        gate.wait(10)
        got.append(notice)

    pump = SinkPump(sink)
    pump.put(event(0))  # the sink is busy with this one
    time.sleep(0.1)
    for number in range(1, 6):
        pump.put(result("a", number))
        pump.put(result("b", number))
        pump.put(event(number))
    gate.set()
    pump.close()
    assert [notice.track_id for notice in got if isinstance(notice, Event)] == list(range(6))
    assert sorted((n.frame.camera_id, n.frame.frame_id) for n in got if isinstance(n, FrameResult)) == [
        ("a", 5),
        ("b", 5),
    ]
    assert (pump.skipped, pump.lost, pump.failed) == (8, 0, 0)


def test_a_full_line_loses_the_oldest_and_counts_it() -> None:
    gate, got = threading.Event(), []

    def sink(notice: Notice) -> None:
        gate.wait(10)
        got.append(notice)

    pump = SinkPump(sink, most=3)
    pump.put(event(0))
    time.sleep(0.1)
    for number in range(1, 11):
        pump.put(event(number))
    gate.set()
    pump.close()
    assert [notice.track_id for notice in got if isinstance(notice, Event)] == [0, 8, 9, 10]
    assert pump.lost == 7


def test_a_sink_that_never_returns_does_not_keep_us_from_ending() -> None:
    release = threading.Event()
    pump = SinkPump(lambda notice: release.wait(60) and None)
    pump.put(event(1))
    began = time.monotonic()
    pump.close(timeout_s=0.2)
    release.set()
    assert time.monotonic() - began < 5


def test_an_event_that_ended_is_the_same_event() -> None:
    begun = event(1)
    ended = begun.ended(NOW)
    assert ended.event_id == begun.event_id
    assert replace(ended, phase=begun.phase, ended_at=None) == begun

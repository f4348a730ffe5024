"""The state machine of a camera, without a clock."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.streams.loss import Reason
from registry.streams.states import Budgets, CameraMachine, CameraState

B = Budgets()


def machine() -> CameraMachine:
    made = CameraMachine(chance=lambda: 0.5)
    made.start(0.0)
    return made


def test_the_back_off_doubles_to_its_most_and_the_first_frame_resets_it() -> None:
    camera, now, waits = machine(), 0.0, []
    for _ in range(9):
        camera.lost(now, Reason.UNREACHABLE)
        waits.append(camera.retry_at - now)
        now = camera.retry_at
        camera.tick(now)
        assert camera.state is CameraState.CONNECTING
    assert waits == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    camera.frame(now)
    waits.clear()
    for _ in range(5):
        camera.lost(now, Reason.NOT_FOUND)
        waits.append(camera.retry_at - now)
        now = camera.retry_at
        camera.tick(now)
    assert waits == [0.5, 1, 2, 2, 2], "it was live: as soon as its stream is back it is to be live again"
    camera.frame(now)
    camera.lost(now, Reason.CLOSED)
    assert camera.retry_at - now == 0.5


@given(st.floats(0, 1, exclude_max=True), st.integers(0, 50))
def test_the_jitter_is_a_fifth_at_most(chance: float, failures: int) -> None:
    camera = CameraMachine(chance=lambda: chance, failures=failures, state=CameraState.CONNECTING)
    camera.lost(0.0, Reason.CLOSED)
    plain = min(0.5 * 2.0**failures, 30.0)
    assert 0.8 * plain <= camera.retry_at <= 1.2 * plain


def test_a_stall_is_seen_within_two_seconds_and_ends_by_a_frame_or_by_giving_up() -> None:
    camera = machine()
    for at in (0.4, 0.6, 0.8, 1.0):
        camera.frame(at)
    assert not camera.tick(2.1)
    assert camera.state is CameraState.LIVE
    camera.tick(2.3)
    assert camera.state is CameraState.STALLED
    camera.frame(2.6)
    assert camera.state is CameraState.LIVE
    camera.tick(4.2)
    assert camera.tick(5.8) is Reason.SILENT


def test_a_camera_that_is_slow_by_itself_is_not_stalled() -> None:
    camera = machine()
    for step in range(20):
        camera.frame(step * 2.0)
        assert not camera.tick(step * 2.0 + 1.9)
    assert camera.state is CameraState.LIVE, "its pace is known by now"
    camera.tick(38.0 + 6.1)
    assert camera.state is CameraState.STALLED


def test_a_camera_that_is_wanted_slowly_is_slow_from_the_start() -> None:
    camera = CameraMachine(gap_s=5.0)
    camera.start(0.0)
    camera.frame(0.0)
    camera.tick(14.9)
    assert camera.state is CameraState.LIVE
    camera.tick(15.0)
    assert camera.state is CameraState.STALLED


def test_one_long_gap_at_the_start_is_not_taken_for_the_pace() -> None:
    camera = machine()
    for at in (0.0, 1.1, 1.3, 1.5, 1.7, 1.9):
        camera.frame(at)
    camera.tick(3.2)
    assert camera.state is CameraState.STALLED


def test_no_first_frame_is_given_up() -> None:
    camera = machine()
    assert not camera.tick(9.9)
    assert camera.tick(10.0) is Reason.SILENT


def test_a_wrong_password_needs_a_person() -> None:
    camera = machine()
    camera.lost(1.0, Reason.UNAUTHORISED)
    assert camera.state is CameraState.FAILED
    camera.tick(1e6)
    assert camera.state is CameraState.FAILED
    camera.start(1e6)
    assert camera.state is CameraState.CONNECTING


def test_a_password_that_was_right_is_tried_again_three_times_slowly() -> None:
    camera = machine()
    camera.frame(1.0)
    now = 1.0
    for _ in range(B.proven_retries):
        camera.lost(now, Reason.UNAUTHORISED)
        assert camera.state is CameraState.WAITING
        assert camera.retry_at - now >= 24
        camera.awake(now)
        assert camera.retry_at - now >= 24, "a lock-out is not shortened by an open port"
        now = camera.retry_at
        camera.tick(now)
    camera.lost(now, Reason.UNAUTHORISED)
    assert camera.state is CameraState.FAILED


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason.needs_a_person])
def test_what_a_retry_cannot_help_fails_at_once(reason: Reason) -> None:
    camera = machine()
    camera.frame(1.0)
    camera.lost(2.0, reason)
    assert camera.state is CameraState.FAILED


def test_a_source_that_misbehaves_is_not_forgiven_by_its_first_frame() -> None:
    camera, now = machine(), 0.0
    for wait in (0.5, 1.0, 2.0):
        camera.frame(now)
        camera.lost(now + 3, Reason.RUNAWAY)
        assert camera.retry_at - now - 3 == wait
        now = camera.retry_at
        camera.tick(now)
    for _ in range(3):
        now += B.settle_s / 2
        camera.frame(now)
    assert camera.failures == 0


def test_a_source_that_is_back_is_not_waited_for() -> None:
    camera = machine()
    camera.lost(0.0, Reason.UNREACHABLE)
    camera.awake(0.1)
    camera.tick(0.1)
    assert camera.state is CameraState.CONNECTING


def test_another_shape_connects_at_once() -> None:
    camera = machine()
    camera.frame(1.0)
    camera.lost(2.0, Reason.RESHAPED)
    assert camera.state is CameraState.CONNECTING


@given(
    st.lists(st.tuples(st.sampled_from(["frame", "lost", "tick", "stop", "start", "awake"]), st.sampled_from(Reason)))
)
def test_whatever_happens_it_is_stopped_only_by_stop_and_live_only_by_a_frame(
    steps: list[tuple[str, Reason]],
) -> None:
    camera, now = CameraMachine(), 0.0
    for what, reason in steps:
        before = camera.state
        now += 0.7
        if what == "lost":
            camera.lost(now, reason or Reason.CLOSED)
        else:
            getattr(camera, what)(now)
        if camera.state is CameraState.STOPPED and before is not CameraState.STOPPED:
            assert what == "stop"
        if camera.state is CameraState.LIVE and before is not CameraState.LIVE:
            assert what == "frame"
        if before is CameraState.FAILED and camera.state is not CameraState.FAILED:
            assert what in {"start", "stop"}
        assert camera.retry_at <= now + 36

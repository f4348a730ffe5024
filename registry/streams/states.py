"""The states of a camera, as a machine without a clock: every call is given the time."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from random import random

from registry.streams.loss import Reason


class CameraState(StrEnum):
    """What a camera is doing."""

    STOPPED = "stopped"
    CONNECTING = "connecting"
    LIVE = "live"
    STALLED = "stalled"
    WAITING = "waiting"  # for its next try
    FAILED = "failed"  # needs a person


@dataclass(frozen=True, slots=True)
class Budgets:
    """How long each thing may take, in seconds."""

    stall_after_s: float = 1.2  # without a frame: stalled
    give_up_after_s: float = 1.5  # stalled for so long: connect anew
    slow_gaps: float = 3.0  # times the usual gap between frames, where that is longer than the two above
    first_frame_s: float = 10.0  # connected for so long without a frame: connect anew
    back_off_s: float = 0.5
    back_off_most_s: float = 30.0
    back_off_proven_s: float = 2.0  # at most, for a camera that was live before: it is to be live again within seconds
    jitter: float = 0.2
    proven_retries: int = 3  # tries after "wrong password" for a camera whose password was right before
    away_after_s: float = 5.0  # not live, and without a frame for so long: what was there is taken to be gone
    settle_s: float = 10.0  # misbehaviour sooner than this after the first frame does not shorten the back-off


@dataclass(slots=True)
class CameraMachine:
    """State, reason and next try of one camera. Times are seconds of one monotonic clock."""

    budgets: Budgets = field(default_factory=Budgets)
    chance: Callable[[], float] = random  # uniform in [0, 1)
    state: CameraState = CameraState.STOPPED
    reason: Reason = Reason.NONE
    since: float = 0.0
    retry_at: float = 0.0
    failures: int = 0  # in a row
    proven: bool = False  # has shown a frame with the settings it has
    last_frame_at: float = 0.0
    first_frame_at: float = 0.0
    gap_s: float = 0.2  # usual time between two frames; begin with the wanted one
    refusals: int = 0
    misbehaved: bool = False

    def start(self, now: float) -> None:
        """Begin to connect; also out of `failed`."""
        self.failures = self.refusals = 0
        self.proven = self.misbehaved = False
        self._enter(CameraState.CONNECTING, now, Reason.NONE)

    def stop(self, now: float) -> None:
        """Nothing more is wanted."""
        self._enter(CameraState.STOPPED, now, Reason.NONE)

    def frame(self, now: float) -> None:
        """A frame came; the first of a connection resets the back-off."""
        if self.state is CameraState.CONNECTING:
            self.first_frame_at = now
            self.refusals = 0
            self.proven = True
        elif self.state in {CameraState.LIVE, CameraState.STALLED}:
            self._learn_gap(now - self.last_frame_at)
        if self.state in {CameraState.CONNECTING, CameraState.STALLED}:
            self._enter(CameraState.LIVE, now, Reason.NONE)
        if not self.misbehaved or now - self.first_frame_at >= self.budgets.settle_s:
            self.failures, self.misbehaved = 0, False
        self.last_frame_at = now

    def lost(self, now: float, reason: Reason) -> None:
        """The connection ended or could not be made: wait, or fail where only a person can help."""
        if self.state in {CameraState.STOPPED, CameraState.FAILED, CameraState.WAITING}:
            return
        if reason.needs_a_person or (reason is Reason.UNAUTHORISED and not self._may_ask_again()):
            self._enter(CameraState.FAILED, now, reason)
            return
        if reason is Reason.RESHAPED:
            self._enter(CameraState.CONNECTING, now, reason)
            return
        budgets = self.budgets
        most = budgets.back_off_proven_s if self.proven else budgets.back_off_most_s
        wait = min(budgets.back_off_s * 2.0 ** min(self.failures, 30), most)
        if reason is Reason.UNAUTHORISED:  # cameras lock out who asks too often
            wait = budgets.back_off_most_s
        self.failures += 1
        self.misbehaved = reason in {Reason.RUNAWAY, Reason.REPEATED}
        self.retry_at = now + wait * (1 + budgets.jitter * (2 * self.chance() - 1))
        self._enter(CameraState.WAITING, now, reason)

    def awake(self, now: float) -> None:
        """The source answers again: do not wait any longer."""
        if self.state is CameraState.WAITING and self.reason is not Reason.UNAUTHORISED:
            self.retry_at = now

    def tick(self, now: float) -> Reason:
        """Let time pass; answers why the connection has to be given up, or Reason.NONE.

        The caller ends the connection and reports it with `lost`.
        """
        slow = self.gap_s * self.budgets.slow_gaps
        if self.state is CameraState.LIVE and now - self.last_frame_at >= max(self.budgets.stall_after_s, slow):
            self._enter(CameraState.STALLED, now, Reason.SILENT)
        elif self.state is CameraState.WAITING and now >= self.retry_at:
            self._enter(CameraState.CONNECTING, now, self.reason)
        elif self.state in {CameraState.STALLED, CameraState.CONNECTING}:
            is_stalled = self.state is CameraState.STALLED
            patience = self.budgets.give_up_after_s if is_stalled else self.budgets.first_frame_s
            return Reason.SILENT if now - self.since >= max(patience, slow) else Reason.NONE
        return Reason.NONE

    def _learn_gap(self, gap_s: float) -> None:
        """Down quickly, up slowly: a stall is not the camera's pace."""
        self.gap_s += (gap_s - self.gap_s) * (0.5 if gap_s < self.gap_s else 0.1)

    def _may_ask_again(self) -> bool:
        self.refusals += 1
        return self.proven and self.refusals <= self.budgets.proven_retries

    def _enter(self, state: CameraState, now: float, reason: Reason) -> None:
        self.state, self.since, self.reason = state, now, reason

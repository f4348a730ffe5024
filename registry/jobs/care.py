"""Care for the jobs of a platform: hand them over when there is room, notice runs that died, tell how jobs ended.

One pass (`step`) looks at the rows, which are the truth, and at the engine that runs flows, which may be away. Each
pass may be the last: whatever is done twice, by two runners or after a crash, is done once.
"""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Literal, Protocol

import structlog
from sqlmodel import Session

from registry.access.live import Live
from registry.errors import Unavailable
from registry.jobs.kinds import KINDS
from registry.jobs.room import Room
from registry.jobs.running import pause_after
from registry.records import Aging, Database, Job, JobState, jobs, one_at_a_time, utc_now

SILENT_S = 12.0  # a run that did not beat for so long is dead
QUIET_S = 4.0  # then it is looked up whether it was cancelled where it ran
NOT_BEGUN = timedelta(seconds=25)  # then a run that was handed over counts as lost; each time a bit later
_BOOTS_MOST = timedelta(minutes=3)  # where its process is seen to live: a busy machine starts it slowly
TELLS_ITSELF = timedelta(seconds=20)  # how long a run may take to tell the engine how it ended
_MOST_TICKETS_WITHOUT_A_RUN = 20

Standing = Literal["waiting", "starting", "booting", "ended", "cancelled", "unknown"]
_log = structlog.get_logger(__name__)


class Runs(Protocol):
    """The engine that runs flows. Each call may raise Unavailable."""

    def start(self, job: Job) -> str:
        """Have the job's newest ticket run; the id of that run, the same however often it is asked for."""

    def standing(self, run_id: str) -> Standing:
        """How far a run is that has not taken its job; it is booting where its process is known to live."""

    def settle(self, run_id: str, state: JobState) -> None:
        """Tell how the run's job ended, unless the engine knows."""


class Silence:
    """Which heartbeats have not changed for SILENT_S by this process's own clock: no other clock counts."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[str, tuple[object, float]] = {}

    def of(self, running: list[Job]) -> list[Job]:
        """The jobs whose runs are dead."""
        now, before = self._clock(), self._seen
        self._seen = {}
        for job in running:
            beat = (job.ticket, job.heartbeat_at)
            known = before.get(job.id)
            self._seen[job.id] = known if known is not None and known[0] == beat else (beat, now)
        return [job for job in running if now - self._seen[job.id][1] > SILENT_S]

    def seconds(self, job: Job) -> float:
        """How long a job of the last `of` has not been heard of."""
        return self._clock() - self._seen[job.id][1]

    def forget(self) -> None:
        """Begin anew: nobody could be heard for a while."""
        self._seen = {}


class Care:
    """`runner_id` names this process among the runners; on `cores` the jobs run, None where that is elsewhere."""

    def __init__(
        self,
        database: Database,
        live: Live,
        runs: Runs,
        runner_id: str,
        silence: Silence | None = None,
        cores: int | None = None,
        aging: Aging | None = None,
    ) -> None:
        self._database, self._live, self._runs, self._id = database, live, runs, runner_id
        self._silence, self._cores, self._aging = silence or Silence(), cores, aging or Aging()

    def step(self) -> None:
        """One pass. Raises DatabaseUnavailable; when the engine is away, jobs wait and say so."""
        try:
            self._bury_the_dead()
        except Unavailable:
            self._silence.forget()
            raise
        problem = ""
        try:
            self._look_after_started()
            self._hand_over()
            self._start()
            self._settle()
        except Unavailable as error:
            problem = f"{error.message[:1].upper()}{error.message[1:]}. {error.hint}".strip()
        with self._database.write() as session:
            jobs.note_runner(session, self._id, problem)

    def _bury_the_dead(self) -> None:
        with self._database.read() as session:
            running = list(jobs.running(session))
        dead = {job.id for job in self._silence.of(running)}
        for job in running:
            cancelled_there = self._silence.seconds(job) > QUIET_S and self._cancelled_there(job)
            if job.id in dead or cancelled_there:
                _log.warning("run_lost", job=job.id, kind=job.kind, ticket=job.ticket, done=job.done)
                self._lost(job, cancelled_there=cancelled_there)

    def _lost(self, job: Job, *, cancelled_there: bool = False) -> None:
        """A run has died: cancelled if somebody wanted that, else tried again unless it would only die again."""
        kind = KINDS.get(job.kind)
        if not cancelled_there:
            self._tell_lost(job)
        with self._database.write() as session:
            if not jobs.is_still_silent(session, job):
                return  # it lives
            if cancelled_there or job.cancel_requested_at is not None:
                self._cancel(session, job)
            elif kind is not None and job.losses < kind.most_losses:
                pause = utc_now() + pause_after(job.losses) if job.losses else None  # once may be chance
                jobs.put_back(session, job.id, job.ticket, not_before=pause, losses=job.losses + 1)
            else:
                jobs.end(session, job.id, job.ticket, JobState.FAILED, error=_died(job))

    def _cancel(self, session: Session, job: Job) -> None:
        """End a job that was cancelled, or have it run once more to write down what is finished."""
        kind = KINDS.get(job.kind)
        if kind is None or not kind.most_losses or _was_last(job):
            jobs.end(session, job.id, job.ticket, JobState.CANCELLED)
        else:
            jobs.put_back_cancelled(session, job)

    def _cancelled_there(self, job: Job) -> bool:
        """Whether somebody cancelled the run where it ran."""
        try:
            return bool(job.flow_run_id) and self._runs.standing(job.flow_run_id) == "cancelled"
        except Unavailable:
            return False

    def _tell_lost(self, job: Job) -> None:
        """Settle where a run that died was running, unless nobody answers there."""
        try:
            self._runs.settle(job.flow_run_id, JobState.FAILED)
        except Unavailable as error:
            _log.info("run_not_settled", job=job.id, reason=error.message)

    def _look_after_started(self) -> None:
        """Hand over anew what the engine lost before it began."""
        with self._database.read() as session:
            handed = list(jobs.handed_over(session))
        for job in handed:
            standing = self._runs.standing(job.flow_run_id) if job.flow_run_id else "waiting"
            patience = {"starting": NOT_BEGUN, "booting": _BOOTS_MOST}.get(standing)
            if standing == "waiting" or (patience is not None and not _late(job, patience)):
                continue
            _log.warning("run_not_begun", job=job.id, ticket=job.ticket, standing=standing)
            with self._database.write() as session:
                if standing == "cancelled" and job.attempts and job.cancel_requested_at is None:
                    jobs.put_back_cancelled(session, job)
                elif standing == "cancelled":
                    jobs.end_unbegun(session, job, JobState.CANCELLED)
                elif job.ticket - job.attempts > _MOST_TICKETS_WITHOUT_A_RUN:
                    jobs.end_unbegun(session, job, JobState.FAILED, error=_died(job))
                else:
                    jobs.take_back(session, job)

    def _hand_over(self) -> None:
        """Give tickets to the jobs that have waited longest, as many as there is room for."""
        live, now = self._live.current(), utc_now()
        with self._database.write() as session:
            one_at_a_time(session.connection(), "hand over jobs")
            busy = (*jobs.running(session), *jobs.handed_over(session))
            room = Room(live, busy, self._cores, clock_counts=self._aging.counts())
            waiting = [job for kind in KINDS for job in jobs.waiting(session, kind, now)]
            for job in sorted(waiting, key=lambda each: (each.created_at, each.id)):
                if job.cancel_requested_at is not None and not job.attempts:
                    jobs.end(session, job.id, job.ticket, JobState.CANCELLED)
                elif job.cancel_requested_at is not None or room.admits(job):  # its last run is short
                    jobs.hand_over(session, job)

    def _start(self) -> None:
        with self._database.read() as session:
            unstarted = [job for job in jobs.handed_over(session) if not job.flow_run_id]
        for job in unstarted:
            run_id = self._runs.start(job)
            with self._database.write() as session:
                jobs.note_flow_run(session, job.id, job.ticket, run_id)

    def _settle(self) -> None:
        with self._database.read() as session:
            ended = list(jobs.unsettled(session))
        for job in ended:
            if _has_begun(job) and utc_now() - (job.finished_at or job.created_at) < TELLS_ITSELF:
                continue
            self._runs.settle(job.flow_run_id, JobState(job.state))
            with self._database.write() as session:
                jobs.note_settled(session, job.id)


def _was_last(job: Job) -> bool:
    """Whether a run began after its job was cancelled: it had nothing to do but to write down what was finished."""
    asked, began = job.cancel_requested_at, job.taken_at
    return asked is not None and began is not None and began > asked


def _late(job: Job, patience: timedelta) -> bool:
    waited = utc_now() - (job.handed_over_at or job.created_at)
    return waited > patience * max(job.ticket - job.attempts, 1)


def _has_begun(job: Job) -> bool:
    return job.taken_at is not None and job.handed_over_at is not None and job.taken_at >= job.handed_over_at


def _died(job: Job) -> dict[str, object]:
    return {
        "code": "job_died",
        "message": f"its process ended {job.losses + 1} times without coming further",
        "hint": "Often there was not enough memory: try fewer jobs at once, smaller images or a smaller model.",
        "details": {"attempts": job.attempts},
    }

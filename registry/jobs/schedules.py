"""Schedules: jobs that are started again and again, edited by people, started by whoever looks first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import structlog
from pydantic import BaseModel, ValidationError
from sqlmodel import Session

from registry.access import Action, Actor, Target, require
from registry.access.permissions import visible
from registry.access.trail import trace
from registry.errors import (
    Forbidden,
    InvalidInput,
    NameTaken,
    NotFound,
    QuotaExceeded,
    RegistryError,
    ScheduleNotFound,
    Unavailable,
)
from registry.jobs.cron import next_time, next_times, zone_of
from registry.jobs.owners import owner_of
from registry.jobs.parameter_words import wrong_parameter
from registry.records import Database, Job, Role, Schedule, new_id, one_at_a_time, schedules, utc_now

MOST_EACH = 50  # schedules of one owner
_log = structlog.get_logger(__name__)


class Startable(Protocol):
    """A kind of job that a schedule can start."""

    @property
    def parameters(self) -> type[BaseModel]:
        """What a schedule of it holds."""

    @property
    def actions(self) -> Sequence[Action]:
        """What whoever touches a schedule of it must be allowed to do."""

    def check(self, actor: Actor, given: Any) -> None:
        """Raise what `start` would, as far as it can be known before."""

    def start(self, actor: Actor, given: Any, key: str, last_at: datetime | None) -> Job:
        """Start one on behalf of the schedule's owner, or give back the one of the same key.

        `last_at` is when the schedule last started one.
        """


@dataclass(frozen=True, slots=True)
class Plan:
    """What somebody wants started, and when."""

    name: str
    kind: str
    parameters: Mapping[str, Any]
    cron: str
    time_zone: str = "UTC"
    active: bool = True


class Schedules:
    """The schedules of one platform; `starts` are the kinds of job that can be scheduled."""

    def __init__(self, database: Database, starts: Mapping[str, Startable]) -> None:
        self._database, self.starts = database, starts

    def page(self, actor: Actor, *, number: int = 1, size: int = 50) -> tuple[Sequence[Schedule], int]:
        """One page of the schedules the actor may see, by name, and how many there are."""
        require(actor, Action.READ_SCHEDULE)
        owner = None if actor.role == Role.ADMIN else actor.id
        with self._database.read() as session:
            return schedules.page(session, owner_id=owner, number=number, size=size)

    def get(self, actor: Actor, schedule_id: str) -> Schedule:
        """A schedule of the actor's own; administrators see all. Raises ScheduleNotFound."""
        require(actor, Action.READ_SCHEDULE)
        with self._database.read() as session:
            return _seen(actor, session.get(Schedule, schedule_id), schedule_id)

    def create(self, actor: Actor, plan: Plan) -> Schedule:
        """A new schedule of the actor's.

        Raises InvalidInput, Forbidden, QuotaExceeded, NameTaken, and what the kind's check does.
        """
        require(actor, Action.CHANGE_SCHEDULE)
        made = Schedule(owner_id=actor.id, owner_name=actor.name, **self._checked(actor, plan))
        with self._database.write() as session:
            _check_name(session, made)
            if schedules.count(session, actor.id) >= MOST_EACH:
                raise QuotaExceeded(f"you have {MOST_EACH} schedules already", hint="Delete one that is not needed.")
            session.add(made)
            session.flush()
            trace(session, actor, "schedule.create", f"schedule:{made.id}", _told(made))
        return made

    def update(self, actor: Actor, schedule_id: str, plan: Plan) -> Schedule:
        """Change a schedule; the owner stays. Owner and actor must both have the rights. Raises as `create`."""
        require(actor, Action.CHANGE_SCHEDULE)
        before = self.get(actor, schedule_id)
        self._require_kind(actor, before.kind)
        self._require_kind(actor, plan.kind)
        owner = (
            actor if before.owner_id == actor.id else owner_of(self._database, before.owner_id, "owns this schedule")
        )
        values = self._checked(owner, plan)
        with self._database.write() as session:
            found = _seen(actor, session.get(Schedule, schedule_id, with_for_update=True), schedule_id)
            renamed = found.name != values["name"]
            for key, value in values.items():
                setattr(found, key, value)
            if renamed:
                _check_name(session, found)
            found.revision, found.updated_at, found.problem = found.revision + 1, utc_now(), ""
            session.add(found)
            trace(session, actor, "schedule.change", f"schedule:{found.id}", _told(found))
        return found

    def delete(self, actor: Actor, schedule_id: str) -> None:
        """Remove a schedule; jobs that it started stay. Raises Forbidden, ScheduleNotFound."""
        require(actor, Action.CHANGE_SCHEDULE)
        with self._database.write() as session:
            found = _seen(actor, session.get(Schedule, schedule_id), schedule_id)
            self._require_kind(actor, found.kind)
            session.delete(found)
            trace(session, actor, "schedule.delete", f"schedule:{found.id}", _told(found))

    def run_now(self, actor: Actor, schedule_id: str) -> Job:
        """Start its job once, beside its times, on behalf of its owner. Raises as the kind's start does."""
        require(actor, Action.CHANGE_SCHEDULE)
        found = self.get(actor, schedule_id)
        self._require_kind(actor, found.kind)
        try:
            job = self._start(found, f"schedule:{found.id}:{new_id()}")
        except NotFound as error:  # it will not come to more at its next time, so who looks at it then should know
            self._note(found, problem=error.message)
            raise
        with self._database.write() as session:
            schedules.note(session, found, last_at=utc_now(), last_job_id=job.id, problem="")
            trace(session, actor, "schedule.run", f"schedule:{found.id}", {"job": job.id, **_told(found)})
        return job

    def start_due(self, now: datetime) -> list[Job]:
        """Start what is due, once however many times have passed; returns the jobs.

        A schedule whose owner may not any more is paused and says so. What is only away is tried again with the
        next call: raises the first Unavailable after everything else is done.
        """
        with self._database.read() as session:
            found = list(schedules.due(session, now))
        started, away = list[Job](), None
        for schedule in found:
            try:
                job = self._start_one(schedule, now)
            except Unavailable as error:
                away = away or error
                self._note(schedule, problem=error.message)
            except Exception as error:  # noqa: BLE001 - an edge: one odd schedule must not stop all the others
                _log.error("schedule_failed", schedule=schedule.id, exc_info=error)
                self._put_off(schedule, now, f"something went wrong here: {type(error).__name__}")
            else:
                started += [job] if job else []
        if away is not None:
            raise away
        return started

    def _start_one(self, schedule: Schedule, now: datetime) -> Job | None:
        try:
            following = next_time(schedule.cron, schedule.time_zone, now)
        except InvalidInput as error:
            self._pause(schedule, error)
            return None
        if schedule.next_at is None:  # nobody looked at it yet
            self._note(schedule, next_at=following)
            return None
        try:
            job = self._start(schedule, f"schedule:{schedule.id}:{schedule.next_at:%Y%m%dT%H%M}")
        except Unavailable:
            raise
        except Forbidden as error:
            self._pause(schedule, error)
        except RegistryError as error:
            _log.warning("schedule_not_started", schedule=schedule.id, reason=error.message)
            self._note(schedule, next_at=following, problem=error.message)
        else:
            self._note(schedule, next_at=following, last_at=now, last_job_id=job.id, problem="")
            return job
        return None

    def _start(self, schedule: Schedule, key: str) -> Job:
        """Raises Forbidden where the owner may not any more, and what the kind's start does."""
        owner = owner_of(self._database, schedule.owner_id, "owns this schedule")
        require(owner, Action.CHANGE_SCHEDULE)
        start = self._startable(schedule.kind)
        return start.start(owner, _parameters(start, schedule.parameters), key, schedule.last_at)

    def _put_off(self, schedule: Schedule, now: datetime, problem: str) -> None:
        """On to its next time; paused where that cannot be told."""
        try:
            self._note(schedule, next_at=next_time(schedule.cron, schedule.time_zone, now), problem=problem)
        except Unavailable as error:
            _log.warning("schedule_not_noted", schedule=schedule.id, reason=error.message)
        except InvalidInput as error:
            self._pause(schedule, error)

    def _require_kind(self, actor: Actor, kind: str) -> None:
        """Raise Forbidden where the actor could not start such a job: a schedule is no way round a key's scopes."""
        for action in self.starts[kind].actions if kind in self.starts else ():
            require(actor, action)

    def _pause(self, schedule: Schedule, error: RegistryError) -> None:
        _log.warning("schedule_paused", schedule=schedule.id, reason=error.message)
        self._note(schedule, active=False, next_at=None, problem=f"Paused: {error.message}")

    def _note(self, schedule: Schedule, **values: Any) -> None:
        if "problem" in values:
            values["problem"] = values["problem"][:400]
        with self._database.write() as session:
            schedules.note(session, schedule, **values)

    def _checked(self, actor: Actor, plan: Plan) -> dict[str, Any]:
        name = plan.name.strip()
        if not name or len(name) > 80 or not name.isprintable():
            raise InvalidInput("a schedule has a name of 1 to 80 characters", details={"field": "name"})
        zone_of(plan.time_zone)
        following = next_times(plan.cron, plan.time_zone, utc_now(), 1)[0]
        start = self._startable(plan.kind)
        given = _parameters(start, plan.parameters)
        start.check(actor, given)
        return {
            "name": name,
            "kind": plan.kind,
            "parameters": given.model_dump(mode="json", exclude_none=True),
            "cron": " ".join(plan.cron.split()),
            "time_zone": plan.time_zone,
            "active": plan.active,
            "next_at": following if plan.active else None,
        }

    def _startable(self, kind: str) -> Startable:
        if kind not in self.starts:
            raise InvalidInput(
                f"jobs of the kind {kind[:40]!r} are not started by schedules: {', '.join(self.starts)} are",
                details={"field": "kind"},
            )
        return self.starts[kind]


def _check_name(session: Session, named: Schedule) -> None:
    """Raise NameTaken where its owner has another one of the name: people call schedules by their names."""
    one_at_a_time(session.connection(), f"schedules {named.owner_id}")
    with session.no_autoflush:
        taken = schedules.is_named(session, named.owner_id, named.name, but=named.id)
    if taken:
        raise NameTaken(
            f"{named.owner_name} has a schedule {named.name!r} already",
            hint="Upper and lower case make no other name. Choose another one.",
            details={"field": "name"},
        )


def schedule_dict(schedule: Schedule) -> dict[str, Any]:
    """A schedule as the HTTP contract has it."""
    told = schedule.model_dump(exclude={"owner_id", "owner_name"})
    return told | {"owner": schedule.owner_name}


def _parameters(start: Startable, given: Mapping[str, Any]) -> BaseModel:
    try:
        return start.parameters.model_validate(dict(given))
    except ValidationError as error:
        first = wrong_parameter(error, start.parameters)
        field = f"parameters.{first.field}".rstrip(".")
        raise InvalidInput(first.message, details={"field": field}) from error


def _seen(actor: Actor, schedule: Schedule | None, schedule_id: str) -> Schedule:
    if schedule is None or not visible(actor, Target("schedule", schedule.owner_id, "private")):
        raise ScheduleNotFound(f"there is no schedule {schedule_id[:32]!r} of yours")
    return schedule


def _told(schedule: Schedule) -> dict[str, Any]:
    return {"name": schedule.name, "kind": schedule.kind, "cron": schedule.cron, "time_zone": schedule.time_zone}

"""Schedules: what is refused, what is started when, once, and on whose behalf."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel
from sqlmodel import select

from registry.access import Action, Actor, require
from registry.access.actor import of_user
from registry.errors import (
    Forbidden,
    InvalidInput,
    MlflowUnavailable,
    ModelNotFound,
    NameTaken,
    QuotaExceeded,
    ScheduleNotFound,
)
from registry.jobs import schedules as module
from registry.jobs.care_parameters import CleanParameters
from registry.jobs.cron import next_time, next_times
from registry.jobs.schedules import Plan, Schedules
from registry.records import AuditEntry, Job, Role, Schedule, User, users, utc_now

if TYPE_CHECKING:
    from tests.registry.jobs.conftest import Shop

DAWN = datetime(2026, 3, 2, 3, 15, tzinfo=UTC)
NIGHTLY = Plan("Nightly", "clean", {"dry_run": False}, "15 3 * * *")


@dataclass
class Clean:
    """Starts clean-ups, as long as nothing that a test says is in the way."""

    shop: "Shop"
    problem: Exception | None = None
    parameters: type[BaseModel] = CleanParameters
    actions: tuple[Action, ...] = (Action.START_JOB,)

    def check(self, actor: Actor, given: Any) -> None:
        require(actor, Action.START_JOB)

    def start(self, actor: Actor, given: Any, key: str, last_at: datetime | None) -> Job:
        if self.problem:
            raise self.problem
        return self.shop.jobs.start(actor, "clean", given, key=key)


@pytest.fixture
def clean(shop: "Shop") -> Clean:
    return Clean(shop)


@pytest.fixture
def plans(shop: "Shop", clean: Clean) -> Schedules:
    with shop.database.write() as session:
        for each in session.exec(select(Schedule)):  # those that every platform begins with
            session.delete(each)
    return Schedules(shop.database, {"clean": clean})


def person(shop: "Shop", role: Role, name: str = "otto") -> Actor:
    with shop.database.write() as session:
        user = users.add(session, User(username=name, username_key="", password_hash="x", role=role))
    return of_user(user, "token")


def change(shop: "Shop", actor: Actor, **values: Any) -> None:
    with shop.database.write() as session:
        user = session.get(User, actor.id)
        assert user is not None
        for key, value in values.items():
            setattr(user, key, value)
        session.add(user)


def due_at(shop: "Shop", schedule: Schedule, at: datetime) -> None:
    with shop.database.write() as session:
        found = session.get(Schedule, schedule.id)
        assert found is not None
        found.next_at = at
        session.add(found)


@pytest.mark.parametrize(
    ("cron", "zone", "says"),
    [
        ("0 0 31 2 *", "UTC", "never comes"),
        ("0 0 30 2 *", "UTC", "never comes"),
        ("* * * * *", "UTC", "too often"),
        ("0,1 3 * * *", "UTC", "too often"),  # twice a day, but a minute apart
        ("0,2 3 1 1 *", "UTC", "too often"),
        ("61 3 * * *", "UTC", "no cron expression"),
        ("every night", "UTC", "no cron expression"),
        ("0 0 3 * * *", "UTC", "no cron expression"),  # with seconds
        ("@daily", "UTC", "no cron expression"),
        ("", "UTC", "no cron expression"),
        ("15 3 * * *", "Mars/Olympus", "no time zone"),
        ("15 3 * * *", "../etc/passwd", "no time zone"),
        ("15 3 * * *", "", "no time zone"),
    ],
)
def test_times_that_cannot_be_are_refused_with_the_reason(cron: str, zone: str, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        next_times(cron, zone, DAWN)


def test_times_follow_their_zone_through_the_change_of_the_clocks() -> None:
    at = next_time("15 3 * * *", "Europe/Berlin", datetime(2026, 3, 28, 12, tzinfo=UTC))
    assert at == datetime(2026, 3, 29, 1, 15, tzinfo=UTC), "summer time began at two"
    before = next_time("15 3 * * *", "Europe/Berlin", datetime(2026, 3, 27, 12, tzinfo=UTC))
    assert before == datetime(2026, 3, 28, 2, 15, tzinfo=UTC)
    assert next_time("0 0 29 2 *", "UTC", DAWN) == datetime(2028, 2, 29, tzinfo=UTC), "rare, but it comes"


def test_a_schedule_is_seen_and_changed_by_its_owner_and_administrators_only(
    shop: "Shop", plans: Schedules, admin: Actor, engineer: Actor, user: Actor
) -> None:
    mine = plans.create(engineer, NIGHTLY)
    assert mine.next_at > utc_now()
    other = person(shop, Role.ENGINEER)
    for act in (plans.get, plans.delete, plans.run_now, lambda actor, id_: plans.update(actor, id_, NIGHTLY)):
        with pytest.raises(ScheduleNotFound):
            act(other, mine.id)
    with pytest.raises(Forbidden):
        plans.create(user, NIGHTLY)
    assert plans.page(other) == ([], 0)
    assert [each.id for each in plans.page(admin)[0]] == [mine.id]
    plans.delete(engineer, mine.id)
    with shop.database.read() as session:
        actions = [entry.action for entry in session.exec(select(AuditEntry))]
    assert actions == ["schedule.create", "schedule.delete"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": " "},
        {"name": "a\nb"},
        {"kind": "shell"},
        {"parameters": {"job_days": 0}},
        {"parameters": {"path": "/"}},
        {"cron": "0 0 31 2 *"},
        {"time_zone": "Nowhere"},
    ],
    ids=lambda wrong: f"{wrong}",
)
def test_what_cannot_be_scheduled_is_refused_and_nothing_is_kept(
    plans: Schedules, engineer: Actor, wrong: dict[str, Any]
) -> None:
    with pytest.raises(InvalidInput):
        plans.create(engineer, replace(NIGHTLY, **wrong))
    assert plans.page(engineer)[1] == 0


def test_a_run_that_was_missed_many_times_is_made_up_for_once(shop: "Shop", plans: Schedules, engineer: Actor) -> None:
    owner = person(shop, Role.ENGINEER)
    schedule = plans.create(owner, NIGHTLY)
    assert plans.start_due(schedule.next_at - timedelta(seconds=1)) == []
    due_at(shop, schedule, DAWN)
    later = DAWN + timedelta(days=9, hours=1)
    (job,) = plans.start_due(later)
    assert (job.kind, job.owner_id, job.parameters["dry_run"]) == ("clean", owner.id, False)
    assert plans.start_due(later) == []
    now = plans.get(owner, schedule.id)
    assert (now.next_at, now.last_at, now.last_job_id) == (DAWN + timedelta(days=10), later, job.id)


def test_two_runners_that_look_at_once_start_one_job(shop: "Shop", plans: Schedules, clean: Clean) -> None:
    owner = person(shop, Role.ADMIN)
    schedule = plans.create(owner, NIGHTLY)
    due_at(shop, schedule, DAWN)
    other = Schedules(shop.database, {"clean": clean})
    began: list[Job] = []

    class Slow(Clean):
        def start(self, actor: Actor, given: Any, key: str, last_at: datetime | None) -> Job:
            if not began:
                began.extend(other.start_due(DAWN))  # the other one is faster, and has started it by now
            return super().start(actor, given, key, last_at)

    plans.starts = {"clean": Slow(shop)}
    (mine,) = plans.start_due(DAWN)
    assert [job.id for job in began] == [mine.id]
    assert shop.jobs.page(owner)[1] == 1


def test_a_schedule_whose_owner_may_not_any_more_is_paused_and_says_so(shop: "Shop", plans: Schedules) -> None:
    for name, values, says in (
        ("demoted", {"role": Role.USER}, "may not do schedule.change"),
        ("asleep", {"active": False}, "deactivated"),
    ):
        owner = person(shop, Role.ENGINEER, name)
        schedule = plans.create(owner, NIGHTLY)
        due_at(shop, schedule, DAWN)
        change(shop, owner, **values)
        assert plans.start_due(DAWN) == []
        with shop.database.read() as session:
            now = session.get(Schedule, schedule.id)
        assert (now.active, now.next_at) == (False, None)
        assert says in now.problem
    gone = plans.create(Actor("9" * 32, "gone", Role.ADMIN), NIGHTLY)
    due_at(shop, gone, DAWN)
    assert plans.start_due(DAWN) == []
    with shop.database.read() as session:
        assert "is gone" in session.get(Schedule, gone.id).problem


def test_what_is_away_is_tried_again_and_what_is_wrong_waits_for_its_next_time(
    shop: "Shop", plans: Schedules, clean: Clean
) -> None:
    owner = person(shop, Role.ADMIN)
    schedule = plans.create(owner, NIGHTLY)
    due_at(shop, schedule, DAWN)
    clean.problem = MlflowUnavailable("MLflow does not answer")
    with pytest.raises(MlflowUnavailable):
        plans.start_due(DAWN)
    assert plans.get(owner, schedule.id).next_at == DAWN, "it is still due"
    clean.problem = ModelNotFound("there is no model 'm'")
    assert plans.start_due(DAWN) == []
    now = plans.get(owner, schedule.id)
    assert (now.active, now.next_at, now.problem) == (True, DAWN + timedelta(days=1), "there is no model 'm'")
    clean.problem = None
    assert len(plans.start_due(DAWN + timedelta(days=1))) == 1
    assert plans.get(owner, schedule.id).problem == ""


def test_a_change_while_it_is_started_is_not_written_over(shop: "Shop", plans: Schedules) -> None:
    owner = person(shop, Role.ADMIN)
    schedule = plans.create(owner, NIGHTLY)
    due_at(shop, schedule, DAWN)

    class Slow(Clean):
        def start(self, actor: Actor, given: Any, key: str, last_at: datetime | None) -> Job:
            plans.update(owner, schedule.id, replace(NIGHTLY, cron="0 5 * * *", active=False))
            return super().start(actor, given, key, last_at)

    plans.starts = {"clean": Slow(shop)}
    assert len(plans.start_due(DAWN)) == 1
    now = plans.get(owner, schedule.id)
    assert (now.active, now.next_at, now.cron) == (False, None, "0 5 * * *")


def test_a_paused_one_starts_nothing_until_it_is_run_or_resumed(shop: "Shop", plans: Schedules) -> None:
    owner = person(shop, Role.ADMIN)
    schedule = plans.create(owner, replace(NIGHTLY, active=False))
    assert schedule.next_at is None
    assert plans.start_due(DAWN) == []
    assert plans.run_now(owner, schedule.id).kind == "clean"
    assert plans.run_now(owner, schedule.id).id != plans.get(owner, schedule.id).id
    assert plans.update(owner, schedule.id, NIGHTLY).next_at is not None


def test_one_person_has_a_bounded_number(plans: Schedules, admin: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_EACH", 2)
    for number in range(2):
        plans.create(admin, replace(NIGHTLY, name=f"Nightly {number}"))
    with pytest.raises(QuotaExceeded):
        plans.create(admin, NIGHTLY)


def test_an_owner_has_no_two_schedules_of_one_name(plans: Schedules, admin: Actor, engineer: Actor) -> None:
    mine, other = plans.create(admin, NIGHTLY), plans.create(admin, replace(NIGHTLY, name="Weekly"))
    with pytest.raises(NameTaken, match="a schedule 'NIGHTLY' already"):
        plans.create(admin, replace(NIGHTLY, name="NIGHTLY"))
    with pytest.raises(NameTaken):
        plans.update(admin, other.id, NIGHTLY)
    assert [each.name for each in plans.page(admin)[0]] == ["Nightly", "Weekly"]
    assert plans.update(admin, mine.id, replace(NIGHTLY, name="nightly", cron="0 5 * * *")).name == "nightly"
    assert plans.create(engineer, NIGHTLY).name == "Nightly"


def test_every_platform_begins_with_a_clean_up_and_a_backup_each_night(shop: "Shop", admin: Actor) -> None:
    plans = Schedules(shop.database, {})
    found = {each.kind: each for each in plans.page(admin)[0]}
    assert set(found) == {"clean", "backup"}
    assert found["clean"].parameters == {"dry_run": False}
    assert plans.start_due(DAWN) == [], "the first look only says when"
    assert plans.get(admin, found["clean"].id).next_at == DAWN + timedelta(days=1)


def test_a_key_changes_no_schedule_of_a_kind_that_it_was_not_made_for(
    shop: "Shop", plans: Schedules, clean: Clean
) -> None:
    owner = person(shop, Role.ENGINEER)
    plans.starts = {"clean": clean, "measure": Clean(shop, actions=(Action.CHANGE_MODEL,))}
    simple, measured = plans.create(owner, NIGHTLY), plans.create(owner, replace(NIGHTLY, name="M", kind="measure"))
    key = replace(owner, via="key", scopes=frozenset({"predict"}))
    for act in (
        lambda: plans.run_now(key, measured.id),
        lambda: plans.update(key, measured.id, replace(NIGHTLY, kind="measure")),
        lambda: plans.update(key, measured.id, NIGHTLY),
        lambda: plans.update(key, simple.id, replace(NIGHTLY, kind="measure")),
        lambda: plans.delete(key, measured.id),
    ):
        with pytest.raises(Forbidden, match="this API key may not"):
            act()
    assert plans.update(key, simple.id, replace(NIGHTLY, cron="0 5 * * *")).cron == "0 5 * * *"
    plans.delete(owner, measured.id)


def test_one_odd_schedule_does_not_stop_the_others(shop: "Shop", plans: Schedules, clean: Clean) -> None:
    owner = person(shop, Role.ENGINEER)
    plans.starts = {"clean": clean, "odd": Clean(shop, ValueError("nobody thought of this"))}
    odd, good = plans.create(owner, replace(NIGHTLY, name="A", kind="odd")), plans.create(owner, NIGHTLY)
    due_at(shop, odd, DAWN - timedelta(days=1))
    due_at(shop, good, DAWN)
    assert [job.kind for job in plans.start_due(DAWN)] == ["clean"]
    now = plans.get(owner, odd.id)
    assert (now.active, now.next_at) == (True, DAWN + timedelta(days=1))
    assert now.problem == "something went wrong here: ValueError"

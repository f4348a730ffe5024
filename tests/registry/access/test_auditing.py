"""The trail as those who may read it look into it."""

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from registry.access import Actor
from registry.access.auditing import COLUMNS, Auditing
from registry.access.trail import trace, trace_alone
from registry.errors import Forbidden
from registry.records import Database, Role, User, audit, audit_search, users
from registry.records.audit_search import TrailFilter

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def auditing(database: Database) -> Auditing:
    return Auditing(database)


@pytest.fixture
def write(database: Database, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Adds an entry; each is an hour after the one before."""
    hours = iter(range(10_000))
    monkeypatch.setattr(audit, "utc_now", lambda: START + timedelta(hours=next(hours)))

    def add(actor: Actor, action: str, target: str = "", outcome: Any = "ok", **details: object) -> None:
        trace_alone(database, actor, action, target, details, outcome)

    return add


@pytest.fixture
def eve(database: Database) -> Actor:
    with database.write() as session:
        user = users.add(session, User(username="Eve", username_key="", password_hash="x"))
    return Actor(user.id, user.username, Role.ENGINEER, address="10.0.0.7")


@pytest.fixture
def trail(write: Callable[..., None], admin: Actor, eve: Actor) -> None:
    """Six entries of three people."""
    write(admin, "user.create", "user:1", username="Bob")
    write(admin, "user.role", "user:1", before={"role": "user"}, after={"role": "operator"})
    write(eve, "model.publish", "model:spots", note="Größe 100%")
    write(eve, "users.manage", "POST /api/v1/users", outcome="refused")
    write(Actor("anonymous", "Eve", None), "account.sign_in", outcome="refused")
    write(Actor("gone", "Zed", Role.USER), "account.sign_in")


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        (TrailFilter(), [6, 5, 4, 3, 2, 1]),
        (TrailFilter(person="a" * 32), [2, 1]),  # an id without an account
        (TrailFilter(person="eVe"), [5, 4, 3]),  # a name: also what others tried under it
        (TrailFilter(person="Zed"), [6]),  # the name of an account that was deleted
        (TrailFilter(person="gone"), [6]),
        (TrailFilter(person="nobody"), []),
        (TrailFilter(action="user."), [2, 1]),
        (TrailFilter(action="user"), [4, 2, 1]),
        (TrailFilter(action="account.sign_in"), [6, 5]),
        (TrailFilter(action="%"), []),
        (TrailFilter(target="user:1"), [2, 1]),
        (TrailFilter(target="model:"), [3]),
        (TrailFilter(target="_"), []),  # no wildcard
        (TrailFilter(outcome="refused"), [5, 4]),
        (TrailFilter(since=START + timedelta(hours=4)), [6, 5]),
        (TrailFilter(until=START + timedelta(hours=2)), [2, 1]),
        (TrailFilter(text="OPERATOR"), [2]),
        (TrailFilter(text="größe"), [3]),
        (TrailFilter(text="100%"), [3]),
        (TrailFilter(text="%"), [3]),
        (TrailFilter(text="10.0.0.7"), [4, 3]),
        (TrailFilter(person="eve", outcome="refused", text="users"), [4]),
    ],
)
def test_each_filter_narrows(
    auditing: Auditing, trail: None, admin: Actor, wanted: TrailFilter, numbers: list[int]
) -> None:
    found, total = auditing.page(admin, wanted)
    assert ([entry.number for entry in found], total) == (numbers, len(numbers))


@pytest.mark.parametrize("wanted", [TrailFilter(), TrailFilter(person="ada"), TrailFilter(text="test")])
def test_pages_cut_the_same_list(
    auditing: Auditing, write: Callable[..., None], admin: Actor, wanted: TrailFilter
) -> None:
    for _ in range(5):
        write(admin, "test")
    pages = [auditing.page(admin, wanted, number=number, size=2) for number in (1, 2, 3, 4)]
    assert [[entry.number for entry in found] for found, _ in pages] == [[5, 4], [3, 2], [1], []]
    assert [total for _, total in pages] == [5, 5, 5, 5]


def test_free_text_looks_into_the_newest_that_the_other_filters_leave(
    auditing: Auditing, write: Callable[..., None], admin: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(admin, "one", word="needle")
    write(admin, "two", word="needle")
    write(admin, "one", word="hay")
    write(admin, "two", word="hay")
    monkeypatch.setattr(audit_search, "LOOK_BACK", 2)
    assert auditing.page(admin, TrailFilter(text="needle"))[1] == 0
    assert auditing.page(admin, TrailFilter(text="needle", action="one"))[1] == 1
    assert "".join(auditing.export(admin, TrailFilter(text="needle"))).count("needle") == 2  # an export is complete


def test_the_actions_that_occur_are_listed_once(auditing: Auditing, trail: None, admin: Actor) -> None:
    assert auditing.actions(admin) == ["account.sign_in", "model.publish", "user.create", "user.role", "users.manage"]


def test_an_empty_trail_is_no_problem(auditing: Auditing, admin: Actor) -> None:
    assert auditing.page(admin) == ([], 0)
    assert auditing.actions(admin) == []
    assert "".join(auditing.export(admin)) == ",".join(f'"{name}"' for name in COLUMNS) + "\r\n"
    assert auditing.verify(admin).holds


@pytest.mark.parametrize(
    "read",
    [
        lambda auditing, actor: auditing.page(actor),
        lambda auditing, actor: auditing.actions(actor),
        lambda auditing, actor: auditing.verify(actor),
        lambda auditing, actor: auditing.export(actor),  # refused at once, not at the first line
    ],
)
@pytest.mark.parametrize("role", [Role.ENGINEER, Role.OPERATOR, Role.USER])
def test_only_administrators_read_the_trail(
    auditing: Auditing, read: Callable[[Auditing, Actor], object], role: Role
) -> None:
    with pytest.raises(Forbidden):
        read(auditing, Actor("x", "x", role))


def test_an_export_has_every_entry_over_many_reads(
    auditing: Auditing, write: Callable[..., None], admin: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_search, "_BATCH", 2)
    for number in range(5):
        write(admin, "test", f"t:{number}", n=number)
    rows = list(csv.DictReader(io.StringIO("".join(auditing.export(admin)), newline="")))
    assert [row["number"] for row in rows] == ["5", "4", "3", "2", "1"]
    assert rows[0]["details"] == '{"n": 4}'
    assert rows[0]["at"] == "2026-01-01T04:00:00+00:00"


def test_a_name_that_looks_like_an_id_hides_nobodys_entries(
    auditing: Auditing, write: Callable[..., None], database: Database, admin: Actor, eve: Actor
) -> None:
    write(eve, "model.publish", "model:spots")
    write(Actor("local:root", "local:root", Role.ADMIN), "setting.change", "setting:x")
    with database.write() as session:
        for name in (eve.id, "local:root"):
            users.add(session, User(username=name, username_key="", password_hash="x"))
    for person, action in ((eve.id, "model.publish"), ("local:root", "setting.change")):
        found, _ = auditing.page(admin, TrailFilter(person=person))
        assert [entry.action for entry in found] == [action]


def test_a_cell_stays_one_whichever_way_a_spreadsheet_cuts(
    auditing: Auditing, database: Database, admin: Actor
) -> None:
    with database.write() as session:
        trace(session, Actor("x", ";=1+1;x", Role.USER), "test", "", {})
    assert '";=1+1;x"' in "".join(auditing.export(admin))


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_no_cell_of_an_export_is_a_formula(auditing: Auditing, database: Database, admin: Actor, start: str) -> None:
    name = f'{start}HYPERLINK("http://evil.example")'
    with database.write() as session:
        trace(session, Actor("x", name, Role.USER), "test", name, {})
    [row] = csv.DictReader(io.StringIO("".join(auditing.export(admin)), newline=""))
    assert row["actor_name"] == f"'{name}"
    assert row["target"] == f"'{name}"


def test_a_broken_chain_is_told(auditing: Auditing, database: Database, trail: None, admin: Actor) -> None:
    assert auditing.verify(admin).rows == 6
    with database.write() as session:
        session.connection().execute(text("UPDATE audit_entries SET actor_name = 'Zoe' WHERE number = 4"))
    verdict = auditing.verify(admin)
    assert (verdict.rows, verdict.number, verdict.fault) == (3, 4, "edited")

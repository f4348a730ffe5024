"""How long lists of many rows take: users and the audit trail, page by page."""

import time
from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import insert, text

from registry.access import Actor
from registry.access.auditing import Auditing
from registry.access.people import People
from registry.access.sessions import Sessions
from registry.access.tokens import Tokens
from registry.records import AuditEntry, AuditHead, Database, Role, User, new_id, utc_now
from registry.records.audit_search import TrailFilter
from registry.settings import Settings

PEOPLE, ENTRIES = 1_000, 100_000
_ACTIONS = ("user.update", "user.role", "account.sign_in", "model.publish", "model.alias", "key.make", "setting.change")
_ADMIN = Actor("a" * 32, "ada", Role.ADMIN)


def seed(database: Database, *, people: int = PEOPLE, entries: int = ENTRIES) -> None:
    """Fill the tables without the chain: only reading is measured."""
    with database.write() as session:
        connection = session.connection()
        connection.execute(insert(User), [_user(number) for number in range(people)])
        for first in range(1, entries + 1, 5_000):
            rows = [_entry(number, entries, people) for number in range(first, min(first + 5_000, entries + 1))]
            connection.execute(insert(AuditEntry), rows)
        session.add(AuditHead(number=entries, digest="b" * 64))
    with database.engine.connect() as connection:
        connection.execute(text("ANALYZE"))
        connection.commit()


def listings(database: Database, settings: Settings) -> dict[str, Callable[[], object]]:
    """Each listing by its name, ready to be called."""
    auditing = Auditing(database)
    people = People(database, Sessions(database, settings), Tokens(database, settings))
    now = utc_now()
    wanted = {
        "audit": TrailFilter(),
        "audit by id": TrailFilter(person=f"{7:032x}"),
        "audit by name": TrailFilter(person="Person 7"),
        "audit by a name of nobody": TrailFilter(person="Zoe"),
        "audit by action": TrailFilter(action="user."),
        "audit by target": TrailFilter(target=f"user:{4_999:032x}"),
        "audit by outcome": TrailFilter(outcome="refused"),
        "audit by time": TrailFilter(since=now - timedelta(hours=8), until=now - timedelta(hours=7)),
        "audit by text": TrailFilter(text="entry 99999"),
        "audit by text in vain": TrailFilter(text="not there"),
    }
    calls: dict[str, Callable[[], object]] = {name: _audit(auditing, each) for name, each in wanted.items()}
    calls["audit, last page"] = lambda: auditing.page(_ADMIN, number=ENTRIES // 50)
    calls["users"] = lambda: people.page(_ADMIN, number=5)
    calls["users by text"] = lambda: people.page(_ADMIN, search="son 99")
    return calls


def measure(calls: dict[str, Callable[[], object]], *, repeats: int = 15) -> dict[str, list[float]]:
    """Milliseconds of each call, one after the other, in turns; the first turn is not counted."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(repeats + 1):
        for name, call in calls.items():
            started = time.perf_counter()
            call()
            if turn:
                times[name].append((time.perf_counter() - started) * 1e3)
    return times


def _audit(auditing: Auditing, wanted: TrailFilter) -> Callable[[], object]:
    return lambda: auditing.page(_ADMIN, wanted)


def _user(number: int) -> dict[str, object]:
    name = f"person {number}"
    return User(id=f"{number:032x}", username=name.title(), username_key=name, password_hash="x").model_dump()


def _entry(number: int, entries: int, people: int) -> dict[str, object]:
    person = number % people
    details = {"before": {"role": "user"}, "after": {"role": "operator"}, "note": f"entry {number}", "id": new_id()}
    return {
        "number": number,
        "at": utc_now() - timedelta(seconds=entries - number),
        "actor_id": f"{person:032x}",
        "actor_name": f"Person {person}",
        "action": _ACTIONS[number % len(_ACTIONS)],
        "target": f"user:{number % 5_000:032x}",
        "outcome": "refused" if number % 20 == 0 else "ok",
        "address": f"10.0.{person % 256}.1",
        "details": details,
        "previous": "a" * 64,
        "digest": "b" * 64,
    }

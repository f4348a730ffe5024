"""Clean-ups: what goes, what never goes, and that a dry run changes nothing."""

import json
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlmodel import select

from registry.access import Actor
from registry.access.actor import local_actor
from registry.errors import Conflict, Forbidden
from registry.jobs import cleaners, cleaning
from registry.jobs.belonging import STORED, adopt, check_belongs
from registry.jobs.care_parameters import CleanParameters
from registry.jobs.caring import Caring
from registry.jobs.clean import clean
from registry.jobs.files import JobFiles
from registry.jobs.rooms import JobRooms
from registry.jobs.running import execute
from registry.models.locks import alone
from registry.models.registry import ModelRegistry
from registry.models.serving import Serving
from registry.records import (
    AuditEntry,
    Database,
    IdempotentAnswer,
    InferenceResult,
    Job,
    JobState,
    RefreshToken,
    Runner,
    SignInCode,
    User,
    WebSession,
    jobs,
    users,
    utc_now,
)
from registry.settings import Settings

if TYPE_CHECKING:
    from tests.registry.jobs.conftest import Shop

ADA = local_actor()
LONG_AGO = utc_now() - timedelta(days=400)
REAL = CleanParameters(dry_run=False)


@pytest.fixture
def rooms(shop: "Shop", settings: Settings) -> Iterator[JobRooms]:
    models = ModelRegistry(settings, shop.database)
    serving = Serving(models, settings)
    yield JobRooms(settings, shop.database, models.live, shop.storage, models, serving)
    serving.close()


def cleaned(shop: "Shop", rooms: JobRooms, wanted: CleanParameters) -> dict[str, Any]:
    """Run one; what it says of each kind."""
    job = Caring(shop.jobs).clean(ADA, wanted)
    with shop.database.write() as session:
        ticket = jobs.hand_over(session, session.get(Job, job.id))
    execute(shop.database, shop.storage, job.id, ticket, lambda run: clean(run, rooms))
    ended = shop.now(job)
    assert ended.state == JobState.SUCCEEDED, ended.error
    assert ended.result["dry_run"] == wanted.dry_run
    return {each["name"]: (each["count"], each["bytes"]) for each in ended.result["cleaned"]}


def ended_job(shop: "Shop", actor: Actor, days: int, state: JobState = JobState.SUCCEEDED) -> Job:
    job = shop.queue(actor)
    shop.files(job).put("results", "1/results.jsonl", b"x" * 100)
    with shop.database.write() as session:
        found = session.get(Job, job.id)
        found.state, found.finished_at = state, utc_now() - timedelta(days=days)
        found.created_at = found.finished_at
        session.add(found)
    return job


def exists(shop: "Shop", job: Job) -> bool:
    with shop.database.read() as session:
        return session.get(Job, job.id) is not None


def test_old_jobs_go_with_their_files_and_live_ones_stay(shop: "Shop", rooms: JobRooms, user: Actor) -> None:
    old, young = ended_job(shop, user, 40), ended_job(shop, user, 20)
    waiting = shop.queue(user)
    with shop.database.write() as session:  # one that waits for longer than anything is kept
        found = session.get(Job, waiting.id)
        found.created_at = LONG_AGO
        session.add(found)
    shop.files(waiting).put("input", "000000", b"image")
    shop.files(young).put("parts", "000001", b"half")
    assert cleaned(shop, rooms, CleanParameters())["jobs"] == (1, 100)
    assert exists(shop, old), "a dry run removes nothing"
    assert list(shop.files(old).names("results"))
    found = cleaned(shop, rooms, REAL)
    assert (found["jobs"], found["left_overs"]) == ((1, 100), (1, 4))
    assert not exists(shop, old)
    assert not list(shop.storage.keys(f"jobs/{old.id}/"))
    assert exists(shop, young)
    assert list(shop.files(young).names("results"))
    assert list(shop.files(waiting).names("input")) == ["000000"]
    with shop.database.read() as session:
        entries = session.exec(select(AuditEntry).where(AuditEntry.action == "platform.clean")).all()
    assert [entry.details["jobs"] for entry in entries] == [1]


def test_what_a_failed_job_was_given_stays_as_long_as_it_may_be_tried_again(
    shop: "Shop", rooms: JobRooms, user: Actor
) -> None:
    kept, over = (ended_job(shop, user, days, JobState.FAILED) for days in (6, 9))
    for job in (kept, over):
        shop.files(job).put("input", "video", b"film")
    assert cleaned(shop, rooms, REAL)["left_overs"] == (1, 4)
    assert shop.jobs.retry(user, kept.id).state == JobState.QUEUED
    assert list(shop.files(kept).names("input")) == ["video"]
    assert not list(shop.files(over).names("input"))


def test_folders_of_killed_trainings_go_and_those_of_running_ones_stay(
    shop: "Shop", rooms: JobRooms, user: Actor
) -> None:
    over, going = ended_job(shop, user, 1), shop.queue(user)
    root = rooms.settings.home / "cache" / "training"
    for name in (f"{over.id}-1", f"{going.id}-1", f"{'7' * 32}-2"):
        (root / name / "out").mkdir(parents=True)
        (root / name / "out" / "last.pt").write_bytes(b"x" * 10)
    assert cleaned(shop, rooms, CleanParameters())["scratch"] == (2, 20)
    assert len(list(root.iterdir())) == 3, "a dry run removes nothing"
    assert cleaned(shop, rooms, REAL)["scratch"] == (2, 20)
    assert [folder.name for folder in root.iterdir()] == [f"{going.id}-1"]


def test_what_was_being_stored_when_its_process_was_killed_goes_after_a_day(shop: "Shop", rooms: JobRooms) -> None:
    shop.storage.put("films/whole.mp4", b"whole")
    folder = Path(shop.storage.url("films/whole.mp4").removeprefix("file://")).parent
    old, new = folder / f".{'0a' * 8}", folder / f".{'1b' * 8}"
    for draft in (old, new):
        draft.write_bytes(b"half")
    os.utime(old, (LONG_AGO.timestamp(), LONG_AGO.timestamp()))
    assert cleaned(shop, rooms, CleanParameters())["drafts"] == (1, 4)
    assert cleaned(shop, rooms, REAL)["drafts"] == (1, 4)
    assert (old.exists(), new.exists()) == (False, True)
    assert cleaned(shop, rooms, REAL)["drafts"] == (0, 0)
    assert shop.storage.get("films/whole.mp4") == b"whole"


def test_what_belongs_to_no_job_goes_a_day_after_it_was_first_seen(shop: "Shop", rooms: JobRooms, user: Actor) -> None:
    sending = JobFiles(shop.storage, "5" * 32)  # a batch whose images are just arriving
    sending.put("input", "000000", b"image")
    assert cleaned(shop, rooms, REAL)["orphans"] == (0, 0)
    assert cleaned(shop, rooms, REAL)["orphans"] == (0, 0)
    seen = json.loads(shop.storage.get("care/orphans.json"))
    assert list(seen) == ["5" * 32]
    yesterday = (utc_now() - timedelta(days=1, seconds=1)).isoformat()
    shop.storage.put("care/orphans.json", json.dumps({"5" * 32: yesterday}).encode())
    assert cleaned(shop, rooms, CleanParameters())["orphans"] == (1, 5)
    assert cleaned(shop, rooms, REAL)["orphans"] == (1, 5)
    assert not list(shop.storage.keys("jobs/" + "5" * 32))
    shop.storage.put("care/orphans.json", b"[broken")
    cleaned(shop, rooms, REAL)


def rows(database: Database) -> dict[str, int]:
    tables = (WebSession, SignInCode, RefreshToken, IdempotentAnswer, InferenceResult, Runner)
    with database.read() as session:
        return {table.__name__: len(session.exec(select(table)).all()) for table in tables}


def test_what_has_expired_goes_from_the_database_and_the_rest_stays(shop: "Shop", rooms: JobRooms) -> None:
    soon, now = utc_now() + timedelta(days=1), utc_now()
    with shop.database.write() as session:
        owner = users.add(session, User(username="otto", username_key="", password_hash="x")).id
        for at, seen in ((soon, now), (LONG_AGO, now), (soon, LONG_AGO)):
            key = f"{at}{seen}"[:64]
            session.add(WebSession(id_hash=key, user_id=owner, expires_at=at, last_seen_at=seen))
        for at in (soon, LONG_AGO):
            session.add(SignInCode(code_hash=f"{at}"[:64], user_id=owner, expires_at=at))
            session.add(RefreshToken(token_hash=f"{at}"[:64], family="f", user_id=owner, expires_at=at))
        for at in (now, LONG_AGO):
            session.add(IdempotentAnswer(id=f"{at}", fingerprint="f", created_at=at))
            session.add(Runner(id=f"{at}", beat_at=at))
            about = {"image_name": "a", "model_name": "m", "model_version": 1, "task": "detect", "summary": ""}
            session.add(InferenceResult(owner_id=owner, picture=b"", created_at=at, **about))
    before = rows(shop.database)
    found = cleaned(shop, rooms, CleanParameters())
    assert rows(shop.database) == before
    counts = {name: found[name][0] for name in ("sessions", "codes", "tokens", "answers", "history", "runners")}
    assert counts == {"sessions": 2, "codes": 1, "tokens": 1, "answers": 1, "history": 1, "runners": 1}
    cleaned(shop, rooms, REAL)
    assert set(rows(shop.database).values()) == {1}


def test_an_unfinished_upload_goes_unless_somebody_works_on_it(shop: "Shop", rooms: JobRooms) -> None:
    root = rooms.settings.home / "quarantine"
    for name in ("a" * 32, "b" * 32, "c" * 32):
        (root / name).mkdir(parents=True)
        (root / name / "model").write_bytes(b"x" * 10)
    (root / ("b" * 32) / "lock").touch()
    old = time.time() - 3 * 86_400
    for name in ("a" * 32, "b" * 32):
        os.utime(root / name, (old, old))
    with alone(root / ("b" * 32) / "lock") as held:
        assert held
        for _ in range(2):  # looking alone makes nothing younger
            assert cleaned(shop, rooms, CleanParameters())["uploads"] == (1, 10)
        assert cleaned(shop, rooms, REAL)["uploads"] == (1, 10)
    assert sorted(path.name for path in root.iterdir()) == ["b" * 32, "c" * 32]


def test_of_two_clean_ups_at_once_the_second_says_so(shop: "Shop", engineer: Actor) -> None:
    caring = Caring(shop.jobs)
    first = caring.clean(ADA, REAL)
    with pytest.raises(Conflict, match="a clean-up is queued already") as refused:
        caring.clean(ADA, REAL)
    assert refused.value.details == {"job": first.id}
    shop.jobs.cancel(ADA, first.id)
    assert caring.clean(ADA, REAL).id != first.id
    with pytest.raises(Forbidden):
        caring.clean(engineer, REAL)


def test_two_who_ask_for_a_clean_up_at_the_same_moment_get_one(shop: "Shop") -> None:
    begun = threading.Barrier(4)

    def ask(_number: int) -> str:
        begun.wait()
        try:
            return Caring(shop.jobs).clean(ADA, REAL).id
        except Conflict:
            return ""

    with ThreadPoolExecutor(4) as askers:
        assert len([each for each in askers.map(ask, range(4)) if each]) == 1


def test_a_clean_up_without_the_right_by_now_removes_nothing(shop: "Shop", rooms: JobRooms, user: Actor) -> None:
    old = ended_job(shop, user, 400)
    with shop.database.write() as session:
        demoted = users.add(session, User(username="dora", username_key="", password_hash="x"))
    job = Job(kind="clean", owner_id=demoted.id, owner_name="dora", parameters={"dry_run": False})
    with shop.database.write() as session:
        session.add(job)
        session.flush()
        ticket = jobs.hand_over(session, job)
    execute(shop.database, shop.storage, job.id, ticket, lambda run: clean(run, rooms))
    assert shop.now(job).error["code"] == "forbidden"
    assert exists(shop, old)


def test_every_kind_has_a_name_of_its_own() -> None:
    names = [each.name for each in cleaners.CLEANERS]
    assert len(set(names)) == len(names)


def test_the_storage_of_another_platform_is_not_cleaned(shop: "Shop", rooms: JobRooms, user: Actor) -> None:
    old = ended_job(shop, user, 40)
    check_belongs(shop.database, shop.storage)
    check_belongs(shop.database, shop.storage)  # ours by now
    shop.storage.put(STORED, b"another")
    job = Caring(shop.jobs).clean(ADA, REAL)
    with shop.database.write() as session:
        ticket = jobs.hand_over(session, session.get(Job, job.id))
    execute(shop.database, shop.storage, job.id, ticket, lambda run: clean(run, rooms))
    assert "belongs to the records of another platform" in shop.now(job).error["message"]
    assert exists(shop, old)
    adopt(shop.database, shop.storage)  # as a restore does
    assert cleaned(shop, rooms, REAL)["jobs"] == (1, 100)


def test_where_most_jobs_are_in_no_record_no_file_goes(shop: "Shop", rooms: JobRooms, user: Actor) -> None:
    ended_job(shop, user, 1)
    ids, yesterday = [f"{number:032d}" for number in range(21)], (utc_now() - timedelta(days=2)).isoformat()
    for each in ids:
        JobFiles(shop.storage, each).put("results", "1/results.jsonl", b"x")
    shop.storage.put("care/orphans.json", json.dumps(dict.fromkeys(ids, yesterday)).encode())
    job = Caring(shop.jobs).clean(ADA, REAL)
    with shop.database.write() as session:
        ticket = jobs.hand_over(session, session.get(Job, job.id))
    execute(shop.database, shop.storage, job.id, ticket, lambda run: clean(run, rooms))
    assert "21 of 22 jobs with stored files are in no record" in shop.now(job).error["message"]
    assert len(list(shop.storage.keys("jobs/"))) >= 22
    JobFiles(shop.storage, ids[0]).clear("results")
    assert cleaned(shop, rooms, REAL)["orphans"] == (20, 20), "as many may be left by a bad day"


def test_many_rows_go_in_pieces(shop: "Shop", rooms: JobRooms, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cleaning, "MOST_AT_ONCE", 3)
    with shop.database.write() as session:
        for number in range(8):
            session.add(Runner(id=f"{number}", beat_at=LONG_AGO))
    begun = []
    with monkeypatch.context() as watched:
        write = shop.database.write
        watched.setattr(shop.database, "write", lambda: (begun.append(1), write())[1])
        assert cleaned(shop, rooms, CleanParameters())["runners"] == (8, 0)
        dry, _ = len(begun), begun.clear()
        assert cleaned(shop, rooms, REAL)["runners"] == (8, 0)
    assert len(begun) > dry + 2

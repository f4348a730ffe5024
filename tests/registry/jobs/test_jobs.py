"""Starting, finding and cancelling jobs."""

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from registry.access import Actor
from registry.errors import InvalidInput, JobEnded, JobNotFound, JobNotRetried, ObjectNotFound, TooManyRequests
from registry.jobs import jobs as jobs_module
from registry.jobs.view import job_dict, progress, seconds_left, waiting_for
from registry.records import Job, JobState, Runner, jobs, utc_now

if TYPE_CHECKING:
    from tests.registry.jobs.conftest import Shop


def test_a_job_is_seen_by_its_owner_and_administrators_only(
    shop: "Shop", user: Actor, engineer: Actor, admin: Actor
) -> None:
    job = shop.queue(user)
    assert shop.jobs.get(user, job.id).owner_name == "fay"
    assert shop.jobs.get(admin, job.id).id == job.id
    for act in (shop.jobs.get, shop.jobs.cancel):
        with pytest.raises(JobNotFound):
            act(engineer, job.id)
    assert [found.id for found in shop.jobs.page(user)[0]] == [job.id]
    assert shop.jobs.page(engineer) == ([], 0)
    assert shop.jobs.page(admin)[1] == 1


def test_the_same_key_is_the_same_job_until_that_came_to_nothing(shop: "Shop", user: Actor) -> None:
    first = shop.queue(user, "k")
    assert shop.queue(user, "k").id == first.id
    shop.jobs.cancel(user, first.id)
    second = shop.queue(user, "k")
    assert second.id != first.id
    with shop.database.write() as session:
        jobs.end(session, second.id, 0, JobState.SUCCEEDED, result={})
    assert shop.queue(user, "k").id == second.id


def test_while_a_job_is_being_cancelled_the_same_key_is_another_job(shop: "Shop", user: Actor) -> None:
    first = shop.queue(user, "k")
    shop.wait(0)
    with shop.database.write() as session:
        assert jobs.take(session, first.id, 1) is not None
    assert shop.jobs.cancel(user, first.id).state == JobState.RUNNING
    second = shop.queue(user, "k")
    assert second.id != first.id
    assert shop.queue(user, "k").id == second.id
    with shop.database.write() as session:
        assert jobs.end(session, first.id, 1, JobState.CANCELLED)
    assert shop.queue(user, "k").id == second.id


def test_pages_are_filtered_by_kind_and_state(shop: "Shop", user: Actor) -> None:
    waiting, cancelled = shop.queue(user), shop.queue(user)
    shop.jobs.cancel(user, cancelled.id)
    assert [job.id for job in shop.jobs.page(user, state="queued")[0]] == [waiting.id]
    assert [job.id for job in shop.jobs.page(user, state="cancelled", kind="batch")[0]] == [cancelled.id]
    assert shop.jobs.page(user, kind="video") == ([], 0)


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("bolt", "detect tune"),
        ("BOLTS-2", "tune"),
        ("gate.mp4", "video"),
        ("/srv/", "folder"),
        ("8c1d", "detect"),  # as an id begins
        ("8C1D0F", "detect"),
        ("%", ""),  # no pattern
        ("upload", "video"),
        ("version", ""),  # what a parameter is called is not looked at
    ],
)
def test_jobs_are_found_by_id_and_by_what_they_work_with(shop: "Shop", user: Actor, search: str, found: str) -> None:
    about = {
        "detect": {"model": "bolt-finder", "version": 1, "dataset": "pets"},
        "tune": {"model": "m", "dataset": "bolts-2/1"},
        "video": {"name": "Gate.mp4", "source": "upload", "model": "m"},
        "folder": {"source": "/srv/shift", "model": "m"},
    }
    ids = {"detect": "8c1d0f2a"}
    with shop.database.write() as session:
        for number, (kind, parameters) in enumerate(about.items()):
            given = {"owner_id": user.id, "owner_name": user.name, "parameters": parameters}
            session.add(Job(id=ids.get(kind, f"{number}f00"), kind=kind, **given))
    jobs_found, total = shop.jobs.page(user, search=search)
    assert sorted(job.kind for job in jobs_found) == found.split()
    assert total == len(jobs_found)


def test_who_sees_the_jobs_of_others_looks_for_their_owners(
    shop: "Shop", user: Actor, engineer: Actor, admin: Actor
) -> None:
    for each in (user, engineer):
        shop.queue(each)
    assert [job.owner_id for job in shop.jobs.page(admin, owner=user.name.upper())[0]] == [user.id]
    assert shop.jobs.page(engineer, owner=user.name) == ([], 0)


def test_a_waiting_job_is_cancelled_at_once_and_an_ended_one_not_at_all(shop: "Shop", user: Actor) -> None:
    job = shop.queue(user)
    assert shop.jobs.cancel(user, job.id).state == JobState.CANCELLED
    assert shop.now(job).finished_at is not None
    with pytest.raises(JobEnded):
        shop.jobs.cancel(user, job.id)


def _fail(shop: "Shop", job: Job) -> Job:
    with shop.database.write() as session:
        jobs.end(session, job.id, shop.now(job).ticket, JobState.FAILED, error={"code": "x", "message": "the disk"})
    return shop.now(job)


def test_a_job_that_failed_waits_once_more_with_what_it_was_given(shop: "Shop", user: Actor, engineer: Actor) -> None:
    job = shop.queue(user)
    shop.files(job).put("input", "photo", b"x")
    assert job_dict(_fail(shop, job), None)["may_be_retried"]
    with pytest.raises(JobNotFound):
        shop.jobs.retry(engineer, job.id)
    again = shop.jobs.retry(user, job.id)
    assert (again.state, again.error, again.finished_at, again.losses) == (JobState.QUEUED, None, None, 0)
    assert shop.files(job).get("input", "photo") == b"x"
    with pytest.raises(JobNotRetried, match="this one is waiting"):
        shop.jobs.retry(user, job.id)


def test_a_job_that_ended_otherwise_or_long_ago_is_not_run_again(shop: "Shop", user: Actor) -> None:
    cancelled, old = shop.queue(user), shop.queue(user)
    shop.jobs.cancel(user, cancelled.id)
    _fail(shop, old)
    with shop.database.write() as session:
        session.merge(shop.now(old).model_copy(update={"finished_at": utc_now() - timedelta(days=8)}))
    for job, why in ((cancelled, "this one is cancelled"), (old, "more than 7 days ago")):
        with pytest.raises(JobNotRetried, match=why):
            shop.jobs.retry(user, job.id)
        assert not job_dict(shop.now(job), None)["may_be_retried"]


def test_who_has_too_many_unfinished_jobs_starts_no_more(
    shop: "Shop", user: Actor, engineer: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs_module, "MOST_UNFINISHED", 2)
    shop.queue(user)
    last = shop.queue(user)
    with pytest.raises(TooManyRequests):
        shop.queue(user)
    shop.queue(engineer)
    shop.jobs.cancel(user, last.id)
    shop.queue(user)


def test_only_known_kinds_are_started(shop: "Shop", user: Actor) -> None:
    from tests.registry.jobs.conftest import PARAMETERS

    with pytest.raises(InvalidInput, match="no kind of job"):
        shop.jobs.start(user, "mine-bitcoin", PARAMETERS)


def test_results_are_opened_by_the_names_in_the_job_only(shop: "Shop", user: Actor) -> None:
    job = shop.queue(user)
    shop.files(job).put("results", "0/a.jsonl", b"{}")
    shop.files(job).put("input", "secret", b"x")
    with shop.database.write() as session:
        files = [{"name": "a.jsonl", "key": "0/a.jsonl", "size_bytes": 2}]
        jobs.end(session, job.id, 0, JobState.SUCCEEDED, result={"files": files})
    file, size = shop.jobs.open_result(user, job.id, "a.jsonl")
    with file:
        assert (file.read(), size) == (b"{}", 2)
    for name in ("secret", "../input/secret", "0/a.jsonl", ""):
        with pytest.raises(ObjectNotFound):
            shop.jobs.open_result(user, job.id, name)
    shown = shop.jobs.to_dict(shop.jobs.get(user, job.id))
    assert "key" not in str(shown["result"])
    assert shown["result"]["files"][0]["href"] == f"/api/v1/inference/jobs/{job.id}/results/a.jsonl"


def test_the_time_left_comes_from_the_pace_of_the_present_run() -> None:
    now = utc_now()
    job = Job(kind="batch", owner_id="a", state=JobState.RUNNING, done=60, total=100, done_when_taken=40)
    job.taken_at, job.heartbeat_at = now - timedelta(seconds=10), now
    assert seconds_left(job) == pytest.approx(20)  # 20 in 10 s, 40 to go
    assert progress(job) == pytest.approx(0.6)
    job.done = 40
    assert seconds_left(job) is None  # nothing done yet tells nothing


@pytest.mark.parametrize(
    ("runner_s", "problem", "changes", "said"),
    [
        (None, "", {}, "No runner"),
        (60, "", {}, "No runner"),  # it was there once
        (1, "Prefect does not answer.", {}, "Prefect does not answer."),
        (1, "", {"handed_over_at": utc_now()}, "being started: its process takes a few seconds"),
        (1, "", {"not_before": utc_now() + timedelta(hours=9)}, "tried again in"),
        (1, "", {"not_before": utc_now() + timedelta(hours=9), "stage": "the disk is away"}, " s: the disk is away."),
        (1, "", {}, "its turn with the runner, who looks every few seconds"),
    ],
)
def test_a_waiting_job_says_why(runner_s: int | None, problem: str, changes: dict[str, object], said: str) -> None:
    job = Job(kind="batch", owner_id="a", **changes)
    seen = utc_now() - timedelta(seconds=runner_s or 0)
    runner = None if runner_s is None else Runner(id="r", beat_at=seen, problem=problem)
    assert said in waiting_for(job, runner)
    assert job_dict(job, runner)["state"] == "queued"


def test_what_a_cancelled_job_was_given_goes_at_once(shop: "Shop", user: Actor) -> None:
    job = shop.queue(user)
    shop.files(job).put("input", "large", b"x")
    shop.jobs.cancel(user, job.id)
    assert not list(shop.storage.keys("jobs/"))

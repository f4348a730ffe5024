"""One run of a job: it beats, ends once, and gives way to the run that took its place."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from registry.access import Actor
from registry.errors import InvalidInput, MlflowUnavailable
from registry.jobs.care import SILENT_S
from registry.jobs.files import JobFiles
from registry.jobs.running import MOST_LOSSES_TO_OTHERS, JobLost, JobRun, execute
from registry.models.process import free_port
from registry.records import Job, JobState, jobs, utc_now
from registry.settings import PROJECT_ROOT
from registry.storage import S3Storage

if TYPE_CHECKING:
    from tests.registry.jobs.conftest import Shop

Until = Callable[[Callable[[], bool]], bool]

# Writes one part for each number it has not written yet, slowly; a run that is killed leaves its parts behind.
_WORKER = """
import sys, time
from registry.jobs.running import execute
from registry.records import open_database
from registry.storage import LocalStorage

url, folder, job_id, ticket, pause_s = sys.argv[1:]

def work(run):
    finished = set(run.files.names("parts"))
    for number in range(10):
        name = f"{number:02d}"
        if run.cancelled:
            break
        if name not in finished:
            print(name, flush=True)
            time.sleep(float(pause_s))
            run.files.put("parts", name, b"x")
        run.progress(number + 1, 10, "counting")
    return {"parts": len(list(run.files.names("parts")))}

print(execute(open_database(url), LocalStorage(__import__("pathlib").Path(folder)), job_id, int(ticket), work))
"""


def _worker(shop: "Shop", job: Job, pause_s: float) -> "subprocess.Popen[str]":
    url = shop.database.engine.url.render_as_string(hide_password=False)
    folder = str(shop.storage._root)
    line = [sys.executable, "-c", _WORKER, url, folder, job.id, str(shop.now(job).ticket), str(pause_s)]
    return subprocess.Popen(line, stdout=subprocess.PIPE, text=True, cwd=PROJECT_ROOT)


def _handed(shop: "Shop", actor: Actor) -> Job:
    job = shop.queue(actor)
    shop.wait(0)
    return job


def _run(shop: "Shop", job: Job, work: Callable[[JobRun], dict[str, Any]]) -> tuple[JobState | None, str]:
    return execute(shop.database, shop.storage, job.id, shop.now(job).ticket, work)


def test_a_job_ends_with_its_result_and_is_tidied(shop: "Shop", user: Actor) -> None:
    job = _handed(shop, user)
    shop.files(job).put("input", "a", b"1")
    shop.files(job).put("results", "0/old", b"from a run that was lost")

    def work(run: JobRun) -> dict[str, Any]:
        run.files.put("parts", "a", b"2")
        run.files.put("results", f"{run.ticket}/new", b"3")
        run.progress(10, 10, "done")
        return {"n": 1}

    assert _run(shop, job, work) == (JobState.SUCCEEDED, "")
    ended = shop.now(job)
    assert (ended.state, ended.result, ended.done, ended.attempts) == (JobState.SUCCEEDED, {"n": 1}, 10, 1)
    assert list(shop.storage.keys()) == [f"jobs/{job.id}/results/1/new"]
    assert _run(shop, job, work) == (None, "the job was started elsewhere, or has ended")


@pytest.mark.parametrize(
    ("error", "code", "hint"),
    [
        (InvalidInput("no such colour", hint="Use red."), "invalid_input", "Use red."),
        (ZeroDivisionError("secret"), "unexpected_error", "The runner's log"),  # what it said is for the log only
        (MemoryError(), "unexpected_error", "The runner's log"),
    ],
)
def test_a_failure_is_kept_with_its_hint(shop: "Shop", user: Actor, error: Exception, code: str, hint: str) -> None:
    job = _handed(shop, user)
    shop.files(job).put("input", "large", b"1")

    def work(_run: JobRun) -> dict[str, Any]:
        raise error

    assert _run(shop, job, work)[0] == JobState.FAILED
    assert [key.split("/", 2)[2] for key in shop.storage.keys("jobs/")] == ["input/large"], "it may be tried again"
    kept = shop.now(job).error
    assert kept is not None
    assert kept["code"] == code
    assert kept["hint"].startswith(hint)
    assert "secret" not in str(kept)


def test_a_job_that_is_tried_again_goes_on_from_what_it_had_finished(shop: "Shop", user: Actor) -> None:
    job = _handed(shop, user)
    shop.files(job).put("input", "images", b"1")

    def work(run: JobRun) -> dict[str, Any]:
        begun = list(run.files.names("parts"))
        run.files.put("parts", str(len(begun)), run.files.get("input", "images"))
        run.progress(len(begun) + 1, 2, "")
        if not begun:
            raise OSError("a stick was pulled out")
        return {"parts": list(run.files.names("parts"))}

    assert _run(shop, job, work)[0] == JobState.FAILED
    shop.jobs.retry(user, job.id)
    shop.wait(0)
    assert shop.engine.started == [(job.id, 1), (job.id, 2)]
    assert _run(shop, job, work)[0] == JobState.SUCCEEDED
    ended = shop.now(job)
    assert (ended.result, ended.attempts, ended.error) == ({"parts": ["0", "1"]}, 2, None)
    assert not list(shop.storage.keys()), "nobody needs it any more"


def test_what_is_away_is_waited_for_but_not_for_ever(shop: "Shop", user: Actor) -> None:
    job = _handed(shop, user)

    def work(run: JobRun) -> dict[str, Any]:
        for done in (0, 5):  # it only gets to where it was
            run.progress(done, 10, "")
            run.beat()
        raise MlflowUnavailable("MLflow does not answer")

    for _ in range(MOST_LOSSES_TO_OTHERS):
        assert _run(shop, job, work)[0] is None
        waiting = shop.now(job)
        assert waiting.state == JobState.QUEUED
        assert waiting.not_before is not None
        assert waiting.not_before > utc_now()
        with shop.database.write() as session:
            jobs.hand_over(session, waiting)
    assert _run(shop, job, work)[0] == JobState.FAILED
    assert shop.now(job).error["code"] == "mlflow_unavailable"  # type: ignore[index]


def test_a_cancelled_run_keeps_what_is_finished(shop: "Shop", user: Actor) -> None:
    job = _handed(shop, user)

    def work(run: JobRun) -> dict[str, Any]:
        run.progress(4, 10, "counting")
        shop.jobs.cancel(user, run.job_id)
        run.beat()
        assert run.cancelled
        return {"kept": 4}

    assert _run(shop, job, work)[0] == JobState.CANCELLED
    ended = shop.now(job)
    assert (ended.state, ended.result, ended.done) == (JobState.CANCELLED, {"kept": 4}, 4)


def _counted(run: JobRun) -> dict[str, Any]:
    """Work that stores a part each time, and keeps all of them when it is cancelled; until then something is away."""
    if run.cancelled:
        return {"kept": len(list(run.files.names("parts")))}
    run.files.put("parts", f"{run.ticket}", b"x")
    raise MlflowUnavailable("MLflow does not answer")


def test_what_was_finished_is_kept_of_a_job_that_is_cancelled_while_it_waits_to_be_tried_again(
    shop: "Shop", user: Actor
) -> None:
    job = _handed(shop, user)
    assert _run(shop, job, _counted)[0] is None
    shop.wait(0)
    assert shop.now(job).handed_over_at is None, "it pauses"
    asked = shop.jobs.cancel(user, job.id)
    assert (asked.state, shop.jobs.to_dict(asked)["cancelling"]) == (JobState.QUEUED, True)
    shop.wait(0)
    assert _run(shop, job, _counted)[0] == JobState.CANCELLED
    assert shop.now(job).result == {"kept": 1}
    assert not list(shop.files(job).names("parts"))


def test_a_job_that_waits_to_be_tried_again_and_has_finished_nothing_is_cancelled_at_once(
    shop: "Shop", user: Actor
) -> None:
    job = _handed(shop, user)

    def away(_run: JobRun) -> dict[str, Any]:
        raise MlflowUnavailable("MLflow does not answer")

    assert _run(shop, job, away)[0] is None
    assert shop.jobs.cancel(user, job.id).state == JobState.CANCELLED


def test_while_the_storage_is_away_something_may_be_finished(credentials: None) -> None:
    nobody = S3Storage("bucket", endpoint=f"http://127.0.0.1:{free_port()}", patience_s=0.5)
    assert JobFiles(nobody, "a" * 32).may_hold("parts")


@pytest.mark.parametrize(("finished", "state"), [(True, JobState.QUEUED), (False, JobState.CANCELLED)])
def test_a_cancelled_run_that_misses_something_is_tried_again_for_what_is_finished_only(
    shop: "Shop", user: Actor, finished: bool, state: JobState
) -> None:
    job = _handed(shop, user)

    def work(run: JobRun) -> dict[str, Any]:
        if finished:
            run.files.put("parts", "a", b"x")
        shop.jobs.cancel(user, run.job_id)
        raise MlflowUnavailable("MLflow does not answer")

    _run(shop, job, work)
    assert shop.now(job).state == state


def test_a_run_that_lost_its_job_stops_and_leaves_no_trace(shop: "Shop", user: Actor) -> None:
    job = _handed(shop, user)

    def work(run: JobRun) -> dict[str, Any]:
        with shop.database.write() as session:
            jobs.put_back(session, run.job_id, run.ticket)
            session.flush()
            now = session.get(Job, run.job_id)
            assert now is not None
            session.refresh(now)
            jobs.hand_over(session, now)
        run.beat()
        with pytest.raises(JobLost):
            _ = run.cancelled
        raise JobLost

    assert _run(shop, job, work) == (None, "another run has the job by now")
    assert shop.now(job).state == JobState.QUEUED


def test_an_owner_who_is_gone_or_inactive_has_no_runs(shop: "Shop", user: Actor) -> None:
    job = _handed(shop, user)  # no such user is in the records
    assert _run(shop, job, lambda run: {"owner": run.owner().id})[0] == JobState.FAILED
    assert shop.now(job).error["code"] == "forbidden"  # type: ignore[index]


def test_a_killed_process_is_noticed_and_the_next_goes_on_where_it_was(shop: "Shop", user: Actor, until: Until) -> None:
    job = _handed(shop, user)
    first = _worker(shop, job, pause_s=0.1)
    assert until(lambda: len(list(shop.files(job).names("parts"))) >= 3)
    os.kill(first.pid, signal.SIGKILL)
    begun = first.communicate()[0].split()
    shop.wait(0)
    shop.wait(SILENT_S + 1)
    assert shop.now(job).ticket == 2
    finished = set(shop.files(job).names("parts"))
    second = _worker(shop, job, pause_s=0)
    said = second.communicate(timeout=60)[0]
    again = finished.intersection(said.split())
    assert not again, "finished parts are not done twice"
    ended = shop.now(job)
    assert (ended.state, ended.result, ended.attempts) == (JobState.SUCCEEDED, {"parts": 10}, 2)
    assert set(begun) | set(said.split()) >= {f"{number:02d}" for number in range(10)}


def test_two_processes_with_one_ticket_do_the_work_once(shop: "Shop", user: Actor) -> None:
    job = _handed(shop, user)
    both = [_worker(shop, job, pause_s=0.01) for _ in range(2)]
    said = [worker.communicate(timeout=60)[0] for worker in both]
    assert sum("SUCCEEDED" in each for each in said) == 1
    assert sum("started elsewhere" in each for each in said) == 1


def test_a_run_is_cancelled_from_elsewhere_within_seconds(shop: "Shop", user: Actor) -> None:
    job = _handed(shop, user)
    begun, over = threading.Event(), threading.Event()

    def work(run: JobRun) -> dict[str, Any]:
        begun.set()
        while not run.cancelled:
            over.wait(0.01)
        return {}

    thread = threading.Thread(target=_run, args=(shop, job, work))
    thread.start()
    assert begun.wait(10)
    shop.jobs.cancel(user, job.id)
    thread.join(5)
    over.set()
    assert not thread.is_alive()
    assert shop.now(job).state == JobState.CANCELLED

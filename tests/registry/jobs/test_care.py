"""Handing over, noticing what died, telling how it ended; the engine is one that writes down what it is asked."""

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from registry.access import Actor
from registry.access.actor import local_actor
from registry.access.live import Live, SettingsEditor
from registry.jobs.care import NOT_BEGUN, QUIET_S, SILENT_S
from registry.jobs.care_parameters import BackupParameters, CleanParameters
from registry.jobs.kinds import BATCH
from registry.jobs.room import WAITS_FOR_ONE_ALONE, WAITS_FOR_OTHERS, WAITS_FOR_THE_CLOCK
from registry.jobs.tuning_parameters import OptimiseParameters, TuneParameters
from registry.jobs.video.parameters import VideoParameters
from registry.records import Aging, Database, Job, JobState, jobs, utc_now
from registry.settings import Settings
from tests.registry.jobs.conftest import PARAMETERS

if TYPE_CHECKING:
    from tests.registry.jobs.conftest import Shop


def _take(shop: "Shop", job: Job) -> int:
    ticket = shop.now(job).ticket
    with shop.database.write() as session:
        assert jobs.take(session, job.id, ticket) is not None
    return ticket


def _no_more_pause(shop: "Shop", job: Job) -> None:
    """The time that a job has to wait has gone by."""
    with shop.database.write() as session:
        waiting = session.get(Job, job.id)
        assert waiting is not None
        waiting.not_before = None


def _die(shop: "Shop", job: Job, *counts: int) -> None:
    """One more run, which comes so far and falls silent."""
    _no_more_pause(shop, job)
    shop.wait(0)
    ticket = _take(shop, job)
    for done in counts:
        with shop.database.write() as session:
            assert jobs.beat(session, job.id, ticket, done=done, total=100, stage="") is not None
    shop.wait(0)
    shop.wait(SILENT_S + 1)


def test_a_job_is_handed_over_once_whoever_looks(shop: "Shop", user: Actor) -> None:
    job = shop.queue(user)
    shop.wait(0)
    shop.wait(1)
    assert shop.engine.started == [(job.id, 1)]
    assert shop.now(job).flow_run_id == f"{job.id}-1"
    with shop.database.write() as session:  # only the newest ticket takes it, and once
        assert jobs.take(session, job.id, 0) is None
        assert jobs.take(session, job.id, 1) is not None
        assert jobs.take(session, job.id, 1) is None


def test_no_more_run_at_once_than_the_settings_say(
    shop: "Shop", user: Actor, database: Database, settings: Settings
) -> None:
    queued = [shop.queue(user) for _ in range(4)]
    shop.wait(0)
    assert [job_id for job_id, _ in shop.engine.started] == [queued[0].id]  # one batch by default
    assert [_waits_for(shop, job) for job in queued[1:3]] == [
        "1 job is ahead of it; 1 batch job runs at a time.",
        "2 jobs are ahead of it; 1 batch job runs at a time.",
    ]
    editor = SettingsEditor(database, Live(database, settings))
    editor.set(local_actor(), "batch_jobs_at_once", value=9)
    editor.set(local_actor(), "jobs_at_once", value=3)
    shop.care._live.refresh()
    shop.wait(0)
    assert [job_id for job_id, _ in shop.engine.started] == [job.id for job in queued[:3]]
    assert _waits_for(shop, queued[3]) == "3 jobs are ahead of it; 3 jobs run at a time."


def _waits_for(shop: "Shop", job: Job) -> str:
    return str(shop.jobs.to_dict(shop.now(job))["waiting_for"])


def test_while_the_engine_is_away_jobs_wait_and_say_so(shop: "Shop", user: Actor) -> None:
    shop.engine.away = True
    job = shop.queue(user)
    shop.wait(0)
    assert "Prefect does not answer" in shop.jobs.to_dict(shop.now(job))["waiting_for"]
    shop.engine.away = False
    shop.wait(0)
    assert shop.engine.started == [(job.id, 1)]
    assert "being started" in shop.jobs.to_dict(shop.now(job))["waiting_for"]


def test_a_run_that_falls_silent_is_tried_again_until_it_helps_no_more(shop: "Shop", user: Actor) -> None:
    job = shop.queue(user)
    for attempt in range(1, BATCH.most_losses + 2):
        _no_more_pause(shop, job)
        shop.wait(0)
        assert _take(shop, job) == attempt
        shop.wait(0)
        shop.wait(SILENT_S - 1)
        assert shop.now(job).state == JobState.RUNNING
        shop.wait(2)
    ended = shop.now(job)
    assert ended.state == JobState.FAILED
    assert ended.error is not None
    assert ended.error["code"] == "job_died"


def test_a_run_that_finishes_something_each_time_is_never_given_up(shop: "Shop", user: Actor) -> None:
    job = shop.queue(user)
    for attempt in range(1, BATCH.most_losses + 5):
        shop.wait(0)
        ticket = _take(shop, job)
        with shop.database.write() as session:
            jobs.beat(session, job.id, ticket, done=attempt, total=10, stage="")
        shop.wait(0)
        shop.wait(SILENT_S + 1)
        assert shop.now(job).ticket == attempt + 1, "it waits for its next ticket, or has it"


@pytest.mark.parametrize(
    "counts",
    [
        (2, 40),  # each run begins anew and dies at the same place
        (40, 0, 40),  # a count that falls and rises again within a run
        (0, 0, 0),
    ],
)
def test_runs_that_only_catch_up_and_die_are_given_up(shop: "Shop", user: Actor, counts: tuple[int, ...]) -> None:
    job = shop.queue(user)
    for _ in range(BATCH.most_losses + 1):
        assert shop.now(job).state == JobState.QUEUED
        _die(shop, job, *counts)
    ended = shop.now(job)
    assert ended.state == JobState.FAILED
    assert ended.error is not None
    assert ended.error["code"] == "job_died"
    assert ended.most_done == max(counts)


def test_only_who_comes_further_than_all_before_has_the_losses_forgotten(shop: "Shop", user: Actor) -> None:
    job = shop.queue(user)
    for counts, losses, furthest in [((30,), 1, 30), ((10, 30), 2, 30), ((10, 31), 1, 31), ((2,), 2, 31)]:
        _die(shop, job, *counts)
        now = shop.now(job)
        assert (now.losses, now.most_done) == (losses, furthest), counts


def test_whose_runs_die_again_and_again_waits_longer_each_time(shop: "Shop", user: Actor) -> None:
    job = shop.queue(user)
    _die(shop, job)
    assert shop.now(job).not_before is None, "the first time may be chance"
    pauses = []
    for _ in range(2):
        _die(shop, job)
        waiting = shop.now(job)
        assert (waiting.state, waiting.handed_over_at) == (JobState.QUEUED, None)
        assert waiting.not_before is not None
        pauses.append((waiting.not_before - utc_now()).total_seconds())
    assert 0 < pauses[0] <= 2 < pauses[1] <= 4


def test_a_run_that_beats_is_left_alone(shop: "Shop", user: Actor) -> None:
    job = shop.queue(user)
    shop.wait(0)
    ticket = _take(shop, job)
    for done in range(5):
        with shop.database.write() as session:
            assert jobs.beat(session, job.id, ticket, done=done, total=10, stage="") is not None
        shop.wait(SILENT_S - 1)
    assert shop.now(job).state == JobState.RUNNING


def test_a_lost_run_changes_nothing_any_more(shop: "Shop", user: Actor) -> None:
    job = shop.queue(user)
    shop.wait(0)
    old = _take(shop, job)
    shop.wait(0)
    shop.wait(SILENT_S + 1)
    new = _take(shop, job)
    assert new == old + 1
    with shop.database.write() as session:
        assert jobs.beat(session, job.id, old, done=9, total=10, stage="") is None
        assert not jobs.end(session, job.id, old, JobState.SUCCEEDED, result={"by": "the dead"})
        assert jobs.end(session, job.id, new, JobState.SUCCEEDED, result={"by": "the living"})
        assert not jobs.end(session, job.id, new, JobState.FAILED, error={})
    assert shop.now(job).result == {"by": "the living"}


@pytest.mark.parametrize(("where", "after_s"), [("here", SILENT_S), ("there", QUIET_S)])
def test_a_cancelled_run_that_dies_runs_once_more_and_no_oftener(
    shop: "Shop", user: Actor, where: str, after_s: float
) -> None:
    job = shop.queue(user)
    shop.wait(0)
    _take(shop, job)
    if where == "here":
        shop.jobs.cancel(user, job.id)
    else:
        shop.engine.standings[f"{job.id}-1"] = "cancelled"
    shop.wait(0)
    shop.wait(after_s - 0.5)
    assert shop.now(job).state == JobState.RUNNING
    shop.wait(1)
    waiting = shop.now(job)
    assert (waiting.state, waiting.ticket, waiting.handed_over_at is None) == (JobState.QUEUED, 2, False)
    assert waiting.cancel_requested_at is not None
    assert _take(shop, job) == 2
    shop.wait(0)
    shop.wait(SILENT_S + 1)
    assert shop.now(job).state == JobState.CANCELLED
    assert len(shop.engine.started) == 2


def test_a_run_that_is_only_quiet_goes_on(shop: "Shop", user: Actor) -> None:
    job = shop.queue(user)
    shop.wait(0)
    _take(shop, job)
    shop.wait(0)
    shop.wait(QUIET_S + 1)
    assert shop.now(job).state == JobState.RUNNING
    assert not shop.engine.settled


def test_a_last_run_that_is_cancelled_before_it_begins_is_the_end(shop: "Shop", user: Actor) -> None:
    job = shop.queue(user)
    _die(shop, job, 5)
    assert shop.now(job).ticket == 2
    shop.engine.standings[f"{job.id}-2"] = "cancelled"  # where flows run, before it began
    shop.wait(0)
    waiting = shop.now(job)
    assert (waiting.state, waiting.ticket, waiting.cancel_requested_at is None) == (JobState.QUEUED, 3, False)
    shop.engine.standings[f"{job.id}-3"] = "cancelled"
    shop.wait(0)
    assert shop.now(job).state == JobState.CANCELLED


def test_a_last_run_waits_for_nobody(shop: "Shop", user: Actor) -> None:
    job = shop.queue(user)
    _die(shop, job, 5)
    _die(shop, job)  # so that it pauses, and others have its place
    other = shop.queue(user)
    shop.wait(0)
    _take(shop, other)
    shop.files(job).put("parts", "00", b"x")
    assert shop.jobs.cancel(user, job.id).state == JobState.QUEUED
    assert "written down" in shop.jobs.to_dict(shop.now(job))["waiting_for"]
    shop.wait(0)
    assert shop.engine.started[-1] == (job.id, 3)


def test_a_run_whose_process_still_starts_is_waited_for(shop: "Shop", user: Actor) -> None:
    job = shop.queue(user)
    shop.wait(0)
    shop.engine.standings[f"{job.id}-1"] = "booting"

    def handed_over_before(ago: timedelta) -> None:
        with shop.database.write() as session:
            slow = session.get(Job, job.id)
            assert slow is not None
            slow.handed_over_at = utc_now() - ago
        shop.wait(0)

    handed_over_before(2 * NOT_BEGUN)
    assert shop.now(job).ticket == 1, "the machine is busy"
    handed_over_before(timedelta(minutes=4))
    assert shop.now(job).ticket == 2, "it hangs"


@pytest.mark.parametrize("standing", ["ended", "unknown", "starting"])
def test_a_run_that_never_begins_is_handed_over_anew(shop: "Shop", user: Actor, standing: str) -> None:
    job = shop.queue(user)
    shop.wait(0)
    shop.engine.standings[f"{job.id}-1"] = standing  # type: ignore[assignment]
    if standing == "starting":
        shop.wait(0)
        assert shop.now(job).ticket == 1  # it may still come
        with shop.database.write() as session:
            late = session.get(Job, job.id)
            assert late is not None
            late.handed_over_at = utc_now() - NOT_BEGUN - timedelta(seconds=1)
    shop.wait(0)
    shop.wait(0)
    assert shop.engine.started == [(job.id, 1), (job.id, 2)]


def test_the_engine_is_told_how_a_job_ended_that_it_lost_sight_of(shop: "Shop", user: Actor) -> None:
    job = shop.queue(user)
    shop.wait(0)
    shop.jobs.cancel(user, job.id)  # before it began
    shop.wait(0)
    assert shop.engine.settled == {f"{job.id}-1": JobState.CANCELLED}
    shop.engine.settled.clear()
    shop.wait(0)
    assert shop.engine.settled == {}


def test_a_backup_waits_for_nobodys_long_jobs(
    shop: "Shop", user: Actor, database: Database, settings: Settings
) -> None:
    live = Live(database, settings)
    SettingsEditor(database, live).set(local_actor(), "jobs_at_once", value=1)
    shop.care._live.refresh()
    for _ in range(3):
        shop.queue(user)
    backup = shop.jobs.start(local_actor(), "backup", BackupParameters())
    shop.wait(0)
    assert backup.id in {job_id for job_id, _ in shop.engine.started}
    assert len(shop.engine.started) == 2


def _queue(shop: "Shop", kind: str) -> Job:
    parameters = {
        "batch": PARAMETERS,
        "video": VideoParameters(model="m", version=1, source="upload", name="a.mp4"),
        "tune": TuneParameters(model="m", version=1, dataset="starter"),
        "optimise": OptimiseParameters(model="m", version=1, dataset="starter"),
        "backup": BackupParameters(),
        "clean": CleanParameters(dry_run=False),
    }[kind]
    return shop.jobs.start(local_actor(), kind, parameters)


def _started(shop: "Shop", queued: list[Job]) -> list[str]:
    """The kinds of those that were handed over by now, of these."""
    shop.wait(0)
    return [shop.now(job).kind for job in queued if shop.now(job).handed_over_at is not None]


@pytest.mark.parametrize(
    ("cores", "kinds", "started"),
    [
        (2, ["batch", "video"], ["batch", "video"]),
        (2, ["batch", "tune"], ["batch"]),
        (2, ["tune", "batch"], ["tune"]),
        (2, ["tune", "optimise"], ["tune"]),
        (2, ["batch", "tune", "video"], ["batch"]),  # the one that waits is not overtaken
        (2, ["batch", "tune", "backup"], ["batch", "backup"]),  # care waits for nobody
        (2, ["backup", "tune"], ["backup", "tune"]),
        (3, ["batch", "optimise"], ["batch"]),
        (4, ["batch", "tune"], ["batch", "tune"]),
        (None, ["batch", "tune"], ["batch", "tune"]),  # they run on other machines
    ],
)
def test_on_few_cores_what_measures_or_trains_runs_alone(
    shop: "Shop", cores: int | None, kinds: list[str], started: list[str]
) -> None:
    shop.care._cores = cores
    assert _started(shop, [_queue(shop, kind) for kind in kinds]) == started


def test_a_job_that_waits_to_run_alone_says_so_and_runs_next(shop: "Shop") -> None:
    shop.care._cores = 2
    batch, tune, video = (_queue(shop, kind) for kind in ("batch", "tune", "video"))
    assert _started(shop, [batch, tune, video]) == ["batch"]
    said = [shop.jobs.to_dict(shop.now(job))["waiting_for"] for job in (tune, video)]
    assert said == [WAITS_FOR_OTHERS, WAITS_FOR_ONE_ALONE]
    for ended, next_one in ((batch, tune), (tune, video)):
        with shop.database.write() as session:
            assert jobs.end(session, ended.id, 1, JobState.SUCCEEDED, result={})
        assert _started(shop, [next_one]) == [next_one.kind]
        assert shop.now(next_one).stage == ""
    assert shop.now(tune).ticket == 1


def test_a_clean_up_waits_for_an_hour_after_the_clock_was_set_forward(shop: "Shop") -> None:
    began, ahead = utc_now(), timedelta(0)
    shop.care._aging = Aging(lambda: began + timedelta(seconds=shop.clock()) + ahead, shop.clock)
    ahead = timedelta(days=400)
    clean, backup = _queue(shop, "clean"), _queue(shop, "backup")
    assert _started(shop, [clean, backup]) == ["backup"]
    assert shop.jobs.to_dict(shop.now(clean))["waiting_for"] == WAITS_FOR_THE_CLOCK
    shop.clock.now += 3_500
    assert _started(shop, [clean]) == []
    shop.clock.now += 200
    assert _started(shop, [clean]) == ["clean"]
    assert shop.now(clean).stage == ""


def test_of_each_kind_the_oldest_are_seen(shop: "Shop", user: Actor) -> None:
    for _ in range(3):
        shop.queue(user)
    backup = shop.jobs.start(local_actor(), "backup", BackupParameters())
    with shop.database.read() as session:
        assert [job.id for job in jobs.waiting(session, "backup", utc_now(), most=1)] == [backup.id]
        assert len(jobs.waiting(session, "batch", utc_now(), most=2)) == 2


def test_a_run_that_beats_again_just_before_it_is_buried_lives(shop: "Shop", user: Actor) -> None:
    job = shop.queue(user)
    shop.wait(0)
    ticket = _take(shop, job)
    stale = shop.now(job)
    with shop.database.write() as session:
        assert jobs.beat(session, job.id, ticket, done=0, total=10, stage="at work") is not None
    shop.care._lost(stale)
    assert shop.now(job).state == JobState.RUNNING
    shop.care._lost(shop.now(job))
    assert shop.now(job).state == JobState.QUEUED

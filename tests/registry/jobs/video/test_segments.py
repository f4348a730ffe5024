"""Segments of a video: looked at side by side or by others, gone on with after a kill, cancelled."""

import itertools
from collections.abc import Generator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from registry.errors import (
    Forbidden,
    NotFound,
)
from registry.jobs.running import JobRun
from registry.jobs.video import segments
from registry.jobs.video.analysis import analyse_video
from registry.jobs.video.looking import SegmentAsked, SegmentLooker, Spread
from registry.records import Job, JobState, jobs
from registry.testing.watched import wait_until
from tests.registry.jobs.video.conftest import ADA, LINE, ZONE, Works, succeeded


class Died(BaseException):
    """As if the process were gone."""


def test_segments_side_by_side_are_stitched_to_the_same_tracks(works: Works, clip: Path, short_segments: None) -> None:
    one_by_one = works.run(works.start(clip, confidence=0.3, zones=[ZONE], annotate=False))
    together = works.run(works.start(clip, confidence=0.3, zones=[ZONE]), lanes=3)
    first, second = works.table(one_by_one), works.table(together)
    assert first["track_id"].nunique() >= 2
    pd.testing.assert_frame_equal(first, second)
    assert succeeded(one_by_one)["zones"] == succeeded(together)["zones"]
    assert len(works.film(together)) == 100


def test_segments_side_by_side_are_gone_on_with_where_a_run_died(
    works: Works, clip: Path, short_segments: None
) -> None:
    whole = works.run(works.start(clip, confidence=0.35, zones=[ZONE]))
    job = works.start(clip, confidence=0.35, zones=[ZONE], draw=["boxes"])
    told: list[int] = []

    def dies(run: JobRun) -> dict[str, Any]:
        def progress(done: int, total: int, stage: str) -> None:
            told.append(done)
            if done >= 150:
                raise Died

        run.progress = progress  # type: ignore[method-assign]
        return analyse_video(run, works.rooms, 3)

    with pytest.raises(Died):
        works.run(job, dies)
    assert told == sorted(told), "what is told never falls within a run"
    with works.database.write() as session:
        jobs.put_back(session, job.id, 1)
    engine = works.serving.engine
    wait_until(lambda: not engine._running and not engine._waiting, 30)
    answered = works.serving.answered
    ended = works.run(job, lanes=3)
    assert works.serving.answered - answered <= 50, "what was stored is not looked at again"
    pd.testing.assert_frame_equal(works.table(ended), works.table(whole))
    assert len(works.film(ended)) == 100


def test_a_run_that_died_is_gone_on_with_and_the_results_are_there_once(
    works: Works, clip: Path, short_segments: None
) -> None:
    whole = works.run(works.start(clip, confidence=0.31, zones=[ZONE], lines=[LINE]))
    job = works.start(clip, confidence=0.31, zones=[ZONE], lines=[LINE], draw=["boxes"])

    def dies(run: JobRun) -> dict[str, Any]:
        def progress(done: int, total: int, stage: str) -> None:
            run.done = done
            if done >= 60:
                raise Died

        run.progress = progress  # type: ignore[method-assign]
        return analyse_video(run, works.rooms, 1)

    with pytest.raises(Died):
        works.run(job, dies)
    kept = {key.rpartition("/")[2] for key in works.storage.keys(f"jobs/{job.id}/parts/")}
    assert {"000000.npz", "000000.mkv", "000001.npz"} <= kept
    assert "000002.npz" not in kept
    with works.database.write() as session:
        jobs.put_back(session, job.id, 1)
    engine = works.serving.engine  # what the dead run had asked for is still answered: with its process that were gone
    wait_until(lambda: not engine._running and not engine._waiting, 30)
    answered = works.serving.answered
    ended = works.run(job)
    assert works.serving.answered - answered == 50, "what was stored is not looked at again"
    pd.testing.assert_frame_equal(works.table(ended), works.table(whole))
    pd.testing.assert_frame_equal(works.table(ended, "events.csv"), works.table(whole, "events.csv"))
    assert len(works.film(ended)) == 100
    assert {**succeeded(ended), "files": []} == {**succeeded(whole), "files": []}


def _cancelled_at(works: Works, job: Job, count: int, lanes: int, spread: Spread | None = None) -> Job:
    """A run that is cancelled as soon as so much is done."""

    def work(run: JobRun) -> dict[str, Any]:
        tell = run.progress

        def progress(done: int, total: int, stage: str) -> None:
            tell(done, total, stage)
            if done >= count and not run.cancelled:
                works.jobs.cancel(ADA, job.id)
                run.beat()

        run.progress = progress  # type: ignore[method-assign]
        return analyse_video(run, works.rooms, lanes, spread)

    ended = works.run(job, work)
    assert ended.state == JobState.CANCELLED
    assert ended.result is not None
    return ended


def test_cancelling_keeps_what_is_finished(works: Works, clip: Path) -> None:
    ended = _cancelled_at(works, works.start(clip, confidence=0.32), 30, lanes=1)
    assert ended.result is not None
    assert ended.result["pictures"] == len(works.film(ended)) == 30
    assert works.table(ended)["time_s"].max() <= 29 / 25


@pytest.mark.parametrize("count", [80, 130])  # of 200: each picture is looked at, then followed
def test_cancelling_keeps_what_segments_side_by_side_had_found(
    works: Works, clip: Path, short_segments: None, count: int
) -> None:
    whole = works.table(works.run(works.start(clip, confidence=0.33, annotate=False)))
    ended = _cancelled_at(works, works.start(clip, confidence=0.33), count, lanes=3)
    assert ended.result is not None
    assert 0 < ended.result["pictures"] == len(works.film(ended)) <= 100
    kept = works.table(ended)
    assert len(kept)
    pd.testing.assert_frame_equal(kept, whole.iloc[: len(kept)])


def test_of_segments_side_by_side_the_first_is_kept_that_was_only_begun(works: Works, clip: Path) -> None:
    ended = _cancelled_at(works, works.start(clip, confidence=0.34), 30, lanes=3)  # the clip is one segment
    assert ended.result is not None
    assert 0 < ended.result["pictures"] == len(works.film(ended)) < 100


def _others(works: Works, asked_for: list[int] | None = None) -> Spread:
    """Whoever looks at segments in a process of their own, but in this one."""

    def spread(pieces: Sequence[SegmentAsked]) -> Generator[bytes | None, None, None]:
        with closing(SegmentLooker(works.rooms)) as looker:
            for each in pieces:
                yield None
                if asked_for is not None:
                    asked_for.append(each.segment.number)
                yield looker.look_at(each)

    return spread


def test_segments_that_others_look_at_are_stitched_to_the_same_tracks(
    works: Works, clip: Path, short_segments: None
) -> None:
    here = works.run(works.start(clip, confidence=0.3, zones=[ZONE], annotate=False))
    elsewhere = works.start(clip, confidence=0.3, zones=[ZONE])
    elsewhere = works.run(elsewhere, lambda run: analyse_video(run, works.rooms, spread=_others(works)))
    pd.testing.assert_frame_equal(works.table(here), works.table(elsewhere))
    assert succeeded(here)["zones"] == succeeded(elsewhere)["zones"]
    assert (elsewhere.done, elsewhere.total) == (100, 100)
    assert len(works.film(elsewhere)) == 100


def test_what_others_looked_at_is_not_asked_for_again_after_a_kill(
    works: Works, clip: Path, short_segments: None
) -> None:
    job, asked_for = works.start(clip, confidence=0.36), list[int]()

    def dies(run: JobRun) -> dict[str, Any]:
        def spread(pieces: Sequence[SegmentAsked]) -> Generator[bytes | None, None, None]:
            yield from itertools.islice(_others(works, asked_for)(pieces), 6)
            raise Died

        return analyse_video(run, works.rooms, spread=spread)

    with pytest.raises(Died):
        works.run(job, dies)
    with works.database.write() as session:
        jobs.put_back(session, job.id, 1)
    assert asked_for == [0, 1, 2]
    ended = works.run(job, lambda run: analyse_video(run, works.rooms, spread=_others(works, asked_for)))
    assert asked_for == [0, 1, 2, 3]
    assert succeeded(ended)["pictures"] == len(works.film(ended)) == 100


def test_cancelling_keeps_what_others_had_found(works: Works, clip: Path, short_segments: None) -> None:
    whole = works.table(works.run(works.start(clip, confidence=0.37, annotate=False)))
    ended = _cancelled_at(works, works.start(clip, confidence=0.37), 80, lanes=0, spread=_others(works))
    assert ended.result is not None
    assert 0 < ended.result["pictures"] == len(works.film(ended)) < 100
    kept = works.table(ended)
    pd.testing.assert_frame_equal(kept, whole.iloc[: len(kept)])


@pytest.mark.parametrize("gone", ["video", "folder"])
def test_a_segment_of_a_video_that_is_gone_or_may_not_be_read_any_more_is_refused(
    works: Works, clip: Path, gone: str
) -> None:
    job = works.start(clip, confidence=0.38)
    parameters = job.parameters if gone == "video" else {**job.parameters, "source": str(clip)}
    asked = SegmentAsked(job.id, job.owner_id, parameters, segments.Segment(0, 0.0, 1.0, 25))
    if gone == "video":
        works.storage.delete(f"jobs/{job.id}/input/video")
    with closing(SegmentLooker(works.rooms)) as looker, pytest.raises((NotFound, Forbidden)):
        looker.look_at(asked)

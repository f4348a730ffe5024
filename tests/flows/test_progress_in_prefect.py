"""A run's progress in Prefect, which may be away for a while or come back without what it knew."""

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast
from uuid import UUID, uuid4

import pytest
from prefect.exceptions import ObjectNotFound

from flows import job as flow_of_jobs
from registry.testing.watched import wait_until

if TYPE_CHECKING:
    from registry.jobs.running import JobRun


@dataclass
class Run:
    """How far a run is."""

    job_id: str = "a1"
    done: int = 0
    total: int = 10
    stage: str = "counting"


@dataclass
class Prefect:
    """What Prefect shows; away, it answers nobody."""

    away: bool = False
    asked: int = 0
    shown: dict[UUID, float] = field(default_factory=dict)

    def create(self, percent: float, _key: str, _about: str) -> UUID:
        self._check()
        made = uuid4()
        self.shown[made] = percent
        return made

    def update(self, artifact: UUID, percent: float, _about: str) -> None:
        self._check()
        if artifact not in self.shown:
            raise ObjectNotFound(LookupError(artifact))
        self.shown[artifact] = percent

    def _check(self) -> None:
        self.asked += 1
        if self.away:
            raise ConnectionError("nobody answers")


@pytest.fixture
def prefect(monkeypatch: pytest.MonkeyPatch) -> Prefect:
    made = Prefect()
    monkeypatch.setattr(flow_of_jobs, "create_progress_artifact", made.create)
    monkeypatch.setattr(flow_of_jobs, "update_progress_artifact", made.update)
    monkeypatch.setattr(flow_of_jobs, "_SOON_S", 0.01)
    monkeypatch.setattr(flow_of_jobs, "_TELL_S", 0.02)
    return made


@pytest.mark.parametrize("lost", [False, True], ids=["restarted", "restarted-with-another-database"])
@pytest.mark.parametrize("away_first", [False, True])
def test_progress_moves_on_after_prefect_was_away(prefect: Prefect, lost: bool, away_first: bool) -> None:
    run, over = Run(), threading.Event()
    prefect.away = away_first
    thread = threading.Thread(target=flow_of_jobs._tell, args=(cast("JobRun", run), over))
    thread.start()
    try:
        if not away_first:
            wait_until(lambda: prefect.shown, 10)
        prefect.away = True
        missed = prefect.asked + 2
        wait_until(lambda: prefect.asked > missed, 10)
        run.done = 5
        if lost:
            prefect.shown.clear()
        prefect.away = False
        wait_until(lambda: 50.0 in prefect.shown.values(), 10)
        run.done = 10
    finally:
        over.set()
        thread.join(10)
    assert list(prefect.shown.values()) == [100.0], "one artifact, with the last count"

"""Jobs over real records and a real folder, and an engine that only writes down what it is asked to start."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from registry.access import Actor
from registry.access.live import Live
from registry.errors import PrefectUnavailable
from registry.jobs.batch_parameters import BatchParameters
from registry.jobs.care import Care, Silence, Standing
from registry.jobs.files import JobFiles
from registry.jobs.jobs import Jobs
from registry.records import Database, Job, JobState
from registry.settings import Settings
from registry.storage import LocalStorage

PARAMETERS = BatchParameters(model="m", version=1, source="upload")


@dataclass
class Engine:
    """Stands where Prefect stands: the runs that were started, and how far each is said to be."""

    away: bool = False
    started: list[tuple[str, int]] = field(default_factory=list)
    standings: dict[str, Standing] = field(default_factory=dict)
    settled: dict[str, JobState] = field(default_factory=dict)

    def start(self, job: Job) -> str:
        self._check()
        self.started.append((job.id, job.ticket))
        return f"{job.id}-{job.ticket}"

    def standing(self, run_id: str) -> Standing:
        self._check()
        return self.standings.get(run_id, "waiting")

    def settle(self, run_id: str, state: JobState) -> None:
        self._check()
        self.settled[run_id] = state

    def _check(self) -> None:
        if self.away:
            raise PrefectUnavailable("Prefect does not answer")


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Shop:
    """The parts of one platform's jobs."""

    database: Database
    storage: LocalStorage
    jobs: Jobs
    engine: Engine
    clock: Clock
    care: Care

    def queue(self, actor: Actor, key: str | None = None) -> Job:
        return self.jobs.start(actor, "batch", PARAMETERS, key=key, total=10)

    def now(self, job: Job) -> Job:
        with self.database.read() as session:
            found = session.get(Job, job.id)
        assert found is not None
        return found

    def files(self, job: Job) -> JobFiles:
        return JobFiles(self.storage, job.id)

    def wait(self, seconds: float) -> None:
        self.clock.now += seconds
        self.care.step()


@pytest.fixture
def shop(database: Database, settings: Settings, tmp_path: Path) -> Shop:
    storage, engine, clock = LocalStorage(tmp_path / "storage"), Engine(), Clock()
    care = Care(database, Live(database, settings), engine, "test", Silence(clock))
    return Shop(database, storage, Jobs(database, storage), engine, clock, care)

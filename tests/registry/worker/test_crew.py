"""The cameras that run here: each is started, changed and stopped for itself."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from registry.cameras.configuration import analysis_of
from registry.records import CameraRecord
from registry.streams import Camera, CameraSource, Pipeline, SourceKind, SourcePolicy, Zone
from registry.testing.watched import wait_until
from registry.worker.crew import Crew
from registry.worker.detectors import Detectors
from registry.worker.leases import Held

POLICY = SourcePolicy()
DOOR = {"zones": [{"name": "door", "points": [[0, 0], [1, 0], [1, 1]]}]}


@dataclass
class Ship:
    """A crew whose cameras are films that are not there."""

    pipeline: Pipeline = field(default_factory=lambda: Pipeline(POLICY))
    arrived: list[str] = field(default_factory=list)
    begun: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    arriving: Callable[[], object] = lambda: None

    def __post_init__(self) -> None:
        self.detectors = Detectors(_nothing, _nothing, lambda _id, _detector: None)
        self.crew = Crew(self.pipeline, self.detectors, make, self._arrive, self._begin, self.ended.append)

    def _arrive(self, record: CameraRecord) -> None:
        self.arriving()
        self.arrived.append(record.id)

    def _begin(self, record: CameraRecord) -> None:
        self.begun.append(record.id)

    def apply(self, *held: Held) -> None:
        self.crew.apply(held, POLICY)

    def rest(self) -> None:
        wait_until(lambda: not any(post.busy for post in self.crew.posts().values()), 30)

    def close(self) -> None:
        self.crew.stop_all(10)
        self.pipeline.close()
        self.detectors.close()
        self.crew.close()


def _nothing(_asked: object) -> None:
    raise AssertionError("no camera here has a model")


def make(record: CameraRecord, _policy: SourcePolicy) -> Camera:
    source = CameraSource(SourceKind.FILE, path=Path(record.url))
    return Camera(record.id, source, analysis=analysis_of(record.analysis).options())


def held(camera_id: str, revision: int = 1, restarts: int = 0, **values: object) -> Held:
    given = {"name": camera_id, "url": "/none", "owner_id": "o", "owner_name": "o"} | values
    return Held(CameraRecord(id=camera_id, revision=revision, **given), restarts)


@pytest.fixture
def ship() -> Iterator[Ship]:
    made = Ship()
    yield made
    made.close()


def test_what_another_worker_left_is_taken_up_once_and_not_with_each_change(ship: Ship) -> None:
    ship.apply(held("a"))
    ship.rest()
    ship.apply(held("a", 2, url="/other"))
    ship.rest()
    ship.apply(held("a", 3, restarts=1, url="/other"))
    ship.rest()
    assert (ship.arrived, ship.begun) == (["a"], ["a", "a"])
    ship.apply()
    wait_until(lambda: not ship.crew.posts(), 30)
    ship.apply(held("a", 3, restarts=1))
    ship.rest()
    assert (ship.arrived, ship.ended) == (["a", "a"], ["a"])


def test_other_zones_do_not_interrupt_a_camera(ship: Ship) -> None:
    ship.apply(held("a"))
    ship.rest()
    ship.apply(held("a", 2, analysis=DOOR))
    ship.rest()
    post = ship.crew.posts()["a"]
    assert post.camera is not None
    assert [type(each) for each in post.camera.analysis.zones] == [Zone]
    assert (post.record.revision, ship.begun) == (2, ["a"])


def test_cameras_that_wait_to_start_keep_none_from_stopping(ship: Ship) -> None:
    ship.apply(held("runs"))
    ship.rest()
    goes_on = threading.Event()
    ship.arriving = lambda: goes_on.wait(30)
    waiting = [held(f"waits-{number}") for number in range(10)]
    ship.apply(held("runs"), *waiting)
    ship.apply(*waiting)
    wait_until(lambda: ship.ended == ["runs"], 20)
    assert ship.pipeline.cameras == []
    goes_on.set()
    ship.rest()
    assert len(ship.pipeline.cameras) == 10


def test_a_camera_whose_stop_failed_is_started_anew(ship: Ship) -> None:
    ship.apply(held("a"))
    ship.rest()
    ship.ended = []

    def fail(_id: str) -> None:
        raise OSError("the disk is gone")

    ship.crew._ended = fail
    ship.apply()
    ship.rest()
    assert ship.pipeline.cameras == []
    ship.apply(held("a", 2))
    ship.rest()
    assert ship.pipeline.cameras == ["a"]
    ship.crew._ended = ship.ended.append

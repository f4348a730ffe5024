"""An archive that holds what the newest version does makes no version, whoever brings it, and says so."""

import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

from registry.access import Actor
from registry.access.actor import local_actor
from registry.access.live import Live
from registry.models.registry import ModelRegistry
from registry.models.serving import Serving
from registry.records import Database
from registry.settings import Settings
from registry.training.datasets.catalogue import Datasets
from registry.training.datasets.changes import DatasetChanges, NewVersion
from registry.training.datasets.plan import SplitPlan
from registry.training.datasets.workspace import Workspace
from tests.registry.training.datasets.conftest import Pack, picture
from tests.registry.training.datasets.test_import_jobs import Depot


def spots(count: int, name: str = "spot") -> dict[str, str | bytes]:
    made: dict[str, str | bytes] = {"data.yaml": f"names: [{name}]\n"}
    for number in range(count):
        made[f"images/train/{number}.png"] = picture(number)
        made[f"labels/train/{number}.txt"] = "0 0.5 0.5 0.4 0.4\n"
    return made


@pytest.fixture
def datasets(settings: Settings, sqlite: Database) -> Datasets:
    return Datasets(sqlite, Workspace(settings))


@pytest.fixture
def changes(settings: Settings, sqlite: Database, datasets: Datasets) -> DatasetChanges:
    return DatasetChanges(settings, sqlite, Live(sqlite, settings), datasets)


def test_the_same_archive_again_is_the_version_that_is_there(
    changes: DatasetChanges, datasets: Datasets, pack: Pack, engineer: Actor
) -> None:
    first, report = changes.add(engineer, pack(spots(3)), NewVersion("pets"))
    assert report.equals_version is None
    again, report = changes.add(engineer, pack(spots(3)), NewVersion("pets", note="anew"))
    assert (again.id, report.equals_version, report.images) == (first.id, 1, 3)
    assert [each.note for each in datasets.versions(engineer, "pets")] == [""]
    assert list((datasets.workspace.root / "staging").iterdir()) == []
    other, report = changes.add(engineer, pack(spots(3, "dot")), NewVersion("pets"))  # another class is another content
    assert (other.number, report.equals_version) == (2, None)
    back, report = changes.add(engineer, pack(spots(3)), NewVersion("pets"))  # equals an older one: it is news again
    assert (back.number, report.equals_version) == (3, None)


def test_look_alikes_across_the_splits_are_told_at_once_and_make_no_version_of_the_same_archive(
    changes: DatasetChanges, datasets: Datasets, pack: Pack, engineer: Actor
) -> None:
    alike = picture(1)
    pixels = cv2.imdecode(np.frombuffer(alike, np.uint8), cv2.IMREAD_COLOR)
    pixels[0, 0] //= 2
    other = cv2.imencode(".png", pixels)[1].tobytes()  # other bytes, the same look
    members: dict[str, str | bytes] = {"data.yaml": "names: [spot]\n"}
    pictures = {"train/a": alike, "train/b": picture(2), "val/c": picture(3), "test/d": other, "test/e": picture(4)}
    for name, data in pictures.items():
        members[f"images/{name}.png"], members[f"labels/{name}.txt"] = data, "0 0.5 0.5 0.4 0.4\n"
    _, report = changes.add(engineer, pack(members), NewVersion("pets"))
    assert [(each.kind, each.sample, each.message) for each in report.problems] == [
        ("leak", "d.png", "looks like a.png, which belongs to train")
    ]
    before = {each.file: each.split for each in datasets.open(engineer, "pets").dataset.samples}
    assert before == {"a.png": "train", "b.png": "train", "c.png": "val", "d.png": "test", "e.png": "test"}
    again, report = changes.add(engineer, pack(members), NewVersion("pets"))
    assert (again.number, report.equals_version, report.counts) == (1, 1, {"leak": 1})
    assert len(datasets.versions(engineer, "pets")) == 1


def test_who_divides_anew_gets_a_version_whatever_comes_of_it(
    changes: DatasetChanges, pack: Pack, engineer: Actor
) -> None:
    changes.add(engineer, pack(spots(6)), NewVersion("pets"))
    one, two = (changes.split(engineer, "pets", SplitPlan(seed=3), 1) for _ in range(2))
    assert (one.number, two.number, one.sha256) == (2, 3, two.sha256)


def test_the_same_archive_twice_at_once_is_one_version(
    changes: DatasetChanges, datasets: Datasets, pack: Pack, engineer: Actor
) -> None:
    both, told = threading.Barrier(2, timeout=60), list[tuple[int, int | None]]()

    def meet(done: int, total: int) -> None:
        if done == total:
            both.wait()  # each was told before that the name is free

    def add(source: Path) -> None:
        version, report = changes.add(engineer, source, NewVersion("pets"), meet)
        told.append((version.number, report.equals_version))

    threads = [threading.Thread(target=add, args=(pack(spots(2)),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    (version,) = datasets.versions(engineer, "pets")
    assert sorted(told, key=str) == sorted([(version.number, None), (version.number, version.number)], key=str)


def test_a_job_says_that_nothing_was_new(
    models: ModelRegistry, serving: Serving, sqlite: Database, tmp_path: Path, pack: Pack, unique: str
) -> None:
    depot, ada = Depot(models, serving, sqlite, tmp_path / "storage"), local_actor()
    results = [
        depot.run(ada, depot.send(ada, pack(spots(count)), NewVersion(unique))).result or {} for count in (2, 2, 3)
    ]
    assert [(each["version"], each["is_new"]) for each in results] == [(1, True), (1, False), (2, True)]

"""A dataset that grows by one picture: a version with it, nothing lost, nothing half-written."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from registry.access import Actor
from registry.errors import Conflict, Forbidden, InvalidDataset, InvalidImage, InvalidInput, RegistryError
from registry.records import Database, Role
from registry.records import datasets as records
from registry.settings import Settings
from registry.training.datasets.growing import LabelledPicture, grown
from registry.training.datasets.limits import DEFAULT
from registry.training.datasets.sample import Dataset, DatasetTask
from tests.registry.training.datasets.conftest import picture
from tests.registry.training.datasets.test_versions import Rooms

WHEN = datetime(2026, 5, 4, 8, 15, tzinfo=UTC)
HALF = (0.25, 0.25, 0.75, 0.75)


def shot(seed: int, *labels: str, name: str = "") -> LabelledPicture:
    objects = [(label, HALF) for label in labels]
    return LabelledPicture(name or f"{seed}.png", picture(seed), objects, "camera-door", WHEN)


def add(folder: Path, dataset: Dataset | None, *pictures: LabelledPicture) -> Dataset:
    for each in pictures:
        dataset = grown(dataset, each, folder, DEFAULT)
    assert dataset
    return dataset


def test_a_picture_becomes_a_sample_of_no_split_with_its_boxes_in_pixels(tmp_path: Path) -> None:
    held = add(tmp_path, None, shot(1, "person"), shot(2, "dog", "person"))
    assert (held.task, held.classes) == (DatasetTask.DETECT, ("person", "dog"))
    sample = held.samples[0]
    assert (sample.split, sample.group, sample.captured_at, len(sample.look)) == ("", "camera-door", WHEN, 16)
    assert sample.objects[0].box == (8.0, 6.0, 24.0, 18.0)
    assert (tmp_path / "images" / "1.png").read_bytes() == picture(1)


def test_the_same_picture_again_only_adds_what_was_not_on_it(tmp_path: Path) -> None:
    held = add(tmp_path, None, shot(1, "person"), shot(1, "person", "dog", name="other.png"))
    assert [(sample.file, len(sample.objects)) for sample in held.samples] == [("1.png", 2)]


def test_a_name_that_is_taken_is_not_overwritten(tmp_path: Path) -> None:
    held = add(tmp_path, None, shot(1, "person"), shot(2, "person", name="1.PNG"))
    assert len({sample.file.casefold() for sample in held.samples}) == 2
    assert (tmp_path / "images" / "1.png").read_bytes() == picture(1)


CASES: dict[str, tuple[LabelledPicture, type[RegistryError]]] = {
    "no picture": (LabelledPicture("a.png", b"no"), InvalidImage),
    "box outside": (LabelledPicture("a.png", picture(1), [("cat", (0.5, 0.5, 1.5, 0.7))]), InvalidInput),
    "box turned around": (LabelledPicture("a.png", picture(1), [("cat", (0.7, 0.5, 0.5, 0.7))]), InvalidInput),
    "label unprintable": (LabelledPicture("a.png", picture(1), [("a\nb", HALF)]), InvalidInput),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_wrong_is_refused_and_leaves_nothing(case: str, tmp_path: Path) -> None:
    wrong, error = CASES[case]
    with pytest.raises(error):
        grown(None, wrong, tmp_path, DEFAULT)
    assert list(tmp_path.iterdir()) == []


def test_a_dataset_of_another_task_takes_no_boxes(tmp_path: Path) -> None:
    with pytest.raises(InvalidDataset, match="teaches to classify"):
        grown(Dataset(DatasetTask.CLASSIFY, ("cat",)), shot(2, "cat"), tmp_path, DEFAULT)


def test_each_picture_makes_a_version_for_who_may_change_the_dataset(
    settings: Settings, sqlite: Database, engineer: Actor, tmp_path: Path
) -> None:
    rooms = Rooms(settings, sqlite)
    one = rooms.changes.extend(engineer, "door", shot(1, "person"), note="an event of the door")
    two = rooms.changes.extend(engineer, "door", shot(2, "dog", "person"))
    assert (one.number, one.parent, two.number, two.parent) == (1, None, 2, 1)
    assert (one.note, one.images, two.images, two.objects) == ("an event of the door", 1, 2, 3)
    assert len(rooms.datasets.open(engineer, "door").dataset.samples) == 2
    first, second = (rooms.workspace.folder("door", number) / "images" / "1.png" for number in (1, 2))
    assert first.samefile(second)
    rooms.workspace.stage("door", 2, tmp_path / "next")
    assert (tmp_path / "next" / "images" / "1.png").samefile(first)
    (tmp_path / "next" / "annotations.jsonl").write_text("")  # a copy
    assert (second.parents[1] / "annotations.jsonl").stat().st_size
    with pytest.raises(Forbidden):
        rooms.changes.extend(Actor("other", "other", Role.ENGINEER), "door", shot(3, "person"))
    with pytest.raises(Forbidden):
        rooms.changes.extend(Actor("op", "op", Role.OPERATOR), "new", shot(3, "person"))
    with sqlite.write() as session:  # somebody else is at the next version
        record = records.by_name(session, "door")
        assert record
        records.take_number(session, record)
    with pytest.raises(Conflict, match="being made"):
        rooms.changes.extend(engineer, "door", shot(3, "person"))
    assert rooms.datasets.version(engineer, "door").number == 2
    assert list((rooms.workspace.root / "staging").iterdir()) == []

"""Splits without leakage, what looks alike, figures and differences."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import cv2
import numpy as np
import pytest
from pydantic import ValidationError

from registry.errors import InvalidInput
from registry.settings import PROJECT_ROOT
from registry.training.datasets.difference import difference
from registry.training.datasets.likeness import Components, join_alike, look_of
from registry.training.datasets.plan import SplitPlan
from registry.training.datasets.sample import Dataset, DatasetTask, LabelledObject, Sample
from registry.training.datasets.splitting import divide, keep_test
from registry.training.datasets.statistics import statistics_of
from registry.vision.encoding import encode_jpeg
from registry.vision.images import decode_image

SAMPLES = PROJECT_ROOT / "data" / "samples"
START = datetime(2026, 1, 1, tzinfo=UTC)
BOX = (1.0, 2.0, 11.0, 12.0)


def sample(number: int, **more: object) -> Sample:
    """A sample that looks like no other."""
    look = np.random.default_rng(number).bytes(8).hex()
    made = Sample(f"{number:04d}.png", f"sha-{number}", 100, 50, look, captured_at=START + timedelta(hours=number))
    return replace(made, **more)  # type: ignore[arg-type]


def dataset(*samples: Sample) -> Dataset:
    return Dataset(DatasetTask.DETECT, ("often", "seldom"), samples)


def two_classes(count: int, per_group: int = 4) -> Dataset:
    """Groups of frames; one group in five has the rare class."""
    made = []
    for number in range(count):
        group = number // per_group
        objects = (LabelledObject(1 if group % 5 == 0 else 0, BOX),)
        made.append(sample(number, group=f"scene {group}", objects=objects))
    return dataset(*made)


def splits_by(division: tuple[Sample, ...], key: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for each in division:
        found.setdefault(str(getattr(each, key)), set()).add(each.split)
    return found


def test_a_group_is_never_torn_apart_and_classes_are_shared_out() -> None:
    made = divide(two_classes(400), SplitPlan()).samples
    assert all(len(splits) == 1 for splits in splits_by(made, "group").values())
    for class_id, total in ((0, 320), (1, 80)):
        counts = {name: sum(s.split == name and s.class_ids == (class_id,) for s in made) for name in ("train", "val")}
        assert counts["train"] == pytest.approx(0.7 * total, abs=0.1 * total)
        assert counts["val"] == pytest.approx(0.15 * total, abs=0.08 * total)


def test_the_same_seed_divides_the_same_and_another_does_not() -> None:
    one, same, other = (divide(two_classes(200), SplitPlan(seed=seed)).samples for seed in (1, 1, 2))
    assert one == same
    assert one != other


def test_groups_are_read_from_names() -> None:
    frames = [sample(n, file=f"video{n // 10}_{n % 10}.jpg") for n in range(100)]
    made = divide(dataset(*frames), SplitPlan(pattern="{group}_*.jpg")).samples
    assert all(len(splits) == 1 for splits in splits_by(made, "group").values())
    assert {each.group for each in made} == {f"video{n}" for n in range(10)}


@pytest.mark.parametrize("pattern", ["*.jpg", "{group}{group}", "{group}****x", "{group}-*"])
def test_a_pattern_that_finds_no_groups_is_refused(pattern: str) -> None:
    with pytest.raises(InvalidInput):
        divide(two_classes(8), SplitPlan(pattern=pattern))


def test_time_divides_the_old_from_the_new() -> None:
    made = divide(dataset(*(sample(number) for number in reversed(range(100)))), SplitPlan(by="time")).samples
    newest = {
        split: max(s.captured_at for s in made if s.split == split and s.captured_at) for split in ("train", "val")
    }
    oldest = {
        split: min(s.captured_at for s in made if s.split == split and s.captured_at) for split in ("val", "test")
    }
    assert newest["train"] < oldest["val"]
    assert newest["val"] < oldest["test"]
    assert sum(each.split == "test" for each in made) == 15
    with pytest.raises(InvalidInput, match="no capture time"):
        divide(dataset(sample(1), sample(2, captured_at=None)), SplitPlan(by="time"))


def test_pictures_that_look_alike_stay_together() -> None:
    base = [sample(number) for number in range(60)]
    copies = [
        replace(each, file=f"copy-{each.file}", sha256=f"c-{each.sha256}", look=_flip(each.look)) for each in base
    ]
    made = divide(dataset(*base, *copies), SplitPlan()).samples
    split_of = {each.file: each.split for each in made}
    assert all(split_of[each.file] == split_of[f"copy-{each.file}"] for each in base)
    assert set(split_of.values()) == {"train", "val", "test"}


def _flip(look: str, bits: int = 0b100000000010001) -> str:
    return f"{int(look, 16) ^ bits:016x}"


def test_the_hash_knows_a_picture_again_and_tells_others_apart() -> None:
    photo, other = (decode_image((SAMPLES / f"{name}.jpg").read_bytes()) for name in ("pagoda-1280", "lake-1280"))
    smaller = cv2.resize(photo, (400, 225), interpolation=cv2.INTER_AREA)
    worse = decode_image(encode_jpeg(np.ascontiguousarray(photo[..., ::-1]), 40))
    together = Components(4)
    join_alike(together, [look_of(each) for each in (photo, smaller, worse, other)])
    assert together.groups() == [[0, 1, 2], [3]]


def test_hashes_are_joined_exactly_up_to_the_bound() -> None:
    rng = np.random.default_rng(1)
    looks = [int.from_bytes(rng.bytes(8)) & 0xFFFFFF for _ in range(120)]  # crowded: most bits are equal
    together, plain = Components(len(looks)), Components(len(looks))
    join_alike(together, [f"{look:016x}" for look in looks], 4)
    for one in range(len(looks)):
        for other in range(one):
            if (looks[one] ^ looks[other]).bit_count() <= 4:
                plain.join(one, other)
    assert together.groups() == plain.groups()


def test_the_test_of_the_parent_stays_fixed_and_what_is_like_it_is_held_out() -> None:
    parent = divide(two_classes(100), SplitPlan()).samples
    test = {each.sha256 for each in parent if each.split == "test"}
    first = next(each for each in parent if each.split == "test")
    new = [sample(number, group=f"scene {number}") for number in range(200, 260)]
    alike = sample(900, look=_flip(first.look))
    same_scene = sample(901, group=first.group)
    made = divide(dataset(*parent, *new, alike, same_scene), SplitPlan(seed=99), test)
    assert {each.sha256 for each in made.samples if each.split == "test"} == test
    assert set(made.held_out) == {alike.file, same_scene.file}
    assert {each.split for each in made.samples if each.file in made.held_out} == {""}


def test_a_version_that_comes_with_splits_keeps_the_test_of_its_parent() -> None:
    parent = divide(two_classes(100), SplitPlan()).samples
    test = {each.sha256 for each in parent if each.split == "test"}
    shuffled = [replace(each, split="train") for each in parent]
    new_test = sample(900, split="test")
    made = keep_test(dataset(*shuffled, new_test), test)
    assert {each.sha256 for each in made.samples if each.split == "test"} == test
    assert made.held_out == (new_test.file,)
    assert sum(each.split == "train" for each in made.samples) == len(parent) - len(test)


@pytest.mark.parametrize("shares", [{"train": 0.9}, {"train": 0, "val": 0.5, "test": 0.5}, {"train": -1}, {"seed": -1}])
def test_a_plan_that_does_not_add_up_is_refused(shares: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        SplitPlan.model_validate(shares)


def test_statistics_count_what_is_there() -> None:
    objects = (LabelledObject(0, (0, 0, 50, 25)), LabelledObject(1, (90, 40, 100, 50)))
    figures = statistics_of(dataset(sample(1, split="train", objects=objects), sample(2, width=64, height=64)))
    assert (figures.images, figures.objects, figures.backgrounds) == (2, 2, 1)
    assert figures.images_by_split == {"train": 1, "": 1}
    assert [(each.name, each.objects, each.images) for each in figures.classes] == [("often", 1, 1), ("seldom", 1, 1)]
    assert figures.positions[4][4] == figures.positions[14][15] == 1
    assert sum(figures.box_size.counts) == sum(figures.box_aspect.counts) == 2
    assert figures.box_size.counts[10] == 1  # half of each side
    empty = statistics_of(dataset())
    assert (empty.images, empty.objects, sum(map(sum, empty.positions))) == (0, 0, 0)


def test_a_difference_names_what_changed() -> None:
    a, b, c = (sample(n, objects=(LabelledObject(0, BOX),)) for n in range(3))
    moved = replace(b, objects=(LabelledObject(0, (2.0, 2.0, 12.0, 12.0)), LabelledObject(1, BOX)), split="val")
    found = difference(dataset(a, b, c), dataset(a, moved, sample(7)))
    assert (found.images_added, found.images_removed, found.images_changed, found.images_same) == (1, 1, 1, 1)
    assert (found.added, found.removed) == (["0007.png"], ["0002.png"])
    assert found.changed[0].model_dump() == {
        "file": "0001.png", "picture": False, "labels": True, "split": "none → val"
    }  # fmt: skip
    counts = {each.name: (each.added, each.removed, each.before, each.after) for each in found.classes}
    assert counts == {"often": (1, 2, 3, 2), "seldom": (1, 0, 0, 1)}


def test_renumbered_classes_are_no_difference() -> None:
    before = dataset(sample(1, objects=(LabelledObject(0, BOX),)))
    after = Dataset(DatasetTask.DETECT, ("new", "often"), (sample(1, objects=(LabelledObject(1, BOX),)),))
    assert difference(before, after).images_changed == 0

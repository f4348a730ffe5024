"""What changed from one version of a dataset to another."""

from collections import Counter, defaultdict

from pydantic import BaseModel, ConfigDict

from registry.training.datasets.sample import Dataset, Sample

MOST_LISTED = 500


class ClassChange(BaseModel):
    """The objects of one class: added and removed, and how many there are in either version."""

    model_config = ConfigDict(frozen=True)

    name: str
    added: int
    removed: int
    before: int
    after: int


class ImageChange(BaseModel):
    """One picture that both versions have, and what about it changed."""

    model_config = ConfigDict(frozen=True)

    file: str
    picture: bool
    labels: bool
    split: str | None = None


class Difference(BaseModel):
    """Pictures by name and objects by class. Lists have the first 500 names, the numbers count all."""

    model_config = ConfigDict(
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "images_added": 1,
                    "images_removed": 0,
                    "images_changed": 1,
                    "images_same": 1248,
                    "added": ["line3_0412.jpg"],
                    "removed": [],
                    "changed": [{"file": "line1_0007.jpg", "picture": False, "labels": True, "split": None}],
                    "classes": [{"name": "bolt", "added": 3, "removed": 1, "before": 2204, "after": 2206}],
                }
            ]
        },
    )

    images_added: int
    images_removed: int
    images_changed: int
    images_same: int
    added: list[str]
    removed: list[str]
    changed: list[ImageChange]
    classes: list[ClassChange]


def difference(before: Dataset, after: Dataset) -> Difference:
    """Compare two versions; a moved box counts as one removed and one added."""
    old = {sample.file: sample for sample in before.samples}
    new = {sample.file: sample for sample in after.samples}
    both = sorted(old.keys() & new.keys())
    changed = [found for file in both if (found := _change(old[file], new[file], before, after))]
    added, removed = sorted(new.keys() - old.keys()), sorted(old.keys() - new.keys())
    return Difference(
        images_added=len(added),
        images_removed=len(removed),
        images_changed=len(changed),
        images_same=len(both) - len(changed),
        added=added[:MOST_LISTED],
        removed=removed[:MOST_LISTED],
        changed=changed[:MOST_LISTED],
        classes=_classes(before, after),
    )


def _change(old: Sample, new: Sample, before: Dataset, after: Dataset) -> ImageChange | None:
    picture = old.sha256 != new.sha256
    labels = _labels(old, before) != _labels(new, after)
    split = f"{old.split or 'none'} → {new.split or 'none'}" if old.split != new.split else None
    if not (picture or labels or split):
        return None
    return ImageChange(file=old.file, picture=picture, labels=labels, split=split)


def _labels(sample: Sample, dataset: Dataset) -> Counter[tuple[object, ...]]:
    """What is labelled on a picture, by the names of the classes: their numbers may change."""
    whole = [] if sample.label is None else [(dataset.classes[sample.label],)]
    return Counter([*whole, *((dataset.classes[o.class_id], o.box, o.polygons, o.keypoints) for o in sample.objects)])


def _classes(before: Dataset, after: Dataset) -> list[ClassChange]:
    old, new = _by_class(before), _by_class(after)
    names = list(dict.fromkeys([*before.classes, *after.classes]))
    return [
        ClassChange(
            name=name,
            added=(new[name] - old[name]).total(),
            removed=(old[name] - new[name]).total(),
            before=old[name].total(),
            after=new[name].total(),
        )
        for name in names
    ]


def _by_class(dataset: Dataset) -> defaultdict[str, Counter[tuple[object, ...]]]:
    found: defaultdict[str, Counter[tuple[object, ...]]] = defaultdict(Counter)
    for sample in dataset.samples:
        for label, count in _labels(sample, dataset).items():
            found[str(label[0])][(sample.file, *label)] += count
    return found

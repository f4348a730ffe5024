"""Each format read as its users write it, and written so that it reads back the same."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.errors import InvalidDataset, InvalidInput
from registry.training.datasets import annotations
from registry.training.datasets.export import export, formats_for
from registry.training.datasets.intake import Wanted, take_in
from registry.training.datasets.sample import Dataset, DatasetTask, LabelledObject, Sample, bounds
from registry.vision.images import decode_image
from tests.registry.training.datasets.conftest import TakeIn, picture

YAML = "path: ../somewhere\ntrain: ../train/images\nval: valid/images\nnc: 2\nnames: [cat, dog]\n"
VOC = """<annotation><filename>a.png</filename><size><width>32</width><height>24</height></size>
<object><name>cat</name><bndbox><xmin>2</xmin><ymin>3</ymin><xmax>10.5</xmax><ymax>12</ymax></bndbox></object>
</annotation>"""


def coco(**more: object) -> str:
    document = {
        "images": [{"id": 7, "file_name": "a.png", "width": 32, "height": 24, "date_captured": "2026-05-04T08:00:00"}],
        "categories": [{"id": 18, "name": "dog"}, {"id": 3, "name": "cat"}],
        "annotations": [{"id": 1, "image_id": 7, "category_id": 3, "bbox": [2, 3, 8.5, 9]}],
    }
    return json.dumps(document | more)


def test_a_roboflow_archive_of_yolo_is_read(bring: TakeIn) -> None:
    dataset, report = bring(
        {
            "data.yaml": YAML,
            "train/images/a.png": picture(1),
            "train/labels/a.txt": "1 0.5 0.5 0.5 0.5\n",
            "valid/images/b.png": picture(2),
            "valid/labels/b.txt": "",
        }
    )
    assert (report.format, dataset.task, dataset.classes) == ("yolo", "detect", ("cat", "dog"))
    a, b = dataset.samples
    assert (a.file, a.split, a.width, a.height) == ("a.png", "train", 32, 24)
    assert a.objects == (LabelledObject(1, (8.0, 6.0, 24.0, 18.0)),)
    assert (b.split, b.objects) == ("val", ())
    assert report.counts == {"field_ignored": 2, "labels_empty": 1}


def test_pictures_that_every_split_counts_anew_keep_names_that_say_so(bring: TakeIn) -> None:
    files = {f"images/{split}/1.png": picture(index) for index, split in enumerate(("test", "train", "val"))}
    dataset, report = bring(files | {f"labels/{split}/1.txt": "" for split in ("test", "train", "val")})
    assert {sample.file: sample.split for sample in dataset.samples} == {
        "1.png": "test",
        "train/1.png": "train",
        "val/1.png": "val",
    }
    assert report.counts == {"labels_empty": 3}


def test_outlines_and_key_points_of_yolo_are_read(bring: TakeIn) -> None:
    outline = "0 0.25 0.25 0.75 0.25 0.5 0.75\n"
    dataset, _ = bring({"images/a.png": picture(), "labels/a.txt": outline})
    assert dataset.task is DatasetTask.SEGMENT
    assert dataset.samples[0].objects[0].box == (8.0, 6.0, 24.0, 18.0)
    pose = {"data.yaml": "names: {0: hand}\nkpt_shape: [2, 3]\n", "images/a.png": picture()}
    dataset, _ = bring(pose | {"labels/a.txt": "0 0.5 0.5 0.5 0.5 0.25 0.25 2 0 0 0\n"})
    assert (dataset.task, dataset.keypoints) == (DatasetTask.POSE, 2)
    assert dataset.samples[0].objects[0].keypoints == ((8.0, 6.0, 2), (0.0, 0.0, 0))


def test_coco_is_read_whatever_its_category_ids(bring: TakeIn) -> None:
    dataset, report = bring({"images/a.png": picture(), "annotations/instances_val2017.json": coco()})
    assert (report.format, dataset.classes) == ("coco", ("dog", "cat"))
    (sample,) = dataset.samples
    assert (sample.split, sample.captured_at) == ("val", datetime(2026, 5, 4, 8, tzinfo=UTC))
    assert sample.objects == (LabelledObject(1, (2.0, 3.0, 10.5, 12.0)),)


def test_pascal_voc_is_read(bring: TakeIn) -> None:
    files = {"VOC2012/JPEGImages/a.png": picture(), "VOC2012/Annotations/a.xml": VOC}
    dataset, report = bring(files | {"VOC2012/ImageSets/Main/val.txt": "a\n"})
    assert (report.format, dataset.classes, dataset.samples[0].split) == ("voc", ("cat",), "val")
    assert dataset.samples[0].objects == (LabelledObject(0, (2.0, 3.0, 10.5, 12.0)),)


def test_folders_of_classes_are_read_also_an_empty_one_and_from_a_folder(bring: TakeIn, tmp_path: Path) -> None:
    root = tmp_path / "given"
    for name, seed in (("train/dog/1.png", 1), ("train/cat/1.png", 2), ("test/cat/2.png", 3)):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(picture(seed))
    (root / "train" / "bird").mkdir()
    dataset, report = bring(root)
    assert (report.format, dataset.task, dataset.classes) == ("folders", "classify", ("bird", "cat", "dog"))
    found = {sample.file: (sample.split, dataset.classes[sample.label or 0]) for sample in dataset.samples}
    assert found == {"dog/1.png": ("train", "dog"), "cat/1.png": ("train", "cat"), "cat/2.png": ("test", "cat")}


def test_a_table_beside_any_format_says_group_time_and_split(bring: TakeIn) -> None:
    table = "path,split,group,captured_at\nimages/a.png,test,camera 3,2026-05-04T08:00:00+02:00\nimages/none.png,,,\n"
    dataset, report = bring({"images/a.png": picture(), "labels/a.txt": "", "samples.csv": table})
    (sample,) = dataset.samples
    assert (sample.split, sample.group) == ("test", "camera 3")
    assert sample.captured_at == datetime(2026, 5, 4, 6, tzinfo=UTC)
    assert [(each.kind, each.line) for each in report.problems if each.file == "samples.csv"] == [("image_missing", 3)]


def test_a_task_or_format_that_does_not_fit_is_refused(bring: TakeIn, tmp_path: Path) -> None:
    with pytest.raises(InvalidDataset, match="not to segment"):
        bring({"JPEGImages/a.png": picture(), "Annotations/a.xml": VOC}, task=DatasetTask.SEGMENT)
    with pytest.raises(InvalidDataset, match="no format"):
        bring({"a/a.png": picture()}, form="tfrecord")
    with pytest.raises(InvalidInput, match="no room"):
        export(tmp_path, Dataset(DatasetTask.SEGMENT, ("a",)), "voc", tmp_path / "x.zip")


NAMES = st.sampled_from(["a.png", "b.png", "x/a.png", "train/a.png", "images/c.png", "ü 1.png", "a.b.png", "x/y/z.png"])
CLASSES = st.lists(st.text("abcÅß +-_:/.", min_size=1, max_size=8).map(str.strip).filter(bool), unique=True, max_size=4)


@st.composite
def boxes(draw: st.DrawFn) -> tuple[float, float, float, float]:
    x1, y1 = draw(st.integers(0, 3_000)), draw(st.integers(0, 2_200))
    x2, y2 = draw(st.integers(x1 + 10, 3_200)), draw(st.integers(y1 + 10, 2_400))
    return x1 / 100, y1 / 100, x2 / 100, y2 / 100


@st.composite
def objects(draw: st.DrawFn, task: DatasetTask, classes: int) -> LabelledObject:
    class_id, box = draw(st.integers(0, classes - 1)), draw(boxes())
    if task is DatasetTask.SEGMENT:
        x1, y1, x2, y2 = box
        ring = (x1, y1, x2, y1, x2, y2, *((x1, y2) if draw(st.booleans()) else ()))
        return LabelledObject(class_id, bounds([ring]), (ring,))
    if task is DatasetTask.POSE and draw(st.booleans()):
        point = st.tuples(st.integers(0, 3_200), st.integers(0, 2_400), st.integers(1, 2))
        points = draw(st.lists(point, min_size=2, max_size=2))
        return LabelledObject(class_id, box, (), tuple((x / 100, y / 100, seen) for x, y, seen in points))
    return LabelledObject(class_id, box)


@st.composite
def datasets(draw: st.DrawFn) -> Dataset:
    task = draw(st.sampled_from(DatasetTask))
    classes = tuple(draw(CLASSES)) or ("one",)
    samples = []
    for index, file in enumerate(sorted(draw(st.lists(NAMES, unique=True, min_size=1, max_size=4)))):
        sample = Sample(
            file=file,
            sha256=str(index),  # filled in below
            width=32,
            height=24,
            split=draw(st.sampled_from(["", "train", "val", "test"])),
            group=draw(st.sampled_from(["", "camera 1", "=1+1", "a, b"])),
            captured_at=draw(
                st.none() | st.integers(0, 2**31).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
            ),
            label=draw(st.integers(0, len(classes) - 1)) if task is DatasetTask.CLASSIFY else None,
        )
        if task is not DatasetTask.CLASSIFY:
            found = draw(st.lists(objects(task, len(classes)), max_size=3, unique=True))
            sample = replace(sample, objects=tuple(found))
        samples.append(sample)
    return Dataset(task, classes, tuple(samples), 2 if task is DatasetTask.POSE else 0)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None)
@given(made=datasets(), data=st.data())
def test_what_is_exported_reads_back_the_same(
    tmp_path_factory: pytest.TempPathFactory, made: Dataset, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("version")
    for index, sample in enumerate(made.samples):
        path = folder / annotations.IMAGES / sample.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(index))
    form = data.draw(st.sampled_from(formats_for(made)))
    archive = export(folder, made, form, folder / "out.zip")
    found, report = take_in(archive, folder / "in", Wanted(form, made.task))
    bare = [replace(sample, sha256=str(index), look="") for index, sample in enumerate(found.samples)]
    assert replace(found, samples=tuple(bare)) == made
    assert report.images_left_out == report.objects_left_out == 0
    assert annotations.read(folder / "in") == found
    for index, sample in enumerate(found.samples):
        kept = (folder / "in" / annotations.IMAGES / sample.file).read_bytes()
        assert decode_image(kept).tobytes() == decode_image(picture(index)).tobytes()

"""What is wrong with a dataset is told with its place; what attacks is refused, and nothing stays behind."""

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from registry.errors import InvalidDataset
from registry.training.datasets.intake import take_in
from registry.training.datasets.limits import ImportLimits
from registry.training.datasets.problems import ImportReport
from tests.registry.training.datasets.conftest import Pack, TakeIn, picture
from tests.registry.training.datasets.test_formats import VOC, coco


def yolo(labels: str | bytes, **files: str | bytes) -> dict[str, str | bytes]:
    return {"data.yaml": "names: [cat, dog]\n", "images/a.png": picture(), "labels/a.txt": labels, **files}


def problems(report: ImportReport) -> list[tuple[str, str, str, int | None]]:
    return [(each.kind.value, each.effect, each.file, each.line) for each in report.problems]


LINES = [
    ("0 nan 0.5 0.5 0.5", "not_a_number", "left out"),
    ("0 inf 0.5 0.5 0.5", "not_a_number", "left out"),
    ("cat 0.5 0.5 0.5 0.5", "not_a_number", "left out"),
    ("0 0.9 0.5 0.5 0.5", "out_of_bounds", "changed"),
    ("0 320 240 64 48", "out_of_bounds", "left out"),  # pixels where shares are meant
    ("0 1e308 0.5 1e308 1", "out_of_bounds", "left out"),
    ("0 0.5 0.5 0 0.5", "box_empty", "left out"),
    ("0 0.5 0.5 -0.5 0.5", "box_empty", "left out"),
    ("7 0.5 0.5 0.5 0.5", "class_unnamed", "changed"),
    ("-1 0.5 0.5 0.5 0.5", "class_invalid", "left out"),
    ("0.5 0.5 0.5 0.5 0.5", "class_invalid", "left out"),
    ("99999999 0.5 0.5 0.5 0.5", "class_invalid", "left out"),
    ("0 0.5 0.5", "labels_unreadable", "left out"),
    ("0 0.1 0.1 0.2 0.2 0.3", "outline_invalid", "left out"),
    ("1 0.25 0.25 0.5 0.5", "box_duplicate", "left out"),
]


@pytest.mark.parametrize(("line", "kind", "effect"), LINES)
def test_a_wrong_line_is_told_with_file_and_line(bring: TakeIn, line: str, kind: str, effect: str) -> None:
    dataset, report = bring(yolo(f"1 0.25 0.25 0.5 0.5\n{line}\n"))
    assert problems(report) == [(kind, effect, "labels/a.txt", 2)]
    assert len(dataset.samples[0].objects) == (1 if effect == "left out" else 2)
    assert all(0 <= x <= 32 for item in dataset.samples[0].objects for x in item.box[::2])


def test_a_wrong_class_id_makes_one_class_and_none_between(bring: TakeIn) -> None:
    dataset, report = bring(yolo("1 0.25 0.25 0.5 0.5\n9999 0.5 0.5 0.25 0.25\n"))
    assert dataset.classes == ("cat", "dog", "class 9999")
    assert [item.class_id for item in dataset.samples[0].objects] == [1, 2]
    assert problems(report) == [("class_unnamed", "changed", "labels/a.txt", 2)]


def test_what_is_no_dataset_is_told_by_what_it_holds(bring: TakeIn) -> None:
    with pytest.raises(InvalidDataset) as refused:
        bring({"annotations.json": '{"imgs": [', "images/a.png": picture()})
    assert "annotations.json" in refused.value.hint


def test_labels_in_another_encoding_are_read_and_noted(bring: TakeIn) -> None:
    row = "1 0.25 0.25 0.5 0.5\n"
    for labels in (row.encode("utf-16"), row.encode("utf-8-sig")):
        assert bring(yolo(labels))[1].counts == {}
    dataset, report = bring(yolo(row, **{"data.yaml": "names: [k\xe4tzchen, hund]\n".encode("latin-1")}))
    assert dataset.classes == ("kätzchen", "hund")
    assert problems(report) == [("encoding", "changed", "data.yaml", None)]


LIAR = picture()[:16] + struct.pack(">II", 60_000, 60_000) + picture()[24:]


@pytest.mark.parametrize("data", [b"", b"GIF89a", picture()[:200], LIAR, b"\xff\xd8\xff" + b"\0" * 60], ids=len)
def test_a_picture_that_is_none_is_left_out(bring: TakeIn, data: bytes) -> None:
    dataset, report = bring(yolo("", **{"images/bad.png": data}))
    assert [sample.file for sample in dataset.samples] == ["a.png"]
    assert ("image_unreadable", "left out", "images/bad.png", None) in problems(report)
    assert report.images_left_out == 1


def test_missing_pictures_and_labels_without_pictures_are_told(bring: TakeIn) -> None:
    _, report = bring(yolo("", **{"labels/b.txt": "0 0.5 0.5 0.5 0.5"}))
    assert ("image_missing", "left out", "labels/b.txt", None) in problems(report)
    more = {"id": 8, "file_name": "../../etc/passwd.png", "width": 1, "height": 1}
    images = [*json.loads(coco())["images"], more]
    _, report = bring({"images/a.png": picture(), "images/b.png": picture(2), "coco.json": coco(images=images)})
    assert sorted(report.counts.items()) == [("image_missing", 1), ("image_unlabelled", 1)]


def test_a_picture_of_another_size_than_its_labels_say_is_told(bring: TakeIn) -> None:
    wrong = VOC.replace("<width>32", "<width>64")
    _, report = bring({"JPEGImages/a.png": picture(), "Annotations/a.xml": wrong})
    assert problems(report) == [("size_differs", "kept", "JPEGImages/a.png", None)]


def test_pictures_that_are_there_twice_are_told_and_a_leak_is_called_one(bring: TakeIn) -> None:
    same = picture(5)
    files = {f"images/{name}.png": same for name in ("train/a", "train/b", "test/c")}
    _, report = bring({"data.yaml": "names: [x]\n", **files, **{f"labels/train/{n}.txt": "" for n in "ab"}})
    assert (report.counts["duplicate"], report.counts["leak"]) == (1, 1)


COCO_ERRORS = [
    ({"annotations": [{"image_id": 7, "category_id": 99, "bbox": [1, 1, 5, 5]}]}, "class_invalid"),
    ({"annotations": [{"image_id": 7, "category_id": 3, "bbox": [1, 1, None, 5]}]}, "not_a_number"),
    ({"annotations": [{"image_id": 7, "category_id": 3, "bbox": "all of it"}]}, "labels_unreadable"),
    ({"annotations": [{"image_id": 1, "category_id": 3, "bbox": [1, 1, 5, 5]}]}, "image_missing"),
    ({"annotations": ["what"]}, "labels_unreadable"),
    ({"annotations": [{"image_id": {}, "category_id": [], "bbox": [1, 1, 5, 5]}]}, "class_invalid"),
]


@pytest.mark.parametrize(("change", "kind"), COCO_ERRORS)
def test_a_wrong_annotation_of_coco_is_told(bring: TakeIn, change: dict[str, object], kind: str) -> None:
    _, report = bring({"images/a.png": picture(), "c.json": coco(**change)})
    assert report.counts == {kind: 1, "labels_empty": 1}
    assert report.problems[0].file == "c.json"
    assert report.objects_left_out == 1


NOT_READ = [
    ({"c.json": '{"images": [], "categories": [}'}, "line 1, column 31"),
    (
        {"set/c.json": '{"images": [{"id": 1, "file_na', "cat/a.png": picture()},
        "set/c.json is not JSON: line 1, column 31",
    ),
    ({"c.json": '{"images" []}', "cat/a.png": picture()}, "c.json is not JSON: line 1, column 11"),
    ({"c.json": '{"images": {}, "annotations": []}'}, "c.json: `images` is a dict where a list"),
    ({"c.json": coco(categories=[{"id": 1}])}, "no name"),
    ({"c.json": '{"annotations": 1, "images": [' + "[" * 100_000}, "not JSON"),
    ({"data.yaml": "names: !!python/object/apply:os.system ['touch /tmp/pwned']"}, "not plain YAML"),
    ({"data.yaml": "a: &a [1]\nnames: [*a, *a]"}, "aliases"),
    ({"data.yaml": "names: " + "[" * 5_000}, "not plain YAML"),
    ({"data.yaml": "names: [cat]\n: :\n- x"}, "not plain YAML"),
    ({"data.yaml": "names: [cat]\nnc: !!bool x"}, "not plain YAML"),
    ({"data.yaml": "names: [cat]\nnc: !!int ''"}, "not plain YAML"),
    ({"data.yaml": "names: [cat]\nmade: !!timestamp x"}, "not plain YAML"),
    ({"data.yaml": "names: [cat]\nmade: 2001-13-45"}, "not plain YAML"),
    ({"data.yaml": "names: [cat]\nratio: 1" + ":59" * 400 + ".5"}, "1,203 characters"),  # larger than any float
    ({"data.yaml": "names: [cat]\nnc: 1" + ":59" * 200_000}, "600,001 characters"),  # minutes of arithmetic
    ({"data.yaml": "names: {0: [1, 2]}"}, "names no class"),
    ({"data.yaml": "names: 5"}, "list or mapping"),
    ({"readme.txt": "nothing"}, "no picture"),
]


@pytest.mark.parametrize(("files", "match"), NOT_READ)
def test_a_document_that_cannot_be_read_refuses_the_whole(
    tmp_path: Path, pack: Pack, files: dict[str, str], match: str
) -> None:
    pictures = {} if "readme.txt" in files else {"images/a.png": picture(), "labels/a.txt": ""}
    form = None if "readme.txt" not in files else "yolo"
    with pytest.raises(InvalidDataset, match=match):
        _take(pack(pictures | files), tmp_path / "staging", form)
    assert not (tmp_path / "staging").exists()


def test_json_that_cannot_be_read_is_named_where_no_format_is_recognised(tmp_path: Path, pack: Pack) -> None:
    with pytest.raises(InvalidDataset, match=r"none of .*; annotations.json is not JSON: line 1"):
        _take(pack({"annotations.json": "[" * 200_000, "images/a.png": picture()}), tmp_path / "staging", None)


def _take(path: Path, staging: Path, form: str | None) -> None:
    from registry.training.datasets.intake import Wanted

    take_in(path, staging, Wanted(form))


@pytest.mark.parametrize(
    "xml",
    [
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotation><filename>&x;</filename></annotation>',
        '<!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><annotation>&b;</annotation>',
        "<annotation><filename>b.png",
    ],
)
def test_a_wrong_xml_file_costs_its_picture_alone(bring: TakeIn, xml: str) -> None:
    files = {f"JPEGImages/{name}.png": picture(index) for index, name in enumerate("ab")}
    dataset, report = bring(files | {"Annotations/a.xml": VOC, "Annotations/b.xml": xml})
    assert [sample.file for sample in dataset.samples] == ["a.png"]
    assert ("labels_unreadable", "left out", "Annotations/b.xml", None) in problems(report)


@pytest.mark.parametrize("place", ["/etc", "../../etc", "~/x", "https://example.net/x.zip", "C:/x"])
def test_places_outside_and_programs_in_a_yaml_file_are_ignored_with_the_reason(bring: TakeIn, place: str) -> None:
    config = f"names: [cat]\npath: {place}\ntrain: {place}\ndownload: import os; os.abort()\n"
    dataset, report = bring(yolo("", **{"data.yaml": config}))
    said = [each.message for each in report.problems if each.kind == "field_ignored"]
    assert len(said) == 3
    assert "never run" in said[0]
    assert dataset.samples[0].split == ""


def _raw_zip(*members: tuple[str, bytes, int]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content, mode in members:
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content)
    return out.getvalue()


def _damaged() -> bytes:
    whole = bytearray(
        _raw_zip(("a.png", picture(), 0o644), ("a.txt", b"", 0o644), ("data.yaml", b"names: [cat]" * 99, 0o644))
    )
    at = whole.find(zlib.compress(b"names: [cat]" * 99)[2:-4])
    whole[at + 3] ^= 0xFF
    return bytes(whole)


ATTACKS: list[tuple[str, Callable[[], bytes], str]] = [
    ("no zip", lambda: b"PK\x05\x06" + b"\0" * 18, "not a zip"),
    ("cut off", lambda: _raw_zip(("a/b.png", picture(), 0o644))[:-30], "cut off"),
    ("slip", lambda: _raw_zip(("../../a.png", picture(), 0o644)), "leads out"),
    ("absolute", lambda: _raw_zip(("/a.png", picture(), 0o644)), "leads out"),
    ("backslash", lambda: _raw_zip(("..\\a.png", picture(), 0o644)), "leads out"),
    ("link", lambda: _raw_zip(("images/a.png", b"/etc/passwd", 0o120777)), "a link"),
    ("bomb", lambda: _raw_zip(("images/a.png", b"\0" * (64 << 20), 0o644)), "times its size"),
    ("twice", lambda: _raw_zip(("x/A.png", picture(), 0o644), ("x/a.png", picture(), 0o644)), "twice"),
    ("depth", lambda: _raw_zip(("x/" * 60 + "a.png", picture(), 0o644)), "nested deeper"),
    ("damaged", _damaged, "damaged inside"),
]


@pytest.mark.parametrize(("attack", "match"), [row[1:] for row in ATTACKS], ids=[row[0] for row in ATTACKS])
def test_an_archive_that_attacks_is_refused(tmp_path: Path, attack: Callable[[], bytes], match: str) -> None:
    (tmp_path / "x.zip").write_bytes(attack())
    with pytest.raises(InvalidDataset, match=match):
        take_in(tmp_path / "x.zip", tmp_path / "staging")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.zip"]


def test_too_much_of_anything_is_refused_or_cut(tmp_path: Path, pack: Pack) -> None:
    limits = ImportLimits(images=2, objects=3, objects_per_image=2, image_bytes=3_000, classes=5)
    three = {f"c/{number}.png": picture(number) for number in range(3)}
    with pytest.raises(InvalidDataset, match="more than 2 pictures"):
        take_in(pack(three), tmp_path / "a", limits=limits)
    rows = "".join(f"0 0.5 0.5 0.{number} 0.5\n" for number in range(1, 8))
    with pytest.raises(InvalidDataset, match="more than 3 objects"):
        take_in(pack(yolo(rows)), tmp_path / "b", limits=limits)
    dataset, report = take_in(pack(yolo(rows[:54])), tmp_path / "c", limits=limits)
    assert len(dataset.samples[0].objects) == 2
    assert report.counts == {"too_many_objects": 1}
    _, report = take_in(pack({"c/a.png": picture(), "c/b.png": picture(1, (64, 64))}), tmp_path / "d", limits=limits)
    assert report.counts == {"image_unreadable": 1}
    assert "which is the limit (image_max_mb in the settings)" in report.problems[0].message


def test_links_in_a_folder_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "given"
    (folder / "cat").mkdir(parents=True)
    (folder / "cat" / "a.png").write_bytes(picture())
    (folder / "cat" / "b.png").symlink_to("/etc/hostname")
    with pytest.raises(InvalidDataset, match="is a link"):
        take_in(folder, tmp_path / "staging")
    (folder / "cat" / "b.png").unlink()
    (folder / "loop").symlink_to(folder)
    with pytest.raises(InvalidDataset, match="is a link"):
        take_in(folder, tmp_path / "staging")
    with pytest.raises(InvalidDataset, match="neither"):
        take_in(tmp_path / "none", tmp_path / "staging")


def test_unusable_and_taken_names_are_replaced(bring: TakeIn) -> None:
    table = "path,file\nc/a.png,../../x.png\nc/b.png,same.png\nd/c.png,SAME.png\nd/d.png,same.png/x.png\n"
    files = {
        f"{folder}/{name}.png": picture(index) for index, (folder, name) in enumerate(zip("ccdd", "abcd", strict=True))
    }
    dataset, report = bring({**files, "samples.csv": table})
    assert report.counts == {"name_taken": 3}
    assert len({sample.file for sample in dataset.samples}) == 4
    assert all(".." not in sample.file for sample in dataset.samples)

"""Pascal VOC: an XML file for each picture, and lists of names for the splits."""

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from registry.errors import InvalidDataset
from registry.training.datasets import texts
from registry.training.datasets.image_index import ImageIndex
from registry.training.datasets.limits import DEFAULT, ImportLimits
from registry.training.datasets.parsed import Parsed, ParsedImage, ParsedObject, numbers, plain_name
from registry.training.datasets.problems import Findings, ProblemKind
from registry.training.datasets.sample import SPLITS, DatasetTask
from registry.training.datasets.source import Source, split_of

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_CORNERS = ("xmin", "ymin", "xmax", "ymax")
_FOLDERS = ("JPEGImages/", "Annotations/")


def looks_like(source: Source) -> bool:
    """Whether there is an XML file of an annotation."""
    names = [name for name in source.files if name.lower().endswith(".xml")]
    return any(b"<annotation" in source.read(name, DEFAULT.label_bytes)[:2_000] for name in names[:20])


def read(source: Source, findings: Findings, limits: ImportLimits, task: DatasetTask | None) -> Parsed:
    """Every picture that an XML file names, with its objects."""
    if task not in (None, DatasetTask.DETECT):
        raise InvalidDataset(f"Pascal VOC has boxes, which teach to detect, not to {task}")
    index, names = ImageIndex(source.files), _given_classes(source, findings, limits)
    splits = _splits(source, findings, limits)
    images: dict[str, ParsedImage] = {}
    for file in source.files:
        if not file.lower().endswith(".xml"):
            continue
        try:
            root = texts.xml_of(source.read(file, limits.label_bytes), file)
        except InvalidDataset as error:
            findings.leave_image(ProblemKind.LABELS_UNREADABLE, error.message, file)
            continue
        if root.tag != "annotation":
            continue
        wanted = root.findtext("filename") or PurePosixPath(file).with_suffix(".jpg").name
        path = index.find(wanted, PurePosixPath(file).parent.as_posix(), file, findings)
        if path:
            images[path] = _image(path, file, root, names, splits, findings)
    for path in index.unused():
        findings.leave_image(ProblemKind.IMAGE_UNLABELLED, "no XML file names this picture", path)
    return Parsed(DatasetTask.DETECT, list(names), list(images.values()))


def _given_classes(source: Source, findings: Findings, limits: ImportLimits) -> dict[str, int]:
    """The order of the classes where a `classes.txt` gives it; the others follow as they come."""
    names: dict[str, int] = {}
    for file in ("classes.txt", "labels.txt"):
        if file in source.files:
            lines = texts.text_of(source.read(file, limits.label_bytes), file, findings).split("\n")
            for name in filter(None, map(texts.class_name, lines[: limits.classes])):
                names.setdefault(name, len(names))
            break
    return names


def _splits(source: Source, findings: Findings, limits: ImportLimits) -> dict[str, str]:
    found: dict[str, str] = {}
    for split in SPLITS:
        for file in source.files:
            if file == f"ImageSets/Main/{split}.txt" or file.endswith(f"/ImageSets/Main/{split}.txt"):
                for line in texts.text_of(source.read(file, limits.document_bytes), file, findings).splitlines():
                    found.setdefault(line.strip(), split)
    return found


def _image(
    path: str, file: str, root: "Element", names: dict[str, int], splits: dict[str, str], findings: Findings
) -> ParsedImage:
    name = plain_name(path.removeprefix(_FOLDERS[0]))
    stem = PurePosixPath(path.removeprefix(_FOLDERS[0])).with_suffix("").as_posix()
    made = ParsedImage(path, name, splits.get(stem) or splits.get(PurePosixPath(path).stem) or split_of(path))
    size = numbers((root.findtext("size/width"), root.findtext("size/height")))
    made.size_wh = (int(size[0]), int(size[1])) if size and min(size) > 0 else None
    for number, element in enumerate(root.iter("object"), start=1):
        item = _object(element, file, f"object {number}", names, findings)
        if item is not None:
            made.objects.append(item)
    return made


def _object(
    element: "Element", file: str, where: str, names: dict[str, int], findings: Findings
) -> ParsedObject | None:
    name = texts.class_name(element.findtext("name"))
    if not name:
        findings.leave_object(ProblemKind.CLASS_INVALID, f"{where} has no class", file)
        return None
    corners = [element.findtext(f"bndbox/{corner}") for corner in _CORNERS]
    values = numbers(corners)
    if values is None:
        message = f"{where}: `bndbox` {str(corners)[:60]} is not four finite numbers"
        findings.leave_object(ProblemKind.NOT_A_NUMBER, message, file)
        return None
    return ParsedObject(names.setdefault(name, len(names)), file, box=values, where=where)

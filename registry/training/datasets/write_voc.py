"""A dataset as Pascal VOC has it: `JPEGImages`, `Annotations`, `ImageSets/Main`, and `classes.txt` for their order."""

from collections import defaultdict
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from registry.training.datasets import sidecar
from registry.training.datasets.layout import Layout, number, stem_of, unlike
from registry.training.datasets.sample import Dataset, LabelledObject, Sample


def layout(dataset: Dataset) -> Layout:
    """Corners as they are, counted from 0 and with decimals, as today's tools write them."""
    pictures, texts = [], {}
    sets: dict[str, list[str]] = defaultdict(list)
    for name, sample in zip(unlike(dataset.samples), dataset.samples, strict=True):
        pictures.append((f"JPEGImages/{name}", sample))
        texts[f"Annotations/{stem_of(name)}.xml"] = _document(name, sample, dataset)
        if sample.split:
            sets[sample.split].append(stem_of(name))
    for split, stems in sets.items():
        texts[f"ImageSets/Main/{split}.txt"] = "".join(f"{stem}\n" for stem in stems)
    texts["classes.txt"] = "".join(f"{name}\n" for name in dataset.classes)
    texts[sidecar.FILE] = sidecar.rows(pictures)
    return Layout(pictures, texts)


def _document(name: str, sample: Sample, dataset: Dataset) -> str:
    root = Element("annotation")
    SubElement(root, "folder").text = "JPEGImages"
    SubElement(root, "filename").text = name
    size = SubElement(root, "size")
    for tag, value in (("width", sample.width), ("height", sample.height), ("depth", 3)):
        SubElement(size, tag).text = str(value)
    SubElement(root, "segmented").text = "0"
    for item in sample.objects:
        _add_object(root, item, dataset.classes[item.class_id])
    indent(root)
    return tostring(root, encoding="unicode") + "\n"


def _add_object(root: Element, item: LabelledObject, name: str) -> None:
    element = SubElement(root, "object")
    for tag, text in (("name", name), ("pose", "Unspecified"), ("truncated", "0"), ("difficult", "0")):
        SubElement(element, tag).text = text
    box = SubElement(element, "bndbox")
    for tag, value in zip(("xmin", "ymin", "xmax", "ymax"), item.box, strict=True):
        SubElement(box, tag).text = number(value)

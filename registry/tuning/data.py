"""Labelled pictures to tune on: some to calibrate with, others, never seen before, to judge by."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from registry.errors import InvalidInput, MissingExtra, RegistryError
from registry.jobs.tuning_parameters import STARTER
from registry.runtime.card import ModelCard, Task
from registry.settings import PROJECT_ROOT
from registry.training.scene_folder import LabelledImage
from registry.tuning.label_rows import ROWS, labelled
from registry.vision.images import decode_image

STARTER_TASKS = (Task.DETECT, Task.CLASSIFY)
CALIBRATION_MOST, HELD_OUT_MOST = 128, 400
_CALIBRATION, _HELD_OUT = ("calibration", "train"), ("held_out", "val", "valid", "test")
_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})
_LAYOUTS = {
    **{
        task: f"SPLIT/images/*.jpg with SPLIT/labels/*.txt (a line is {row}, in shares of the picture)"
        for task, row in ROWS.items()
    },
    Task.CLASSIFY: "SPLIT/LABEL/*.jpg",
}

Split = Callable[[], Iterator[LabelledImage]]


@dataclass(frozen=True, slots=True)
class TuningData:
    """Where the pictures come from, `version` a hash of the held-out ones, and the two splits.

    For a classifier a picture has no boxes and one label.
    """

    name: str
    version: str
    calibration: Split
    held_out: Split


def open_data(source: str | Path | None, card: ModelCard) -> TuningData:
    """The pictures of a folder, or of `starter`: the digits that the starter models were trained and judged on.

    At most CALIBRATION_MOST and HELD_OUT_MOST are used, the first by name. Raises InvalidInput when there is no
    dataset, when it has not both splits, or when its labels are not the model's; MissingExtra.
    """
    check_task(card)
    if not source:
        raise InvalidInput(
            "tuning needs labelled pictures to measure accuracy on",
            hint=f"Name a folder with --dataset: {_LAYOUTS[card.task]}, SPLIT being train and val. "
            "For the starter models: --dataset starter.",
        )
    return _starter(card) if str(source) == STARTER else _folder(Path(source), card)


def check_task(card: ModelCard) -> None:
    """Raise InvalidInput for a task whose accuracy is not measured here."""
    if card.task not in _LAYOUTS:
        raise InvalidInput(
            f"a model that answers task {card.task} cannot be tuned: accuracy is measured for {', '.join(_LAYOUTS)}",
        )


def _starter(card: ModelCard) -> TuningData:
    from registry.training.digits import LABELS, load_digits, split_digits
    from registry.training.glyphs import plain_glyphs
    from registry.training.params import TrainingParams
    from registry.training.scenes import Scene, SceneComposer

    if card.labels != LABELS:
        raise InvalidInput("the dataset starter has the digits 0 to 9; this model has other labels")
    if card.task not in STARTER_TASKS:
        raise InvalidInput(f"the dataset starter has boxes and classes; this model answers task {card.task}")
    params = TrainingParams.load(PROJECT_ROOT / "params.yaml")
    try:
        split = split_digits(load_digits(), params.dataset.held_out_fraction, params.seed)
    except ImportError as error:
        raise MissingExtra("scikit-learn is not installed", hint='pip install "nexusai[train]"') from error

    def bgr(scene: Scene) -> LabelledImage:
        return LabelledImage(np.ascontiguousarray(scene.image_rgb[..., ::-1]), scene.boxes_xyxy, scene.labels)

    def scenes(which: str, seed: int, count: int) -> Split:
        composer = SceneComposer.over(getattr(split, which), params.scenes)
        return lambda: (bgr(composer.compose(seed, number)) for number in range(count))

    def glyphs(which: str, count: int) -> Split:
        digits = getattr(split, which)
        pairs = list(zip(plain_glyphs(digits), digits.labels, strict=True))[:count]
        return lambda: (_classified(np.repeat(glyph[..., None], 3, axis=2), int(label)) for glyph, label in pairs)

    version = card.dataset.split()[2].rstrip(",:") if len(card.dataset.split()) > 2 else ""
    if card.task is Task.DETECT:
        calibration = scenes("train", params.seed, CALIBRATION_MOST)
        held_out = scenes("held_out", params.seed + 1, min(HELD_OUT_MOST, params.dataset.held_out_scenes))
        return TuningData("starter scenes", version, calibration, held_out)
    return TuningData("starter digits", version, glyphs("train", CALIBRATION_MOST), glyphs("held_out", HELD_OUT_MOST))


def _folder(root: Path, card: ModelCard) -> TuningData:
    if not root.is_dir():
        raise InvalidInput(f"{root} is not a folder of labelled pictures", hint=f"It takes {_LAYOUTS[card.task]}.")
    calibration = _pictures(root, _CALIBRATION, card.task)[:CALIBRATION_MOST]
    held_out = _pictures(root, _HELD_OUT, card.task)[:HELD_OUT_MOST]
    digest = hashlib.sha256()
    for path in held_out:
        digest.update(path.relative_to(root).as_posix().encode() + hashlib.sha256(path.read_bytes()).digest())
    read = _class_of if card.task is Task.CLASSIFY else _objects
    return TuningData(
        root.name,
        digest.hexdigest()[:12],
        lambda: (read(path, card) for path in calibration),
        lambda: (read(path, card) for path in held_out),
    )


def _pictures(root: Path, splits: Sequence[str], task: Task) -> list[Path]:
    for split in splits:
        folder = root / split if task is Task.CLASSIFY else root / split / "images"
        found = (
            sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES) if folder.is_dir() else []
        )
        if found:
            # classes are folders: every so many of all rather than all of the first class
            return found[:: max(1, len(found) // HELD_OUT_MOST)] if task is Task.CLASSIFY else found
    raise InvalidInput(
        f"{root} has no pictures in {' or '.join(f'{each}/' for each in splits)}",
        hint=f"It takes {_LAYOUTS[task]}; one SPLIT is {' or '.join(_CALIBRATION)}, another {' or '.join(_HELD_OUT)}.",
    )


def _objects(path: Path, card: ModelCard) -> LabelledImage:
    return labelled(decoded(path), path.parents[1] / "labels" / f"{path.stem}.txt", card)


def _class_of(path: Path, card: ModelCard) -> LabelledImage:
    if path.parent.name not in card.labels:
        raise InvalidInput(f"{path.parent}: the model has no class {path.parent.name!r}")
    return _classified(decoded(path), card.labels.index(path.parent.name))


def _classified(image_bgr: npt.NDArray[np.uint8], label: int) -> LabelledImage:
    return LabelledImage(image_bgr, np.zeros((0, 4), np.float32), np.array([label], np.int64))


def decoded(path: Path) -> npt.NDArray[np.uint8]:
    """The pixels of a picture's file, BGR. Raises InvalidInput."""
    try:
        return decode_image(path.read_bytes())
    except RegistryError as error:
        raise InvalidInput(f"{path}: {error.message}") from error


def first(split: Split, count: int) -> list[LabelledImage]:
    """The first pictures of a split."""
    return list(islice(split(), count))

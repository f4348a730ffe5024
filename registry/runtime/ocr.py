"""Reading text with RapidOCR's detector and recogniser, from model bytes alone."""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from time import perf_counter
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from registry.errors import InvalidModel, MissingExtra, ModelTooSlow, UnsupportedOutputs
from registry.runtime.card import ModelCard, Thresholds
from registry.runtime.contract import check_task
from registry.runtime.graph_check import parse_model
from registry.runtime.host_choice import Backend
from registry.runtime.onnx_session import raw_session
from registry.runtime.prediction import Prediction, TextLine
from registry.runtime.raw_answer import RawAnswer
from registry.runtime.run_deadline import RUN_SECONDS
from registry.runtime.vision_model import VisionModel
from registry.vision.images import ImageBgr, check_image

DETECTOR, RECOGNISER, CLASSIFIER, CHARACTERS = "det.onnx", "rec.onnx", "cls.onnx", "characters.txt"
_MAX_SIDE = 2000  # px; RapidOCR works on no more
_MAX_ASPECT = 8  # a thinner image is padded, or RapidOCR would enlarge it without bound
_WHITE = (255, 255, 255)


def bundled_ocr_models() -> dict[str, Path]:
    """Where the installed rapidocr wheel keeps its own models (PP-OCR, Apache-2.0), by the names `load` expects.

    Raises:
        MissingExtra: rapidocr is not installed, or came without models.
    """
    spec = find_spec("rapidocr")
    if spec is None or spec.origin is None:
        raise MissingExtra("reading text needs rapidocr, which is not installed", hint="pip install 'nexusai[ocr]'")
    folder = Path(spec.origin).parent / "models"
    found = {
        name: sorted(folder.glob(f"*_{name.removesuffix('.onnx')}_*.onnx"))
        for name in (DETECTOR, RECOGNISER, CLASSIFIER)
    }
    missing = [name for name in (DETECTOR, RECOGNISER) if not found[name]]
    if missing:
        raise MissingExtra(
            f"the installed rapidocr carries no {' and no '.join(missing)}", hint="pip install rapidocr==3.10.0"
        )
    return {name: paths[0] for name, paths in found.items() if paths}


class OcrReader(VisionModel):
    """RapidOCR over `det.onnx`, `rec.onnx` and, for upside-down lines, `cls.onnx`; reads one image at a time.

    The recogniser's alphabet is in its own metadata (key `character`), or one character a line in
    `characters.txt`. Sessions are built from bytes: nothing is read from, written to or fetched from anywhere.

    Raises:
        MissingExtra: rapidocr is not installed.
        InvalidModel: a file is missing, refused, or the alphabet is nowhere.
        UnsupportedOutputs: a file does not answer what its name promises.
        InvalidCard: the card's task is not ocr.
    """

    def __init__(
        self,
        files: Mapping[str, bytes],
        card: ModelCard,
        threads: int = 1,
        backend: Backend = Backend.CPU,
        run_seconds: float = RUN_SECONDS,
    ) -> None:
        check_task(card)
        missing = [name for name in (DETECTOR, RECOGNISER) if name not in files]
        if missing:
            raise InvalidModel(f"a text reader needs {DETECTOR} and {RECOGNISER}; missing: {', '.join(missing)}")
        self.card = card
        graphs = dict(files) | {RECOGNISER: _with_alphabet(files[RECOGNISER], files.get(CHARACTERS))}
        sessions = {
            name: raw_session(graphs[name], threads, backend, run_seconds=run_seconds)
            for name in graphs
            if name != CHARACTERS
        }
        self.providers = tuple(sessions[DETECTOR].get_providers())
        _check_roles(sessions)
        self._engine = _engine(sessions)
        self._turn = Lock()  # RapidOCR keeps the parameters of a call on itself

    def run(self, image_bgr: ImageBgr, least_confidence: float = 0.0) -> RawAnswer:
        """Lines of text in reading order, those scored below `confidence` left out; `iou` plays no part."""
        height, width = check_image(image_bgr).shape[:2]
        started = perf_counter()
        fitted, ratio = _fit(image_bgr)
        began = perf_counter()
        with self._turn:
            found = _read(self._engine, fitted)
        ended = perf_counter()
        lines: tuple[TextLine, ...] = ()
        if getattr(found, "boxes", None) is not None and found.txts is not None:
            rows = zip(found.boxes, found.txts, found.scores, strict=True)
            lines = tuple(_line(corners / ratio, text, score, (width, height)) for corners, text, score in rows)

        def read(thresholds: Thresholds) -> Prediction:
            kept = [line for line in lines if line.score >= thresholds.confidence]
            return Prediction(width, height, lines=tuple(kept[: thresholds.max_detections]))

        return RawAnswer(read, self.defaults, (began - started) * 1e3, (ended - began) * 1e3)


def _read(engine: Any, image_bgr: ImageBgr) -> Any:
    from rapidocr.inference_engine.onnxruntime.main import ONNXRuntimeError

    try:
        return engine(image_bgr, text_score=0.0)
    except ONNXRuntimeError as error:  # what a session raised is its cause
        if isinstance(error.__cause__, ModelTooSlow):
            raise error.__cause__ from None
        raise InvalidModel(f"a graph of the text reader failed: {str(error.__cause__)[:300]}") from error


def _check_roles(sessions: Mapping[str, Any]) -> None:
    """A detector answers a map (1, 1, h, w), a recogniser (n, steps, characters), a classifier (n, 2)."""
    for name, rank in ((DETECTOR, 4), (RECOGNISER, 3), (CLASSIFIER, 2)):
        if name not in sessions:
            continue
        shapes = [tuple(each.shape) for each in sessions[name].get_outputs()]
        if len(shapes) != 1 or len(shapes[0]) != rank:
            raise UnsupportedOutputs(f"{name} should answer one tensor of {rank} dimensions; it answers {shapes}")


def _engine(sessions: Mapping[str, Any]) -> Any:
    try:
        from rapidocr import RapidOCR
    except ImportError as error:
        raise MissingExtra("reading text needs rapidocr", hint="pip install 'nexusai[ocr]'") from error
    params = {
        "Global.log_level": "critical",
        "Global.use_cls": CLASSIFIER in sessions,
        "Global.max_side_len": _MAX_SIDE,
    }
    engine = RapidOCR(params=params)
    engine.cfg._set_flag(["allow_objects"], [True])  # RapidOCR takes ready sessions from its configuration
    for section, name in (("Det", DETECTOR), ("Rec", RECOGNISER), ("Cls", CLASSIFIER)):
        if name in sessions:
            engine.cfg[section].session = sessions[name]
    for section, name in (("det", DETECTOR), ("rec", RECOGNISER), ("cls", CLASSIFIER)):
        if name in sessions:
            getattr(engine, f"_load_{section}_model")()
    return engine


def _with_alphabet(recogniser: bytes, characters: bytes | None) -> bytes:
    """The recogniser with its alphabet in the metadata, where RapidOCR looks before it would fetch one."""
    model = parse_model(recogniser)
    if any(entry.key == "character" and entry.value for entry in model.metadata_props):
        return recogniser
    if not characters:
        raise InvalidModel(f"{RECOGNISER} has no alphabet: neither metadata key 'character' nor a file {CHARACTERS}")
    try:
        text = characters.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidModel(f"{CHARACTERS} is not UTF-8 text") from error
    model.metadata_props.add(key="character", value=text)
    return bytes(model.SerializeToString())


def _fit(image_bgr: ImageBgr) -> tuple[ImageBgr, float]:
    """The image within 2000 px and an aspect of 8, padded white right and below; with the scale applied."""
    height, width = image_bgr.shape[:2]
    ratio = min(1.0, _MAX_SIDE / max(height, width))
    image = image_bgr
    if ratio < 1.0:
        scaled_wh = (max(round(width * ratio), 1), max(round(height * ratio), 1))
        image = cv2.resize(image, scaled_wh, interpolation=cv2.INTER_AREA)
    height, width = image.shape[:2]
    below = max(-(-width // _MAX_ASPECT) - height, 0)
    right = max(-(-height // _MAX_ASPECT) - width, 0)
    if below or right:
        image = cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_CONSTANT, value=_WHITE)
    return image, ratio


def _line(corners: npt.NDArray[np.float32], text: str, score: float, source_wh: tuple[int, int]) -> TextLine:
    corners = np.clip(corners, 0, source_wh)
    (x1, y1), (x2, y2) = corners.min(axis=0), corners.max(axis=0)
    polygon = tuple((float(x), float(y)) for x, y in corners)
    return TextLine(text, float(score), (float(x1), float(y1), float(x2), float(y2)), polygon)

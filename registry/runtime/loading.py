"""A version's files with its card to a model that predicts."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from registry.errors import InvalidModel
from registry.runtime.card import Decoder, ModelCard
from registry.runtime.ocr import OcrReader
from registry.runtime.onnx_session import CPU
from registry.runtime.predictor import Predictor
from registry.runtime.vision_model import VisionModel

MODEL_FILE = "model.onnx"


def load(
    files: Mapping[str, bytes | Path], card: ModelCard, threads: int = 1, providers: Sequence[str] = (CPU,)
) -> VisionModel:
    """Build the model that the card's decoder names.

    `files` by name, as bytes or as paths that are read whole: `model.onnx` for detectors and classifiers;
    `det.onnx`, `rec.onnx`, and if there `cls.onnx` and `characters.txt`, for `rapidocr`. `threads` is what one run
    may use, `providers` the ONNX Runtime execution providers in the order wanted (the CPU is always last).

    Raises:
        InvalidModel, UnsupportedOutputs, InvalidCard: as the constructors of `Predictor` and `OcrReader` do.
        MissingExtra: the decoder needs a package that is not installed.
    """
    if card.decoder is Decoder.RAPIDOCR:
        contents = {name: _read(entry) for name, entry in files.items() if name != "card.json"}
        return OcrReader(contents, card, threads, providers)
    if MODEL_FILE not in files:
        raise InvalidModel(
            f"decoder {card.decoder} needs {MODEL_FILE}; there is {', '.join(sorted(files)) or 'no file'}"
        )
    return Predictor(_read(files[MODEL_FILE]), card, threads, providers)


def _read(entry: bytes | Path) -> bytes:
    return entry.read_bytes() if isinstance(entry, Path) else entry

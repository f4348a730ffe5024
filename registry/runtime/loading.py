"""A version's files with its card to a model that predicts."""

from collections.abc import Mapping
from pathlib import Path

from registry.errors import InvalidModel
from registry.runtime.adaptive_session import Host
from registry.runtime.card import MODEL_FILE, Decoder, ModelCard
from registry.runtime.host_choice import Backend, HostChoice
from registry.runtime.ocr import OcrReader
from registry.runtime.predictor import Predictor
from registry.runtime.prompt_segmenter import PromptSegmenter
from registry.runtime.proven_file import ProvenFile
from registry.runtime.run_deadline import RUN_SECONDS
from registry.runtime.vision_model import VisionModel


def load(
    files: Mapping[str, bytes | Path | ProvenFile],
    card: ModelCard,
    threads: int = 1,
    host: Host | None = None,
    choice: HostChoice | None = None,
    run_seconds: float = RUN_SECONDS,
) -> VisionModel:
    """Build the model that the card's decoder names.

    `files` by name, as bytes, paths that are read whole, or files that are read if need be: `det.onnx`, `rec.onnx`, and
    if there `cls.onnx` and `characters.txt`, for `rapidocr`; `encoder.onnx` and `decoder.onnx` for `sam`; `model.onnx`
    for all others. `threads` is what one run may use, `run_seconds` how long it may take for each image. With a `host`
    the load of the process decides how each run goes, the backend is that of the `choice`, else the host's, and the
    time the host's.

    Raises:
        InvalidModel, UnsupportedOutputs, InvalidCard: as the constructors of `Predictor`, `OcrReader` and
            `PromptSegmenter` do.
        MissingExtra: the decoder needs a package that is not installed.
        BackendUnavailable: the backend does not start here, or does not run such models.
    """
    if card.decoder in (Decoder.RAPIDOCR, Decoder.SAM):
        contents = {name: _read(entry) for name, entry in files.items() if name != "card.json"}
        pair = OcrReader if card.decoder is Decoder.RAPIDOCR else PromptSegmenter
        backend = (choice or host.default()).backend if host else Backend.CPU
        return pair(contents, card, threads, backend, host.run_seconds if host else run_seconds)
    if MODEL_FILE not in files:
        raise InvalidModel(
            f"decoder {card.decoder} needs {MODEL_FILE}; there is {', '.join(sorted(files)) or 'no file'}"
        )
    entry = files[MODEL_FILE]
    model = entry if isinstance(entry, ProvenFile) else _read(entry)
    return Predictor(model, card, threads, host, choice, run_seconds)


def _read(entry: bytes | Path | ProvenFile) -> bytes:
    if isinstance(entry, ProvenFile):
        return entry.read()
    return entry.read_bytes() if isinstance(entry, Path) else entry

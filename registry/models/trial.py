"""The trial of a model on its way in: on several pictures, in an isolated child with bounded memory, time and files."""

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from registry.conversion.doors import Doors
from registry.conversion.sandbox import Bounds, Task, run_isolated, work_folder
from registry.errors import ModelTooSlow, RegistryError
from registry.runtime.card import ModelCard
from registry.runtime.loading import load
from registry.runtime.run_deadline import RUN_SECONDS
from registry.vision.images import ImageBgr, decode_image
from registry.vision.samples import find_samples

SECONDS = 180  # of the whole trial, or the time of as many runs as there are pictures
_RUNS = 6
_BASE_BYTES = 3 << 30  # interpreter, ONNX Runtime and about 2 GiB for the run
_PER_BYTE = 4  # of the model's size: the file, its parsed form, the session's weights and their copies
_MAPPED_BYTES = 4 << 30  # libraries, which are mapped whole
_CARD, _SAMPLE, _RUN_SECONDS = "card.json", "sample", "run-seconds"


def try_out(
    files: Mapping[str, bytes], card: ModelCard, run_seconds: float = RUN_SECONDS, seconds: float = SECONDS
) -> Doors:
    """Load the model of these files and run it on pictures, in a child that is ended when it takes too much.

    The first picture is grey, and has to be answered. Others follow, black, white, noise and a photograph: a graph may
    take another way on each, and none may take longer than `run_seconds`. Returns which doors were shut around it.
    Raises InvalidModel, UnsupportedOutputs, InvalidCard, ModelTooSlow with what the child found, or which bound it
    broke.
    """
    size = sum(map(len, files.values()))
    memory = _BASE_BYTES + _PER_BYTE * size
    bounds = Bounds(max(seconds, _RUNS * run_seconds), memory, memory + _MAPPED_BYTES, size + (64 << 20))
    with work_folder() as folder:
        lay_out(files, card, folder, run_seconds)
        return run_isolated(Task(__name__, bounds, "the trial run of the model"), folder)[1]


def lay_out(files: Mapping[str, bytes], card: ModelCard, folder: Path, run_seconds: float = RUN_SECONDS) -> None:
    """Put what `work` needs into its folder; it sees no other file of ours."""
    for name, data in files.items():
        (folder / name).write_bytes(data)
    (folder / _CARD).write_text(card.model_dump_json(), encoding="utf-8")
    (folder / _RUN_SECONDS).write_text(str(run_seconds), encoding="utf-8")
    shutil.copyfile(find_samples()[0].path, folder / _SAMPLE)


def work(folder: Path) -> str:
    """In the child: load, then run."""
    card = ModelCard.parse((folder / _CARD).read_bytes())
    files = [*folder.glob("*.onnx"), *folder.glob("*.txt")]
    run_seconds = float((folder / _RUN_SECONDS).read_text(encoding="utf-8"))
    network = load({path.name: path for path in files}, card, run_seconds=run_seconds)
    network.warm_up()
    for picture in _pictures(card, folder):
        try:
            network.try_on(picture)
        except ModelTooSlow:
            raise
        except RegistryError:  # it is told to whoever sends such a picture, and costs no more than that
            continue
    return "ran"


def _pictures(card: ModelCard, folder: Path) -> Iterator[ImageBgr]:
    """Black, white, noise, a photograph."""
    shape = card.input.height, card.input.width, 3
    yield np.zeros(shape, np.uint8)
    yield np.full(shape, 255, np.uint8)
    yield np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    yield decode_image((folder / _SAMPLE).read_bytes())

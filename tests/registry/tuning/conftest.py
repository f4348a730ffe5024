"""Labelled pictures with pure cells, which the blob detector reads without a fault."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from registry.models.registry import ModelRegistry
from registry.models.serving import Serving
from registry.records import Database
from registry.testing.onnx_models import CELL, COLOURS
from tests.registry.tuning.works import Works, boxed, make_spots

SIDE = 64


@pytest.fixture(scope="session")
def blobs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in the layout for detectors: three coloured cells on each picture, on lines apart."""
    root, rng = tmp_path_factory.mktemp("blobs"), np.random.default_rng(5)
    for split, count in (("train", 8), ("val", 16)):
        for part in ("images", "labels"):
            (root / split / part).mkdir(parents=True)
        for number in range(count):
            image, lines = np.zeros((SIDE, SIDE, 3), np.uint8), []
            for label, row in enumerate(rng.permutation(8)[:3]):
                x, y = int(rng.integers(8)) * CELL, int(row) * CELL
                image[y : y + CELL, x : x + CELL, 2 - label] = 255
                middle = [(x + CELL / 2) / SIDE, (y + CELL / 2) / SIDE, CELL / SIDE, CELL / SIDE]
                lines.append(f"{label} {' '.join(map(str, middle))}\n")
            cv2.imwrite(str(root / split / "images" / f"{number}.png"), image)
            (root / split / "labels" / f"{number}.txt").write_text("".join(lines))
    return root


@pytest.fixture(scope="session")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in the layout for classifiers: pictures of one colour each."""
    root = tmp_path_factory.mktemp("colours")
    for split in ("calibration", "held_out"):
        for label, name in enumerate(COLOURS):
            (root / split / name).mkdir(parents=True)
            for shade in (120, 180, 240):
                image = np.zeros((40, 50, 3), np.uint8)
                image[..., 2 - label] = shade
                cv2.imwrite(str(root / split / name / f"{shade}.png"), image)
    return root


@pytest.fixture
def works(models: ModelRegistry, serving: Serving, sqlite: Database, tmp_path: Path) -> Works:
    return Works(models, serving, sqlite, tmp_path / "storage")


@pytest.fixture
def spots(works: Works, tmp_path: Path, unique: str) -> str:
    """A registered dataset of pictures with one coloured cell each, with both splits."""
    return make_spots(works, tmp_path, unique, boxed)

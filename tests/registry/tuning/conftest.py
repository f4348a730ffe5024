"""Labelled pictures with pure cells, which the blob detector reads without a fault."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from registry.testing.onnx_models import CELL, COLOURS

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

"""What the tests of agreement share: the plain loop with its exports, and pictures of every proportion."""

import importlib.util
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def perf_loop() -> ModuleType:
    spec = importlib.util.spec_from_file_location("predict_loop", ROOT / "tests" / "perf" / "predict_loop.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def images() -> dict[str, np.ndarray]:
    """Two photographs, and coarse noise in sizes whose letterbox has borders of every kind."""
    assets = Path(pytest.importorskip("ultralytics").utils.ASSETS)
    found = {name: cv2.imread(str(assets / name)) for name in ("bus.jpg", "zidane.jpg")}
    rng = np.random.default_rng(4)
    for width, height in ((640, 640), (1280, 720), (333, 777), (1900, 301), (90, 70), (641, 479), (64, 1500)):
        coarse = rng.integers(0, 256, (max(height // 40, 2), max(width // 40, 2), 3), dtype=np.uint8)
        found[f"{width}x{height}"] = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return found

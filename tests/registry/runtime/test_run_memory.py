"""A model that asks for more memory than there is for runs is refused it, and what ran it goes on."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from registry.runtime.arena import arena_bytes
from registry.runtime.machine import usable_memory
from registry.settings import PROJECT_ROOT

# In a process of its own: the arena is the process's.
_RUN = """
import sys
from pathlib import Path
import numpy as np
import psutil
from registry.runtime import arena
arena.usable_memory = lambda: 2 << 30
from registry.runtime.adaptive_session import AdaptiveSession, Host
from registry.runtime.metrics import EngineMetrics
from registry.testing.slow_models import hungry

host = Host(int(sys.argv[2]), alone=lambda: True, metrics=EngineMetrics(), prepared=Path(sys.argv[1]))
session = AdaptiveSession(hungry(1 << 30), host)  # 4 GiB on a white picture
dark, white = (np.full((1, 3, 32, 32), value, np.float32) for value in (0.0, 1.0))
print(session.run(dark)[0].shape)
try:
    session.run(white)
except Exception as error:
    print(type(error).__name__, error)
print(session.run(dark)[0].shape)
print("most", psutil.Process().memory_info().rss >> 20)
"""


@pytest.mark.parametrize("threads", [1, 2], ids=["as it is", "prepared"])
def test_a_model_that_fills_the_memory_on_some_images_is_refused_it_and_answers_the_next(
    tmp_path: Path, threads: int
) -> None:
    line = [sys.executable, "-c", _RUN, str(tmp_path), str(threads)]
    run = subprocess.run(line, capture_output=True, text=True, timeout=120, cwd=PROJECT_ROOT)
    lines = run.stdout.splitlines()
    assert lines[0] == lines[2] == "(1, 3)", run.stderr[-2_000:]
    assert "may take 1,024 MiB, and this one asked for more" in lines[1]
    assert int(lines[3].split()[1]) < 1_500


# 0.4 GiB are filled and given, 1.2 GiB are not; a third of that is answered.
_GIVEN_BACK = """
import gc
import sys
import numpy as np
import psutil
from registry.errors import InvalidModel
from registry.runtime import arena
arena.usable_memory = lambda: 2 << 30
from registry.runtime.onnx_session import OnnxSession
from registry.testing.slow_models import hungry

held = lambda: psutil.Process().memory_info().rss >> 20
dark, white = (np.full((1, 3, 32, 32), value, np.float32) for value in (0.0, 1.0))
cells = (100 << 20) if sys.argv[1] == "refused" else (60 << 20)
session = OnnxSession(hungry(cells), 1)
session.run(dark)
before = held()
for _ in range(int(sys.argv[2])):
    try:
        session.run(white)
        print("answered", held() - before)
    except InvalidModel:
        print("refused", held() - before)
del session
gc.collect()
print("gone", held() - before)
"""


@pytest.mark.parametrize(
    ("ends", "runs"), [("refused", 1), ("answered", 1), ("answered", 2)], ids=["refused", "unusual", "usual"]
)
def test_memory_is_given_back_by_runs_that_are_refused_or_unusual_and_by_models_that_go(ends: str, runs: int) -> None:
    line = [sys.executable, "-c", _GIVEN_BACK, ends, str(runs)]
    run = subprocess.run(line, capture_output=True, text=True, timeout=120, cwd=PROJECT_ROOT)
    told = [line.split() for line in run.stdout.splitlines()]
    assert [word for word, _ in told] == [ends] * runs + ["gone"], run.stderr[-2_000:]
    first, last = int(told[0][1]), int(told[-1][1])
    assert first < 100
    assert last < 100
    if runs == 2:  # it comes again: its memory stays as long as the model
        assert int(told[1][1]) > 300


_USUAL = """
import numpy as np
import psutil
from registry.runtime import arena
arena._LONG_S = 0.0  # however fast the machine is
from registry.runtime.onnx_session import OnnxSession
from registry.testing.slow_models import hungry

ballast = np.ones(50 << 20)  # 0.4 GiB that the process held before, as libraries and large models do
del ballast
session = OnnxSession(hungry(24 << 20), 1)
before = psutil.Process().memory_info().rss >> 20
session.run(np.full((1, 3, 32, 32), 1.0, np.float32))
print((psutil.Process().memory_info().rss >> 20) - before)
"""


def test_what_a_process_held_before_makes_no_first_run_unusual() -> None:
    run = subprocess.run([sys.executable, "-c", _USUAL], capture_output=True, text=True, timeout=120, cwd=PROJECT_ROOT)
    assert int(run.stdout) > 100, run.stderr[-2_000:]


def test_runs_may_take_half_of_what_this_process_may_use() -> None:
    assert 0 < usable_memory() <= psutil.virtual_memory().total
    assert arena_bytes() == max(usable_memory() // 2, 1 << 30)

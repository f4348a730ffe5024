"""`nexusai models tune` on the starter detector: the fastest way on this machine within the accuracy bound.

The default, the plain network by ONNX Runtime with all threads, is measured in turn with every other way. Where none
is REACHED times as fast, the table that proves it is printed; then the bounds are that nothing slower was chosen and
that no way was left out for lack of time.
"""

import tempfile
from pathlib import Path

from registry.models.tuning_table import TunedLane, TuningTable
from registry.runtime.card import ModelCard
from registry.runtime.machine import usable_cores
from registry.settings import PROJECT_ROOT
from registry.tuning.data import STARTER, open_data
from registry.tuning.tune import Wanted, measured, report
from registry.tuning.variants import Variant
from registry.tuning.watch import Watch
from tests.perf.report import Report

REACHED, ACCURACY_LOST, MINUTES = 1.3, 0.01, 8.0
_FOLDER = PROJECT_ROOT / "data" / "starter" / "digit-detector"


def main() -> Report:
    """Tune, keep nothing, and set the choice against the default."""
    card = ModelCard.parse((_FOLDER / "card.json").read_bytes())
    own = Variant((_FOLDER / "model.onnx").read_bytes(), card, is_new=False)
    wanted, watch = Wanted(STARTER, ACCURACY_LOST, MINUTES), Watch(MINUTES * 60)
    with tempfile.TemporaryDirectory(prefix="nexusai-bench-") as folder:
        study = measured(own, open_data(STARTER, card), wanted, watch, usable_cores(), Path(folder))
    table = report(study, wanted, watch)
    speedup, blocks = _fastest(table.chosen.alone) if table.chosen else (1.0, 0)
    if speedup < REACHED:
        show(table)
    return Report(
        name="tune",
        figures={"chosen": table.chosen.model_dump(mode="json") if table.chosen else None, "verdict": table.verdict},
        baseline={
            "default": table.rows[0].model_dump(mode="json"),
            "rows": [row.model_dump(mode="json") for row in table.rows],
        },
        ratio=1 / speedup,
        bound=1 / REACHED if speedup >= REACHED else 1.0,
        repeats=blocks,
        limits={
            "accuracy_lost": (table.chosen.loss or 0.0 if table.chosen else 0.0, ACCURACY_LOST),
            **({} if speedup >= REACHED else {"left_out": (float(study.unjudged), 0.0)}),
        },
    )


def show(table: TuningTable) -> None:
    """Every way with its accuracy and speed, and why it is out."""
    for row in table.rows:
        accuracy = "      " if row.accuracy is None else f"{row.accuracy:.4f}"
        way = f"{row.variant:34} {row.backend:16} {row.precision}"
        print(f"  {way}  {accuracy}  {_fastest(row.alone)[0]:.2f} ×  {row.note}")


def _fastest(lanes: tuple[TunedLane, ...]) -> tuple[float, int]:
    best = max(lanes, key=lambda each: each.speedup, default=None)
    return (best.speedup, best.blocks) if best else (0.0, 0)

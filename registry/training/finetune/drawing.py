"""The pictures of a training's report, as PNG: confusion matrix, precision against recall, curves over the epochs."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from registry.training.finetune.measuring import Measured
from registry.training.finetune.yolo_child import EpochReport

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_INK, _GRID = "#1d2433", "#e3e7ef"
_NAMED = 12  # classes with a line of their own
_WRITTEN = 15  # classes whose counts are written into the matrix


def confusion(measured: Measured) -> bytes:
    """Rows are the truth, columns the answers; colours are shares of a row."""
    counts, labels = measured.confusion, measured.confusion_labels
    side = min(max(4.2, 0.42 * len(labels) + 2), 14)
    figure = _figure(side, side * 0.92)
    axes = figure.subplots()
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    axes.set_xlabel("answered")
    axes.set_ylabel("true")
    ticks = range(len(labels)) if len(labels) <= 40 else range(0, len(labels), len(labels) // 20)
    axes.set_xticks(list(ticks), [labels[at][:16] for at in ticks], rotation=90 if len(labels) > 8 else 45)
    axes.set_yticks(list(ticks), [labels[at][:16] for at in ticks])
    if len(labels) <= _WRITTEN:
        for (row, column), count in np.ndenumerate(counts):
            if count:
                colour = "white" if share[row, column] > 0.55 else _INK
                axes.text(column, row, str(count), ha="center", va="center", color=colour, fontsize=8)
    return _png(figure)


def precision_recall(measured: Measured) -> bytes:
    """A line for each class (all in one, where there are many), and the mean."""
    figure = _figure(6.2, 4.2)
    axes = figure.subplots()
    for curve in measured.curves[: _NAMED if len(measured.curves) <= _NAMED else 0]:
        axes.plot(curve.recall, curve.precision, lw=1.1, alpha=0.75, label=curve.label[:20])
    if measured.curves:
        mean = np.mean([curve.precision for curve in measured.curves], axis=0)
        axes.plot(measured.curves[0].recall, mean, lw=2.4, color=_INK, label="mean")
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02))
    axes.grid(color=_GRID)
    axes.legend(fontsize=7, ncols=2, frameon=False, loc="lower left")
    return _png(figure)


def epochs(reports: Sequence[EpochReport]) -> bytes:
    """Losses at the left, validation figures at the right."""
    figure = _figure(9.4, 3.6)
    left, right = figure.subplots(1, 2)
    steps = [each.epoch for each in reports]
    names = list(dict.fromkeys(name for each in reports for name in each.figures))
    for name in names:
        values = [each.figures.get(name, float("nan")) for each in reports]
        if name.startswith("loss/"):
            line = "-" if name.startswith("loss/train") else "--"
            left.plot(steps, values, line, lw=1.4, label=name.removeprefix("loss/"))
        else:
            right.plot(steps, values, "-", lw=1.6, label=name)
    for axes, title in ((left, "loss"), (right, "on the validation split")):
        axes.set(xlabel="epoch", title=title)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(color=_GRID)
        axes.legend(fontsize=7, frameon=False)
    right.set_ylim(0, 1.02)
    return _png(figure)


def _figure(width: float, height: float) -> "Figure":
    from matplotlib.figure import Figure  # without pyplot: no state, no window

    return Figure(figsize=(width, height), layout="constrained")


def _png(figure: "Figure") -> bytes:
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=130)
    return out.getvalue()

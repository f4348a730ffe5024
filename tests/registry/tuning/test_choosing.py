"""Which row wins: the fastest within the bound, if it is faster for sure."""

import pytest

from registry.runtime.host_choice import Backend, HostChoice
from registry.tuning.choosing import arrangement, choose
from registry.tuning.table import Figures, Row


def figures(speedup: float, surely: float | None = None) -> Figures:
    return Figures(10 / speedup, 9 / speedup, 11 / speedup, speedup, speedup - 0.02 if surely is None else surely, 9)


def row(
    name: str, speedup: float, loss: float | None = 0.0, *, new: bool = True, beside: float = 1.0, **more: float
) -> Row:
    made = Row(name, Backend.OPENVINO, "f32", new, None if loss is None else 0.9 - loss, loss)
    made.alone, made.beside = {2: figures(speedup, **more)}, {(2, 1): figures(beside)}
    return made


def test_the_fastest_that_is_accurate_wins() -> None:
    rows = [row("slow", 1.2), row("fast", 1.8), row("wrong", 4.0, loss=0.02), row("unknown", 5.0, loss=None)]
    assert choose(rows, 0.01, "latency") is rows[1]
    assert choose(rows, 0.02, "latency") is rows[2], "a wider bound lets it in"


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (row("x", 1.03), "too little to be worth it"),
        (row("x", 1.3, surely=0.9), "the blocks do not agree that it is faster"),
        (row("x", 1.3, loss=0.011), "it loses more than the bound"),
        (row("x", 1.3, beside=0.7), "side by side it is much slower"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_default_wins_when_the_other_is_not_better_for_sure(other: Row, why: str) -> None:
    assert choose([other], 0.01, "latency") is None, why
    assert choose([], 0.01, "latency") is None


def test_what_needs_no_new_files_wins_among_equals() -> None:
    rows = [row("int8", 1.52), row("same files", 1.5, new=False), row("small", 1.4, new=False)]
    assert choose(rows, 0.01, "latency") is rows[1]
    assert choose([rows[0], rows[2]], 0.01, "latency") is rows[0]


def test_the_goal_says_which_end_counts() -> None:
    alone, beside = row("alone", 2.0, beside=1.0), row("beside", 1.0, beside=2.0)
    assert choose([alone, beside], 0.01, "latency") is alone
    assert choose([alone, beside], 0.01, "throughput") is beside


def test_each_end_runs_with_what_was_fastest_there() -> None:
    made = row("x", 1.5)
    made.alone = {2: figures(1.4), 1: figures(1.6)}
    made.beside = {(4, 1): figures(1.2), (2, 2): figures(1.3)}
    assert arrangement(made) == HostChoice(backend=Backend.OPENVINO, threads=1, beside=2, sessions=2)
    made.alone = {}
    assert arrangement(made) is None

"""Which row of a table to run: the fastest whose accuracy holds, if it is faster for sure."""

from collections.abc import Sequence

from registry.runtime.host_choice import HostChoice
from registry.tuning.table import Figures, Goal, Row

FASTER = 1.05  # less is not worth another way to run
OTHER_END = 0.9  # what is fast alone may be so much slower side by side, and the other way round
_AS_GOOD = 0.97  # of the best: then the version's own files are kept


def accurate(row: Row, bound: float) -> bool:
    """Whether a row's accuracy was measured and lost at most `bound`."""
    return row.loss is not None and row.loss <= bound


def choose(rows: Sequence[Row], bound: float, goal: Goal) -> Row | None:
    """The row to run instead of the default, or None: then the default wins."""
    fit = [row for row in rows if accurate(row, bound) and _faster(row, goal)]
    if not fit:
        return None
    best = max(_speedup(row, goal) for row in fit)
    near = [row for row in fit if _speedup(row, goal) >= _AS_GOOD * best]
    return min(near, key=lambda row: (row.new_files, -_speedup(row, goal)))


def arrangement(row: Row) -> HostChoice | None:
    """The numbers of threads and of runs side by side that were the fastest; None where nothing was measured."""
    if not row.alone:
        return None
    threads = max(row.alone, key=lambda each: row.alone[each].speedup)
    sessions, each = max(row.beside, key=lambda each: row.beside[each].speedup, default=(1, 1))
    return HostChoice(backend=row.backend, threads=threads, beside=each, sessions=sessions, precision=row.precision)


def _faster(row: Row, goal: Goal) -> bool:
    found = row.best(goal)
    other = row.best("throughput" if goal == "latency" else "latency")
    return found is not None and _surely(found) and (other is None or other.speedup >= OTHER_END)


def _surely(found: Figures) -> bool:
    return found.speedup >= FASTER and found.surely > 1.0


def _speedup(row: Row, goal: Goal) -> float:
    found = row.best(goal)
    return found.speedup if found else 0.0

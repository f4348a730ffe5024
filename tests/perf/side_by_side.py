"""Two sides taken in turn, so that a machine that slows down for a while slows both."""

import statistics
import time
from collections.abc import Callable, Sequence

from tests.perf.clients import Asking, closed_loop

WARM_UP, BLOCK = 10, 4
_PAUSE_S = 0.2  # lets the other side's spinning threads rest


def alternate(ours: Callable[[], object], theirs: Callable[[], object], blocks: int) -> tuple[list[float], list[float]]:
    """Milliseconds of each call, in blocks taken in turn after a warm-up."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(WARM_UP):
        ours()
        theirs()
    for _ in range(blocks):
        for call, into in zip((ours, theirs), times, strict=True):
            time.sleep(_PAUSE_S)
            call()  # the first after a pause is not counted
            for _ in range(BLOCK):
                started = time.perf_counter()
                call()
                into.append((time.perf_counter() - started) * 1e3)
    return times


def paired_ratio(ours: list[float], theirs: list[float]) -> float:
    """The median over the blocks of ours against theirs."""
    blocks = range(0, len(ours), BLOCK)
    pairs = [(statistics.median(ours[at : at + BLOCK]), statistics.median(theirs[at : at + BLOCK])) for at in blocks]
    return statistics.median(mine / other for mine, other in pairs)


def rates(ours: Sequence[Asking], theirs: Sequence[Asking], seconds: float, rounds: int) -> tuple[float, float]:
    """Answers a second of either side's clients, all at once, in rounds taken in turn. Raises RuntimeError."""
    answers, took_s = [0, 0], [0.0, 0.0]
    for clients in (ours, theirs):
        closed_loop(clients, seconds / 4)
    for _ in range(rounds):
        for side, clients in enumerate((ours, theirs)):
            found = closed_loop(clients, seconds)
            if found.failed or found.refusals:
                raise RuntimeError(f"{len(found.failed)} failed, {len(found.refusals)} refused: {found.failed[:1]}")
            answers[side] += len(found.answers)
            took_s[side] += found.seconds
    return answers[0] / took_s[0], answers[1] / took_s[1]

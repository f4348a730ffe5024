"""What waits for a core and what is refused, on a clock of the test's own."""

import pytest

from registry.errors import EngineBusy
from registry.runtime.admission import Admission, Pace

ALONE_S, SHARED_S = 0.040, 0.060


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pace() -> Pace:
    return Pace(ALONE_S, SHARED_S)


@pytest.fixture
def admission(clock: Clock) -> Admission:
    made = Admission(slots=2, most_waiting=6, max_wait_s=1.0, clock=clock)
    made.record(ALONE_S, alone=True)
    made.record(SHARED_S, alone=False)
    return made


def refused(admission: Admission, running: int, waiting: int, pace: Pace | None = None) -> bool:
    try:
        admission.check(running, waiting, pace)
    except EngineBusy:
        return True
    return False


def test_a_burst_waits_and_what_the_queue_cannot_hold_is_refused(admission: Admission, pace: Pace) -> None:
    assert [refused(admission, 2, waiting, pace) for waiting in range(8)] == [False] * 6 + [True] * 2


def test_a_refusal_says_when_to_come_back(admission: Admission, pace: Pace) -> None:
    with pytest.raises(EngineBusy) as caught:
        admission.check(2, 50, pace)
    assert caught.value.details == {"retry_after_s": 2, "waiting": 50}  # 50 answers of 60 ms on two cores


def test_nobody_waits_longer_than_the_bound(clock: Clock, pace: Pace) -> None:
    slow = Admission(slots=2, most_waiting=6, max_wait_s=1.0, clock=clock)
    slow.record(0.9, alone=False)
    assert not refused(slow, 2, 1, pace)  # 0.68 s
    assert refused(slow, 2, 2, pace)  # 1.1 s


def test_in_a_flood_only_what_is_answered_quickly_is_taken(admission: Admission, pace: Pace) -> None:
    assert refused(admission, 2, 6, pace)
    assert admission.overloaded
    assert not refused(admission, 1, 0, pace)  # a core is free
    assert refused(admission, 2, 0, pace)  # 15 ms of waiting and 60 ms of work, against 1.8 times 40 ms
    assert not refused(admission, 2, 0, Pace(ALONE_S, 0.050))


def test_a_model_without_a_pace_is_not_judged_by_it(admission: Admission) -> None:
    assert refused(admission, 2, 6)
    assert not refused(admission, 2, 2, Pace())
    assert refused(admission, 2, 2), "without a model it is the pace of all"


def test_a_flood_ends_when_few_are_refused_for_a_second(admission: Admission, clock: Clock, pace: Pace) -> None:
    assert refused(admission, 2, 6, pace)
    clock.now += 0.9
    assert refused(admission, 2, 2, pace), "not yet"
    clock.now += 0.2
    assert not refused(admission, 2, 2, pace)
    assert not admission.overloaded


def test_a_flood_lasts_while_much_is_refused(admission: Admission, clock: Clock, pace: Pace) -> None:
    assert refused(admission, 2, 6, pace)
    for _ in range(60):  # 20 a second, with 33 a second possible
        clock.now += 0.05
        assert refused(admission, 2, 3, pace)
    assert admission.overloaded


def late(admission: Admission, waited_s: float, pace: Pace) -> bool:
    try:
        admission.check_late(waited_s, 2, pace)
    except EngineBusy as error:
        return bool(error.details["retry_after_s"] == 1)  # 2.5 answers of 60 ms on two cores
    return False


def test_who_waits_when_a_burst_comes_is_answered(admission: Admission, pace: Pace) -> None:
    assert not late(admission, 0.5, pace)
    assert [refused(admission, 2, 6, pace) for _ in range(3)] == [True] * 3, "half of what the queue holds"
    assert not late(admission, 0.5, pace)


def test_in_a_flood_who_would_be_answered_late_is_refused(admission: Admission, clock: Clock) -> None:
    assert [refused(admission, 2, 6) for _ in range(4)] == [True] * 4, "more than half of what the queue holds"
    quick = Pace(ALONE_S, 0.050)
    assert not late(admission, 0.020, quick)  # and 50 ms of work, against 1.8 times 40 ms
    assert late(admission, 0.025, quick)
    assert not late(admission, 0.5, Pace()), "nobody knows how long it takes"
    clock.now += 1.1
    assert not late(admission, 0.5, quick), "the flood is over"


def test_until_an_answer_was_alone_the_first_run_stands_for_it(admission: Admission) -> None:
    assert refused(admission, 2, 6)
    warm = Pace(first_s=ALONE_S)
    assert not refused(admission, 2, 0, warm)  # 15 ms of waiting and 40 ms of work, against 1.8 times 40 ms
    warm.record(SHARED_S, alone=False)
    assert refused(admission, 2, 0, warm)
    warm.record(0.1, alone=True)
    assert warm.idle_s == 0.1, "the first run is forgotten"
    assert not refused(admission, 2, 0, warm)


def test_a_pace_follows_what_answers_take() -> None:
    pace = Pace()
    pace.record(0.1, alone=True)
    assert (pace.alone_s, pace.shared_s) == (0.1, 0.0)
    for _ in range(30):
        pace.record(0.2, alone=True)
    assert pace.alone_s == pytest.approx(0.2, rel=0.01)

"""The engine with real threads: order, bounds, cancellation, what is counted."""

from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Event

import pytest

from registry.errors import EngineBusy, InvalidImage
from registry.runtime.admission import Admission, Pace
from registry.runtime.engine import Engine
from registry.runtime.metrics import EngineMetrics

SLOTS, MOST_WAITING = 2, 3
PATIENCE_S = 30


@dataclass
class Held:
    """A piece of work that runs until it is let go."""

    begun: Event = field(default_factory=Event)
    let_go: Event = field(default_factory=Event)

    def __call__(self, _waited_s: float) -> bool:
        self.begun.set()
        return self.let_go.wait(PATIENCE_S)


@pytest.fixture
def engine() -> Iterator[Engine]:
    made = Engine(SLOTS, Admission(SLOTS, MOST_WAITING, 60.0), EngineMetrics())
    yield made
    made.close()


@pytest.fixture
def full(engine: Engine) -> Iterator[tuple[Engine, list[Held]]]:
    """An engine whose slots are all taken."""
    held = [Held() for _ in range(SLOTS)]
    for each in held:
        engine.submit(each, Pace())
    assert all(each.begun.wait(PATIENCE_S) for each in held)
    yield engine, held
    for each in held:
        each.let_go.set()


def value(engine: Engine, name: str, **labels: str) -> float:
    return engine.metrics.registry.get_sample_value(name, labels) or 0.0


def test_work_is_answered_with_what_it_returns(engine: Engine) -> None:
    assert engine.submit(lambda waited_s: waited_s >= 0, Pace()).result(PATIENCE_S)


def test_a_failure_is_the_callers_and_frees_the_slot(engine: Engine) -> None:
    def fail(_: float) -> None:
        raise InvalidImage("broken")

    for _ in range(3 * SLOTS):
        with pytest.raises(InvalidImage):
            engine.submit(fail, Pace()).result(PATIENCE_S)
    assert value(engine, "nexusai_engine_running") == 0


def test_only_so_many_wait_and_the_next_is_refused_at_once(full: tuple[Engine, list[Held]]) -> None:
    engine, held = full
    waiting = [engine.submit(lambda _: True, Pace()) for _ in range(MOST_WAITING)]
    with pytest.raises(EngineBusy):
        engine.submit(lambda _: True, Pace())
    with pytest.raises(EngineBusy):
        engine.check()
    assert value(engine, "nexusai_engine_waiting") == MOST_WAITING
    assert value(engine, "nexusai_engine_refused_total") == 2
    for each in held:
        each.let_go.set()
    assert all(each.result(PATIENCE_S) for each in waiting)
    assert value(engine, "nexusai_engine_waiting") == 0


def test_a_flood_costs_those_who_wait_unless_they_are_patient(full: tuple[Engine, list[Held]]) -> None:
    engine, held = full
    quick = Pace(alone_s=1e-9, shared_s=1e-9)  # whatever waits for it is late
    waiting = engine.submit(lambda _: "late", quick)
    patient = engine.submit(lambda _: "late", quick, patient=True)
    unknown = engine.submit(lambda _: "late", Pace())
    for _ in range(MOST_WAITING + 1):
        with pytest.raises(EngineBusy):
            engine.submit(lambda _: "refused", quick)
    for each in held:
        each.let_go.set()
    with pytest.raises(EngineBusy) as caught:
        waiting.result(PATIENCE_S)
    assert caught.value.details["retry_after_s"] >= 1
    assert [patient.result(PATIENCE_S), unknown.result(PATIENCE_S)] == ["late", "late"]
    assert value(engine, "nexusai_engine_refused_total") == MOST_WAITING + 2
    engine.close()
    assert (value(engine, "nexusai_engine_waiting"), value(engine, "nexusai_engine_running")) == (0, 0)


def test_work_is_taken_in_the_order_it_came(full: tuple[Engine, list[Held]]) -> None:
    engine, held = full
    begun: list[int] = []
    waiting = [engine.submit(lambda _, index=index: begun.append(index), Pace()) for index in range(MOST_WAITING)]
    held[0].let_go.set()  # one slot works them off
    for each in waiting:
        each.result(PATIENCE_S)
    assert begun == [0, 1, 2]


def test_waiting_work_that_nobody_wants_any_more_is_dropped(full: tuple[Engine, list[Held]]) -> None:
    engine, held = full
    ran = Event()
    unwanted: Future[None] = engine.submit(lambda _: ran.set(), Pace())
    assert unwanted.cancel()
    assert value(engine, "nexusai_engine_cancelled_total") == 1
    assert value(engine, "nexusai_engine_waiting") == 0
    for each in held:
        each.let_go.set()
    engine.submit(lambda _: None, Pace()).result(PATIENCE_S)
    assert not ran.is_set()


def test_work_that_runs_cannot_be_cancelled(engine: Engine) -> None:
    held = Held()
    future = engine.submit(held, Pace())
    assert held.begun.wait(PATIENCE_S)
    assert not future.cancel()
    held.let_go.set()
    assert future.result(PATIENCE_S)


def test_one_alone_has_the_machine_and_two_have_not(engine: Engine) -> None:
    first, second = Held(), Held()
    engine.submit(first, Pace())
    assert first.begun.wait(PATIENCE_S)
    assert engine.alone
    engine.submit(second, Pace())
    assert not engine.alone, "also while the second only waits"
    first.let_go.set()
    second.let_go.set()


def test_in_a_flood_nobody_is_alone(full: tuple[Engine, list[Held]]) -> None:
    engine, held = full
    waiting = [engine.submit(Held(), Pace()) for _ in range(MOST_WAITING)]
    with pytest.raises(EngineBusy):
        engine.check()
    for each in waiting:
        assert each.cancel()
    for each in held:
        each.let_go.set()
    last = Held()
    future = engine.submit(last, Pace())
    assert last.begun.wait(PATIENCE_S)
    assert not engine.alone, "the next one is near"
    last.let_go.set()
    assert future.result(PATIENCE_S)


def test_what_was_joined_by_others_was_not_alone(engine: Engine) -> None:
    held, pace, of_another = Held(), Pace(), Pace()
    joined = engine.submit(held, pace)
    assert held.begun.wait(PATIENCE_S)
    engine.submit(lambda _: None, of_another).result(PATIENCE_S)
    held.let_go.set()
    assert joined.result(PATIENCE_S)
    assert (pace.alone_s, of_another.alone_s) == (0, 0)
    assert min(pace.shared_s, of_another.shared_s) > 0


def test_a_pace_is_learnt_from_each_answer(engine: Engine) -> None:
    pace = Pace()
    engine.submit(lambda _: None, pace).result(PATIENCE_S)
    assert pace.alone_s > 0
    assert pace.shared_s == 0


def test_closing_drops_what_waits(engine: Engine) -> None:
    held = [Held() for _ in range(SLOTS)]
    for each in held:
        engine.submit(each, Pace())
    assert all(each.begun.wait(PATIENCE_S) for each in held)
    waiting = engine.submit(lambda _: None, Pace())
    waiting.add_done_callback(lambda _: [each.let_go.set() for each in held])
    engine.close()
    assert waiting.cancelled()

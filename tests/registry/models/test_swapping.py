"""Hot swap: who answers while an alias moves, and what becomes of a version that is no good."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from threading import Event

import cv2
import numpy as np
import pytest

from registry.access import Actor
from registry.errors import (
    Forbidden,
    InvalidModel,
    MlflowUnavailable,
    RegistryError,
    UnsupportedOutputs,
    VersionNotFound,
)
from registry.models.changes import ModelChanges
from registry.models.intake import take_in
from registry.models.loaded import LoadedModels
from registry.models.publish import Draft
from registry.models.registry import ModelRegistry
from registry.models.resolving import STALE_SECONDS, Asked, Resolved
from registry.models.serving import Serving
from registry.models.swapping import Swaps
from registry.models.types import CHAMPION, ModelVersion
from registry.records import Database, Role
from registry.runtime.metrics import EngineMetrics
from registry.testing.onnx_models import BLOB_CARD, BLOB_NMS_CARD, blob_detector, blob_detector_with_nms

PATIENCE_S = 30
IMAGE = np.zeros((64, 64, 3), np.uint8)
IMAGE[16:24, 40:48] = (0, 0, 255)


def made(number: int) -> ModelVersion:
    files = {"model.onnx": f"{number:064}"}
    created = datetime(2026, 1, 1, tzinfo=UTC)
    return ModelVersion("m", number, f"{number:064}", files, 1, BLOB_CARD, (), created, f"run{number}", "eve")


class Prover:
    """Loads nothing, but waits to be told whether a version is good."""

    def __init__(self) -> None:
        self.begun, self.told = Event(), Event()
        self.problem: Exception | None = None

    def __call__(self, _version: ModelVersion) -> None:
        self.begun.set()
        assert self.told.wait(PATIENCE_S)
        if self.problem is not None:
            raise self.problem


@pytest.fixture
def prover() -> Prover:
    return Prover()


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def swaps(prover: Prover, clock: Clock) -> Swaps:
    return Swaps(prover, EngineMetrics(), clock)


@pytest.fixture
def answers(swaps: Swaps, engineer: Actor) -> Callable[[int, float], int]:
    """The number of the version that answers when MLflow, asked at some time, named another."""
    asked = Asked(engineer, "m")
    swaps.answered(asked, Resolved(made(1), 0.0))
    return lambda number, at: swaps.version(asked, Resolved(made(number), at)).version


def test_the_old_version_answers_until_the_new_one_is_proven(
    swaps: Swaps, prover: Prover, answers: Callable[[int, float], int]
) -> None:
    assert answers(2, 1.0) == 1
    assert prover.begun.wait(PATIENCE_S)
    assert answers(2, 2.0) == 1
    prover.told.set()
    swaps.settle()
    assert answers(2, 3.0) == 2
    (line,) = swaps.lines().values()
    assert line.before is not None
    assert (line.before.version, line.problem) == (1, "")


@pytest.mark.parametrize("problem", [UnsupportedOutputs("no head"), RuntimeError("boom")])
def test_a_version_that_is_no_good_never_answers_and_says_why(
    swaps: Swaps, prover: Prover, answers: Callable[[int, float], int], problem: Exception
) -> None:
    prover.problem = problem
    prover.told.set()
    assert answers(2, 1.0) == 1
    swaps.settle()
    prover.begun.clear()
    assert answers(2, 2.0) == 1
    assert not prover.begun.is_set(), "it is not tried over and over"
    (line,) = swaps.lines().values()
    assert (line.current.version, line.wanted.version) == (1, 2)
    assert line.problem == (
        "no head" if isinstance(problem, RegistryError) else "something went wrong here when it was tried"
    )


def test_an_alias_that_moves_on_is_tried_again(
    swaps: Swaps, prover: Prover, answers: Callable[[int, float], int]
) -> None:
    prover.problem = UnsupportedOutputs("no head")
    prover.told.set()
    answers(2, 1.0)
    swaps.settle()
    prover.problem = None
    answers(3, 2.0)
    swaps.settle()
    assert answers(3, 3.0) == 3


def test_what_is_only_away_is_tried_again(swaps: Swaps, prover: Prover, answers: Callable[[int, float], int]) -> None:
    prover.problem = MlflowUnavailable("gone")
    prover.told.set()
    answers(2, 1.0)
    swaps.settle()
    prover.problem = None
    answers(2, 2.0)
    swaps.settle()
    assert answers(2, 3.0) == 2


def test_what_was_heard_before_the_move_does_not_undo_it(
    swaps: Swaps, prover: Prover, answers: Callable[[int, float], int]
) -> None:
    prover.told.set()
    answers(2, 5.0)
    swaps.settle()
    assert answers(1, 4.0) == 2, "somebody else's older news"
    swaps.settle()
    assert answers(2, 6.0) == 2


def test_a_slow_swap_that_was_overtaken_is_forgotten(
    swaps: Swaps, prover: Prover, answers: Callable[[int, float], int]
) -> None:
    answers(2, 1.0)
    answers(3, 2.0)
    prover.told.set()
    swaps.settle()
    assert answers(3, 3.0) == 3


def test_a_move_that_is_seen_after_a_silence_is_awaited(
    swaps: Swaps, prover: Prover, clock: Clock, engineer: Actor, answers: Callable[[int, float], int]
) -> None:
    asked, moved = Asked(engineer, "m"), Resolved(made(2), 1.0)
    clock.now = STALE_SECONDS + 1
    assert swaps.at_hand(asked, moved) is None
    assert swaps.at_hand(asked, moved) is None, "nor is the next one answered by the old version"
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(swaps.version, asked, moved)
        assert prover.begun.wait(PATIENCE_S)
        assert not waiting.done()
        prover.told.set()
        assert waiting.result(PATIENCE_S).version == 2
    assert answers(2, 2.0) == 2


def test_what_is_awaited_and_no_good_leaves_the_old_version(
    prover: Prover, clock: Clock, answers: Callable[[int, float], int]
) -> None:
    prover.problem = UnsupportedOutputs("no head")
    prover.told.set()
    clock.now = STALE_SECONDS + 1
    assert answers(2, 1.0) == 1


def test_a_model_made_anew_under_its_name_is_never_answered_by_the_one_before(swaps: Swaps, engineer: Actor) -> None:
    asked, born = Asked(engineer, "m"), datetime(2026, 1, 1, tzinfo=UTC)
    first, again = (replace(made(number), model_created_at=born.replace(day=number)) for number in (1, 2))
    swaps.answered(asked, Resolved(first, 0.0))
    assert swaps.version(asked, Resolved(again, 1.0)) == again
    swaps.answered(asked, Resolved(again, 1.0))
    assert swaps.version(asked, Resolved(first, 0.5)) == first, "whose rights were to that one"
    assert swaps.version(asked, Resolved(again, 1.5)) == again
    swaps.take_over("m", "", replace(first, model_created_at=born.replace(day=3)), 2.0)
    assert swaps.lines() == {}


def test_who_makes_a_deleted_model_anew_is_answered_by_his_own(
    models: ModelRegistry, serving: Serving, engineer: Actor, admin: Actor, unique: str, sqlite: Database
) -> None:
    take_in(models, engineer, blob_detector(), unique, access_level="private")
    before = serving.predict(engineer, IMAGE, model=unique).version
    serving.predict(engineer, IMAGE, model=unique, alias=CHAMPION)
    ModelChanges(models, sqlite).delete(engineer, unique)
    other = Actor("d" * 32, "dan", Role.ENGINEER)
    mine = take_in(models, other, blob_detector_with_nms(), unique, card=BLOB_NMS_CARD)
    for alias in (None, CHAMPION):
        found = serving.predict(other, IMAGE, model=unique, alias=alias).version
        assert (found.sha256, found.run_id) == (mine.sha256, mine.run_id)
        assert found.sha256 != before.sha256


def test_an_alias_that_moved_elsewhere_during_a_silence_is_answered_by_its_new_version(
    models: ModelRegistry, serving: Serving, engineer: Actor, unique: str
) -> None:
    take_in(models, engineer, blob_detector(), unique)
    take_in(models, engineer, blob_detector_with_nms(), unique, alias="", card=BLOB_NMS_CARD)
    assert serving.predict(engineer, IMAGE, model=unique).version.version == 1
    models.set_alias(engineer, unique, CHAMPION, 2)
    time.sleep(STALE_SECONDS + 0.2)
    assert serving.predict(engineer, IMAGE, model=unique).version.version == 2


def test_a_named_version_is_answered_by_that_version(
    swaps: Swaps, answers: Callable[[int, float], int], engineer: Actor
) -> None:
    assert swaps.version(Asked(engineer, "m", version=7), Resolved(made(7), 1.0)).version == 7


def loads(serving: Serving) -> float:
    return serving.metrics.registry.get_sample_value("nexusai_model_loads_total", {"outcome": "loaded"}) or 0.0


def test_a_move_here_is_answered_at_once_and_rolled_back_without_loading(
    models: ModelRegistry, serving: Serving, engineer: Actor, unique: str
) -> None:
    take_in(models, engineer, blob_detector(), unique)
    take_in(models, engineer, blob_detector_with_nms(), unique, alias="", card=BLOB_NMS_CARD)
    assert serving.predict(engineer, IMAGE, model=unique).version.version == 1
    serving.move_alias(engineer, unique, CHAMPION, 2)
    assert serving.predict(engineer, IMAGE, model=unique).version.version == 2
    loaded = loads(serving)
    serving.move_alias(engineer, unique, CHAMPION, 1)
    assert serving.predict(engineer, IMAGE, model=unique).version.version == 1
    assert loads(serving) == loaded == 2


def test_a_move_to_a_version_that_cannot_be_served_moves_nothing(
    models: ModelRegistry, serving: Serving, engineer: Actor, unique: str
) -> None:
    take_in(models, engineer, blob_detector(), unique)
    models.publish(engineer, Draft(unique, {"model.onnx": blob_detector_with_nms()}, BLOB_CARD))  # the wrong card
    serving.predict(engineer, IMAGE, model=unique)
    with pytest.raises(InvalidModel, match=r"version 2 of .* champion stays where it is"):
        serving.move_alias(engineer, unique, CHAMPION, 2)
    assert models.get(engineer, unique).aliases == {CHAMPION: 1}
    assert serving.predict(engineer, IMAGE, model=unique).version.version == 1


def test_a_version_that_fails_on_the_last_input_is_not_taken(
    models: ModelRegistry, serving: Serving, engineer: Actor, unique: str
) -> None:
    """It runs on the grey image of the warm-up, where it finds nothing, and names an unknown class on a real one."""
    take_in(models, engineer, blob_detector(), unique)
    short = BLOB_NMS_CARD.model_copy(update={"labels": ("red",)})
    models.publish(engineer, Draft(unique, {"model.onnx": blob_detector_with_nms()}, short))
    blue = np.zeros((64, 64, 3), np.uint8)
    blue[:8, :8] = (255, 0, 0)
    serving.predict(engineer, cv2.imencode(".png", blue)[1].tobytes(), model=unique)
    with pytest.raises(InvalidModel, match="class 2"):
        serving.move_alias(engineer, unique, CHAMPION, 2)


def test_only_who_may_change_a_model_makes_it_load(
    models: ModelRegistry, serving: Serving, engineer: Actor, user: Actor, unique: str
) -> None:
    take_in(models, engineer, blob_detector(), unique)
    with pytest.raises(Forbidden):
        serving.move_alias(user, unique, CHAMPION, 1)
    with pytest.raises(VersionNotFound):
        serving.move_alias(engineer, unique, CHAMPION, 9)
    assert loads(serving) == 0


def test_a_move_elsewhere_is_taken_over_beside_the_requests(
    models: ModelRegistry, serving: Serving, engineer: Actor, unique: str
) -> None:
    take_in(models, engineer, blob_detector(), unique)
    serving.predict(engineer, IMAGE, model=unique)
    take_in(models, engineer, blob_detector_with_nms(), unique, card=BLOB_NMS_CARD)  # another process would do the same
    deadline = time.monotonic() + PATIENCE_S
    while serving.predict(engineer, IMAGE, model=unique).version.version == 1:
        assert time.monotonic() < deadline
    assert serving.swaps()[unique, ""].before.version == 1  # type: ignore[union-attr]


def test_swaps_under_load_lose_no_request_and_every_answer_names_one_version(
    models: ModelRegistry, serving: Serving, engineer: Actor, unique: str
) -> None:
    other = BLOB_CARD.model_copy(update={"labels": ("rot", "grün", "blau")})
    take_in(models, engineer, blob_detector(), unique, card=BLOB_CARD)
    models.publish(engineer, Draft(unique, {"model.onnx": blob_detector()}, other))
    label_of = {1: "red", 2: "rot"}
    stop = Event()

    def ask() -> list[tuple[int, str]]:
        seen = []
        while not stop.is_set():
            answer = serving.predict(engineer, IMAGE, model=unique)
            seen.append((answer.version.version, answer.rows()[0]["label"]))
        return seen

    with ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(ask) for _ in range(4)]
        try:
            for turn in range(20):
                serving.move_alias(engineer, unique, CHAMPION, 2 - turn % 2)
        finally:
            stop.set()
        seen = [each for future in asking for each in future.result(PATIENCE_S)]
    assert {number for number, _ in seen} == {1, 2}
    assert all(label == label_of[number] for number, label in seen)


def test_memory_that_runs_short_drops_the_version_used_least_recently(
    models: ModelRegistry, engineer: Actor, unique: str
) -> None:
    serving = Serving(models, models.settings)
    serving._loaded = LoadedModels(serving.opening.open, lambda: 0, serving.metrics)  # less than any setting allows
    for number in (1, 2):
        take_in(
            models, engineer, blob_detector(), unique, card=BLOB_CARD.model_copy(update={"description": str(number)})
        )
    for number in (1, 2, 1):
        assert serving.predict(engineer, IMAGE, model=unique, version=number).version.version == number
    assert loads(serving) == 3
    assert serving.metrics.registry.get_sample_value("nexusai_model_evictions_total") == 2
    assert serving.metrics.registry.get_sample_value("nexusai_models_loaded") == 1


def test_callers_that_arrive_together_load_a_version_once(
    models: ModelRegistry, serving: Serving, engineer: Actor, unique: str
) -> None:
    take_in(models, engineer, blob_detector(), unique)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: serving.ready(engineer, unique), range(8)))
    assert len({id(each) for each in found}) == 1
    assert loads(serving) == 1

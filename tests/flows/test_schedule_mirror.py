"""The mirror of the schedules in Prefect: it heals by itself, whatever happened to it there."""

from typing import Any, cast

import pytest

from flows import prefect_schedules
from flows.prefect_api import PrefectApi
from flows.prefect_schedules import PrefectSchedules
from registry.errors import PrefectUnavailable
from registry.records import Database


class Prefect:
    """Stands where Prefect stands: the schedules it shows, and whether it answers."""

    def __init__(self) -> None:
        self.shown: list[dict[str, Any]] = []
        self.away = self.refusing = False

    def deployment(self, _name: str) -> str:
        if self.away:
            raise PrefectUnavailable("Prefect does not answer")
        return "d"

    def schedules(self, _deployment: str) -> list[dict[str, Any]]:
        return list(self.shown)

    def add_schedule(self, _deployment: str, body: dict[str, Any]) -> None:
        if self.refusing:
            raise PrefectUnavailable("Prefect does not answer: ReadTimeout")
        self.shown.append({"id": body["slug"], **body})


def test_what_prefect_lost_comes_back(sqlite: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefect_schedules, "_DOUBTED_S", 0.0)
    prefect = Prefect()
    mirror = PrefectSchedules(sqlite, cast(PrefectApi, prefect))
    mirror.bring_up_to_date()
    assert len(prefect.shown) == 2
    mirror.bring_up_to_date()  # nothing had to be done any more
    prefect.shown.clear()
    mirror.bring_up_to_date()
    assert prefect.shown == [], "it is not asked all the time"
    mirror._look_at = 0.0  # some minutes later
    prefect.away = True
    with pytest.raises(PrefectUnavailable):
        mirror.bring_up_to_date()
    prefect.away = False
    mirror.bring_up_to_date()
    assert len(prefect.shown) == 2


def test_what_was_refused_or_went_at_once_is_shown_some_seconds_later(
    sqlite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prefect_schedules, "_DOUBTED_S", 0.0)
    prefect = Prefect()
    mirror = PrefectSchedules(sqlite, cast(PrefectApi, prefect))
    prefect.refusing = True
    mirror.bring_up_to_date()
    assert prefect.shown == []
    prefect.refusing = False
    mirror.bring_up_to_date()
    assert len(prefect.shown) == 2
    prefect.shown.clear()  # the deployment was written once more, as a client that had no answer does
    mirror.bring_up_to_date()
    assert len(prefect.shown) == 2


def test_what_is_refused_for_good_is_tried_less_and_less_often(
    sqlite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1_000.0
    monkeypatch.setattr(prefect_schedules.time, "monotonic", lambda: now)
    prefect = Prefect()
    prefect.refusing = True
    mirror = PrefectSchedules(sqlite, cast(PrefectApi, prefect))
    pauses = []
    for _ in range(8):
        mirror.bring_up_to_date()
        pauses.append(mirror._look_at - now)
        now = mirror._look_at
    assert pauses == [5, 10, 20, 40, 80, 160, 180, 180]
    prefect.refusing = False
    mirror.bring_up_to_date()
    now = mirror._look_at
    mirror.bring_up_to_date()  # nothing has to be done
    prefect.shown.clear()
    now = mirror._look_at
    mirror.bring_up_to_date()
    assert mirror._look_at - now == 5

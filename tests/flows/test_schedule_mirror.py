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
        self.away = False

    def deployment(self, _name: str) -> str:
        if self.away:
            raise PrefectUnavailable("Prefect does not answer")
        return "d"

    def schedules(self, _deployment: str) -> list[dict[str, Any]]:
        return list(self.shown)

    def add_schedule(self, _deployment: str, body: dict[str, Any]) -> None:
        self.shown.append({"id": body["slug"], **body})


def test_what_prefect_lost_comes_back(sqlite: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    prefect = Prefect()
    mirror = PrefectSchedules(sqlite, cast(PrefectApi, prefect))
    mirror.bring_up_to_date()
    assert len(prefect.shown) == 2
    prefect.shown.clear()
    mirror.bring_up_to_date()
    assert prefect.shown == [], "it is not asked all the time"
    monkeypatch.setattr(prefect_schedules, "_TRUSTED_S", 0.0)
    prefect.away = True
    with pytest.raises(PrefectUnavailable):
        mirror.bring_up_to_date()
    monkeypatch.undo()
    prefect.away = False
    mirror.bring_up_to_date()
    assert len(prefect.shown) == 2

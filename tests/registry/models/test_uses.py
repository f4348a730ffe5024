"""What works with a model, as the records know it, and is not left without it."""

import pytest

from registry.access import Actor
from registry.errors import Conflict
from registry.models.changes import ModelChanges
from registry.models.publish import Draft
from registry.models.registry import ModelRegistry
from registry.models.types import CHAMPION
from registry.models.uses import Use, uses_in
from registry.records import Database, Schedule
from registry.runtime.card import MODEL_FILE
from registry.testing.onnx_models import BLOB_CARD, blob_detector


def _plan(database: Database, name: str, model: str, alias: str | None = None, *, active: bool = True) -> str:
    with database.write() as session:
        made = Schedule(
            name=name,
            kind="batch",
            parameters={"model": model, "alias": alias, "source": "/data"},
            cron="0 3 * * *",
            time_zone="UTC",
            active=active,
            owner_id="o",
            owner_name="olaf",
        )
        session.add(made)
        return made.id


def test_a_schedule_counts_unless_it_is_paused_or_for_another_model(sqlite: Database, unique: str) -> None:
    _plan(sqlite, "Nightly", unique)
    _plan(sqlite, "Hourly", unique, "tested")
    _plan(sqlite, "Paused", unique, active=False)
    _plan(sqlite, "Other", f"{unique}-2")
    found = uses_in(sqlite)(unique)
    assert set(found) == {Use("schedule 'Nightly' of olaf"), Use("schedule 'Hourly' of olaf", "tested")}


def test_a_model_that_a_schedule_comes_back_to_stays(
    sqlite: Database, models: ModelRegistry, engineer: Actor, unique: str
) -> None:
    changes = ModelChanges(models, sqlite, uses_in(sqlite))
    for _ in range(2):
        models.publish(engineer, Draft(unique, {MODEL_FILE: blob_detector()}, BLOB_CARD, alias=CHAMPION))
    models.set_alias(engineer, unique, "tested", 1)
    planned = _plan(sqlite, "Hourly", unique, "tested")
    for refused in (
        lambda: changes.delete(engineer, unique),
        lambda: changes.archive(engineer, unique),
        lambda: changes.remove_alias(engineer, unique, "tested"),
    ):
        with pytest.raises(Conflict, match=r"in use: schedule 'Hourly' of olaf$"):
            refused()
    changes.remove_alias(engineer, unique, CHAMPION)  # no schedule follows it
    with sqlite.write() as session:
        session.delete(session.get_one(Schedule, planned))
    changes.delete(engineer, unique)

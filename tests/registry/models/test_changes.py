"""Changing registered models, and the way an alias goes forward and back."""

from collections.abc import Sequence

import pytest
from sqlmodel import select

from registry.access import Actor
from registry.access.accounts import Accounts
from registry.access.actor import local_actor, of_user
from registry.errors import (
    AliasNotFound,
    Conflict,
    Forbidden,
    InvalidInput,
    InvalidModel,
    ModelNotFound,
    UserNotFound,
    VersionNotFound,
)
from registry.models.changes import ModelChanges
from registry.models.promotion import history, moves, rollback
from registry.models.publish import Draft
from registry.models.registry import ModelRegistry
from registry.models.serving import Serving
from registry.models.types import CHAMPION
from registry.models.uses import Use
from registry.records import AuditEntry, Database, Role
from registry.runtime.card import MODEL_FILE
from registry.testing.onnx_models import BLOB_CARD, blob_detector, blob_detector_with_nms


@pytest.fixture
def changes(models: ModelRegistry, sqlite: Database) -> ModelChanges:
    return ModelChanges(models, sqlite)


@pytest.fixture
def somebody(sqlite: Database, models: ModelRegistry) -> Actor:
    made = Accounts(sqlite, models.settings).create(local_actor(), "somebody", "engine-of-analysis", Role.USER)
    return of_user(made, "session")


def _publish(models: ModelRegistry, actor: Actor, name: str, versions: int = 1, level: str = "private") -> None:
    for _ in range(versions):
        files = {MODEL_FILE: blob_detector()}
        models.publish(actor, Draft(name, files, BLOB_CARD, access_level=level, alias=CHAMPION))  # type: ignore[arg-type]


def test_a_description_and_a_level_are_changed_and_traced(
    changes: ModelChanges, models: ModelRegistry, sqlite: Database, engineer: Actor, unique: str
) -> None:
    _publish(models, engineer, unique)
    changed = changes.update(engineer, unique, description="spots", access_level="authenticated")
    assert (changed.description, changed.access_level) == ("spots", "authenticated")
    with sqlite.read() as session:
        [entry] = session.exec(select(AuditEntry).where(AuditEntry.action == "model.update")).all()
    assert entry.details["before"]["access_level"] == "private"
    assert entry.details["after"] == {"description": "spots", "access_level": "authenticated"}
    with pytest.raises(InvalidInput, match="no access level"):
        changes.update(engineer, unique, access_level="everybody")  # type: ignore[arg-type]


def test_a_grant_shows_a_private_model_until_it_is_taken_back(
    changes: ModelChanges, models: ModelRegistry, engineer: Actor, somebody: Actor, unique: str
) -> None:
    _publish(models, engineer, unique)
    with pytest.raises(ModelNotFound):
        models.get(somebody, unique)
    changes.grant(engineer, unique, somebody.id)
    assert models.get(somebody, unique).name == unique
    with pytest.raises(Forbidden):
        changes.update(somebody, unique, description="mine now")
    changes.revoke(engineer, unique, somebody.id)
    changes.revoke(engineer, unique, somebody.id)
    with pytest.raises(ModelNotFound):
        models.get(somebody, unique)
    with pytest.raises(UserNotFound):
        changes.grant(engineer, unique, "0" * 32)


def test_a_grant_is_made_by_name_and_listed_for_its_owner(
    changes: ModelChanges, models: ModelRegistry, engineer: Actor, somebody: Actor, admin: Actor, unique: str
) -> None:
    _publish(models, engineer, unique)
    changes.grant(engineer, unique, " SomeBody ")
    assert [(grant.user_id, grant.username) for grant in changes.grants(admin, unique)] == [(somebody.id, "somebody")]
    with pytest.raises(Forbidden):
        changes.grants(somebody, unique)
    with pytest.raises(UserNotFound, match="nobody has the id or the name"):
        changes.grant(engineer, unique, "some body")


def test_an_archived_model_rests_until_it_is_brought_back(
    models: ModelRegistry, sqlite: Database, engineer: Actor, user: Actor, unique: str
) -> None:
    _publish(models, engineer, unique, level="authenticated")
    using = [Use("camera 'gate'")]
    changes = ModelChanges(models, sqlite, lambda _name: using)
    with pytest.raises(Conflict, match="camera 'gate'"):
        changes.archive(engineer, unique)
    using.clear()
    with pytest.raises(Forbidden):
        changes.archive(user, unique)
    assert changes.archive(engineer, unique).archived
    assert models.list(user, search=unique)[1] == 0
    assert models.list(user, search=unique, archived=True)[1] == models.list(user, search=unique, archived=None)[1] == 1
    for refused in (
        lambda: models.resolve(user, unique),
        lambda: models.set_alias(engineer, unique, CHAMPION, 1),
        lambda: _publish(models, engineer, unique),
    ):
        with pytest.raises(Conflict, match="is archived"):
            refused()
    assert [each.version for each in models.versions(user, unique)] == [1]
    assert not changes.archive(engineer, unique, archived=False).archived
    assert models.resolve(user, unique).version == 1


def test_a_model_in_use_is_not_deleted(
    models: ModelRegistry, sqlite: Database, engineer: Actor, user: Actor, unique: str
) -> None:
    _publish(models, engineer, unique, level="authenticated")
    using = [Use("camera 'gate'")]

    def uses(name: str) -> Sequence[Use]:
        return using if name == unique else ()

    changes = ModelChanges(models, sqlite, uses)
    with pytest.raises(Conflict, match="camera 'gate'"):
        changes.delete(engineer, unique)
    using.clear()
    with pytest.raises(Forbidden):
        changes.delete(user, unique)
    changes.delete(engineer, unique)
    with pytest.raises(ModelNotFound):
        models.get(engineer, unique)


def test_a_version_goes_unless_an_alias_names_it(
    changes: ModelChanges, models: ModelRegistry, engineer: Actor, unique: str
) -> None:
    _publish(models, engineer, unique, versions=2)
    with pytest.raises(Conflict, match="champion"):
        changes.delete_version(engineer, unique, 2)
    changes.delete_version(engineer, unique, 1)
    assert [each.version for each in models.versions(engineer, unique)] == [2]
    with pytest.raises(VersionNotFound):
        changes.delete_version(engineer, unique, 1)


def test_an_alias_goes_forward_and_back_through_its_history(
    changes: ModelChanges, models: ModelRegistry, engineer: Actor, unique: str
) -> None:
    _publish(models, engineer, unique, versions=3)
    for version in (1, 2, 3):
        models.set_alias(engineer, unique, CHAMPION, version)
    assert list(history(models, engineer, unique)) == [3, 2, 1]
    assert rollback(models, engineer, unique).version == 2
    assert rollback(models, engineer, unique).version == 1
    with pytest.raises(Conflict, match="named no other version"):
        rollback(models, engineer, unique)
    assert models.get(engineer, unique).aliases == {"champion": 1}


def test_a_rollback_steps_over_a_version_that_is_gone(
    changes: ModelChanges, models: ModelRegistry, engineer: Actor, unique: str
) -> None:
    _publish(models, engineer, unique, versions=3)
    for version in (1, 2, 3):
        models.set_alias(engineer, unique, CHAMPION, version)
    changes.delete_version(engineer, unique, 2)
    assert rollback(models, engineer, unique).version == 1


def test_a_rollback_is_proven_first_where_it_is_served(
    models: ModelRegistry, serving: Serving, engineer: Actor, unique: str
) -> None:
    files = {MODEL_FILE: blob_detector_with_nms()}
    models.publish(engineer, Draft(unique, files, BLOB_CARD, alias=CHAMPION))  # the wrong card: it cannot be served
    _publish(models, engineer, unique)
    with pytest.raises(InvalidModel, match="champion stays where it is"):
        rollback(models, engineer, unique, move=serving.move_alias)
    assert models.get(engineer, unique).aliases == {CHAMPION: 2}
    assert list(history(models, engineer, unique)) == [2, 1]


def test_every_move_is_kept_with_who_and_when(
    changes: ModelChanges, models: ModelRegistry, engineer: Actor, admin: Actor, unique: str
) -> None:
    _publish(models, engineer, unique, versions=2)
    models.set_alias(admin, unique, "tested", 1)
    models.set_alias(admin, unique, "tested", 1)  # no move
    changes.remove_alias(engineer, unique, "tested")
    told = [(move.alias, move.before, move.after, move.by) for move in moves(models, engineer, unique)]
    assert told == [
        ("tested", 1, None, "eve"), ("tested", None, 1, "ada"), (CHAMPION, 1, 2, "eve"), (CHAMPION, None, 1, "eve"),
    ]  # fmt: skip
    assert all(move.at.tzinfo is not None for move in moves(models, engineer, unique))
    assert [move.alias for move in moves(models, engineer, unique, CHAMPION)] == [CHAMPION, CHAMPION]
    with pytest.raises(AliasNotFound):
        changes.remove_alias(engineer, unique, "tested")


def test_what_publishing_moved_can_be_taken_back(models: ModelRegistry, engineer: Actor, unique: str) -> None:
    _publish(models, engineer, unique, versions=2)  # publishing names each new version the champion
    assert rollback(models, engineer, unique).version == 1
    models.set_alias(engineer, unique, CHAMPION, 2)
    assert rollback(models, engineer, unique).version == 1


def test_only_owners_and_administrators_promote(
    models: ModelRegistry, engineer: Actor, user: Actor, admin: Actor, unique: str
) -> None:
    _publish(models, engineer, unique, level="authenticated")
    with pytest.raises(Forbidden):
        models.set_alias(user, unique, CHAMPION, 1)
    with pytest.raises(VersionNotFound):
        models.set_alias(engineer, unique, CHAMPION, 9)
    models.set_alias(admin, unique, "checked", 1)
    assert models.get(admin, unique).aliases["checked"] == 1

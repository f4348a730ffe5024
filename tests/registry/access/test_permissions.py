"""The permission table."""

from dataclasses import replace

import pytest

from registry.access import Action, Actor, Target, allowed, require
from registry.access.actor import ANONYMOUS, local_actor
from registry.access.permissions import ROLES
from registry.errors import Forbidden, NotFound, NotSignedIn
from registry.records import Role

OWNER, OTHER = "owner", "other"
EVERYBODY, STAFF = "admin engineer operator user", "admin engineer operator"

# Who may do what with a model or dataset of somebody else's that everybody signed in may see.
EXPECTED = {
    Action.SEE_DASHBOARD: EVERYBODY,
    Action.READ_MODEL: EVERYBODY,
    Action.PREDICT: EVERYBODY,
    Action.PUBLISH_MODEL: "admin engineer",
    Action.CHANGE_MODEL: "admin",
    Action.DELETE_MODEL: "admin",
    Action.READ_DATASET: EVERYBODY,
    Action.ADD_DATASET: "admin engineer",
    Action.CHANGE_DATASET: "admin",
    Action.DELETE_DATASET: "admin",
    Action.OPEN_MLFLOW: "admin engineer",
    Action.MANAGE_MLFLOW: "admin",
    Action.OPEN_PREFECT: "admin engineer",
    Action.MANAGE_PREFECT: "admin",
    Action.READ_JOB: EVERYBODY,
    Action.START_JOB: EVERYBODY,
    Action.CANCEL_JOB: EVERYBODY,
    Action.READ_FOLDER: STAFF,
    Action.READ_SCHEDULE: STAFF,
    Action.CHANGE_SCHEDULE: STAFF,
    Action.CARE_FOR_PLATFORM: "admin",
    Action.READ_CAMERA: STAFF,
    Action.ADD_CAMERA: "admin engineer",
    Action.CHANGE_CAMERA: "admin engineer",
    Action.DELETE_CAMERA: "admin engineer",
    Action.CONTROL_CAMERA: STAFF,
    Action.READ_EVENT: STAFF,
    Action.DELETE_EVENT: "admin engineer",
    Action.READ_RECORDING: STAFF,
    Action.EXPORT_RECORDING: STAFF,
    Action.DELETE_RECORDING: "admin engineer",
    Action.READ_NOTIFICATION: "admin engineer",
    Action.CHANGE_NOTIFICATION: "admin engineer",
    Action.SEE_OWN_ACCOUNT: EVERYBODY,
    Action.CHANGE_OWN_ACCOUNT: EVERYBODY,
    Action.MANAGE_USERS: "admin",
    Action.READ_AUDIT: "admin",
    Action.READ_SETTINGS: STAFF,
    Action.CHANGE_SETTINGS: "admin",
    Action.CHANGE_TUNING: "admin engineer",
}


def _actor(role: Role, id_: str = OTHER) -> Actor:
    return Actor(id_, role.value, role)


def test_every_action_has_a_row_here_and_in_the_table() -> None:
    assert set(EXPECTED) == set(Action) == set(ROLES)


@pytest.mark.parametrize("action", list(Action))
@pytest.mark.parametrize("role", list(Role))
def test_a_role_may_do_what_its_row_says(action: Action, role: Role) -> None:
    target = Target("model 'm'", OWNER)
    assert allowed(_actor(role), action, target) == (role.value in EXPECTED[action].split())


@pytest.mark.parametrize("action", list(Action))
def test_nobody_may_do_nothing(action: Action) -> None:
    with pytest.raises(NotSignedIn):
        require(ANONYMOUS, action)


@pytest.mark.parametrize(
    ("level", "role", "premium", "sees"),
    [
        ("public", Role.USER, False, True),
        ("authenticated", Role.USER, False, True),
        ("premium", Role.USER, False, False),  # not entitled
        ("premium", Role.USER, True, True),
        ("premium", Role.OPERATOR, False, False),
        ("premium", Role.ENGINEER, False, True),  # engineers work with every shared model
        ("private", Role.ENGINEER, True, False),  # private stays with its owner
        ("private", Role.ADMIN, False, True),
    ],
)
def test_access_levels_decide_who_sees_a_model(level: str, role: Role, premium: bool, sees: bool) -> None:
    actor = replace(_actor(role), premium=premium)
    target = Target("model 'm'", OWNER, level)  # type: ignore[arg-type]
    if sees:
        require(actor, Action.PREDICT, target)
    else:
        with pytest.raises(NotFound, match="model 'm'"):
            require(actor, Action.PREDICT, target)


def test_a_grant_shows_a_private_model_but_does_not_let_change_it() -> None:
    target = Target("model 'm'", OWNER, "private", frozenset({OTHER}))
    require(_actor(Role.ENGINEER), Action.PREDICT, target)
    with pytest.raises(Forbidden):
        require(_actor(Role.ENGINEER), Action.CHANGE_MODEL, target)


def test_an_engineer_changes_their_own_model() -> None:
    require(_actor(Role.ENGINEER, OWNER), Action.CHANGE_MODEL, Target("model 'm'", OWNER, "private"))


def test_a_demoted_owner_keeps_seeing_but_no_longer_changes() -> None:
    owner, target = _actor(Role.USER, OWNER), Target("model 'm'", OWNER, "private")
    require(owner, Action.READ_MODEL, target)
    with pytest.raises(Forbidden, match="user"):
        require(owner, Action.CHANGE_MODEL, target)


def test_the_account_of_the_process_administers() -> None:
    require(local_actor(), Action.MANAGE_USERS)

"""The permission table: the only place that decides who may do what."""

from dataclasses import dataclass, field
from enum import StrEnum

from registry.access.actor import Actor
from registry.errors import Forbidden, NotFound, NotSignedIn
from registry.records import Role
from registry.settings import AccessLevel


class Action(StrEnum):
    """Everything that asks for permission."""

    SEE_DASHBOARD = "dashboard.see"
    READ_MODEL = "model.read"
    PREDICT = "model.predict"
    PUBLISH_MODEL = "model.publish"
    CHANGE_MODEL = "model.change"
    DELETE_MODEL = "model.delete"
    OPEN_MLFLOW = "mlflow.open"
    READ_JOB = "job.read"
    START_JOB = "job.start"
    CHANGE_OWN_ACCOUNT = "account.change"
    MANAGE_USERS = "users.manage"
    READ_AUDIT = "audit.read"


EVERYONE = frozenset(Role)
STAFF = frozenset({Role.ADMIN, Role.ENGINEER, Role.OPERATOR})
BUILDERS = frozenset({Role.ADMIN, Role.ENGINEER})
ADMINS = frozenset({Role.ADMIN})

ROLES: dict[Action, frozenset[Role]] = {
    Action.SEE_DASHBOARD: EVERYONE,
    Action.READ_MODEL: EVERYONE,
    Action.PREDICT: EVERYONE,
    Action.PUBLISH_MODEL: BUILDERS,
    Action.CHANGE_MODEL: BUILDERS,
    Action.DELETE_MODEL: BUILDERS,
    Action.OPEN_MLFLOW: BUILDERS,
    Action.READ_JOB: EVERYONE,
    Action.START_JOB: EVERYONE,
    Action.CHANGE_OWN_ACCOUNT: EVERYONE,
    Action.MANAGE_USERS: ADMINS,
    Action.READ_AUDIT: ADMINS,
}

# What an engineer may change only on models of their own; an administrator on any.
OWNED = frozenset({Action.CHANGE_MODEL, Action.DELETE_MODEL})


@dataclass(frozen=True, slots=True)
class Target:
    """The object an action is about: its owner, how widely it is shown, who was granted it, what it is called."""

    label: str
    owner_id: str = ""
    access_level: AccessLevel = "authenticated"
    granted_to: frozenset[str] = field(default_factory=frozenset)


def visible(actor: Actor, target: Target) -> bool:
    """Whether the actor may know that the target exists."""
    if not actor.known:
        return False
    if actor.role == Role.ADMIN or actor.id == target.owner_id or actor.id in target.granted_to:
        return True
    if target.access_level == "premium":
        return actor.premium or actor.role == Role.ENGINEER
    return target.access_level in {"public", "authenticated"}


def allowed(actor: Actor, action: Action, target: Target | None = None) -> bool:
    """Whether `require` would let this pass."""
    if actor.role is None or actor.role not in ROLES[action]:
        return False
    if target is None:
        return True
    owns = actor.role == Role.ADMIN or actor.id == target.owner_id
    return visible(actor, target) and (owns or action not in OWNED)


def require(actor: Actor, action: Action, target: Target | None = None) -> None:
    """Pass or raise: NotSignedIn for nobody, NotFound for what may not be seen, Forbidden for the rest."""
    if not actor.known:
        raise NotSignedIn("this needs a signed-in user")
    if target is not None and not visible(actor, target):
        raise NotFound(f"{target.label} does not exist, or you may not see it")
    if not allowed(actor, action, target):
        on = f" on {target.label}" if target else ""
        raise Forbidden(f"the role {actor.role} may not do {action}{on}", details={"action": str(action)})

"""The permission table: the only place that decides who may do what."""

from dataclasses import dataclass, field
from enum import StrEnum

from registry.access.actor import Actor
from registry.errors import Forbidden, NotFound, NotSignedIn
from registry.mlflow_file import AccessLevel
from registry.records import Role


class Action(StrEnum):
    """Everything that asks for permission."""

    SEE_DASHBOARD = "dashboard.see"
    READ_MODEL = "model.read"
    PREDICT = "model.predict"
    PUBLISH_MODEL = "model.publish"
    CHANGE_MODEL = "model.change"
    DELETE_MODEL = "model.delete"
    READ_DATASET = "dataset.read"
    ADD_DATASET = "dataset.add"
    CHANGE_DATASET = "dataset.change"
    DELETE_DATASET = "dataset.delete"
    OPEN_MLFLOW = "mlflow.open"
    MANAGE_MLFLOW = "mlflow.manage"
    OPEN_PREFECT = "prefect.open"
    MANAGE_PREFECT = "prefect.manage"
    READ_JOB = "job.read"
    START_JOB = "job.start"
    CANCEL_JOB = "job.cancel"
    READ_FOLDER = "folder.read"
    READ_SCHEDULE = "schedule.read"
    CHANGE_SCHEDULE = "schedule.change"
    CARE_FOR_PLATFORM = "platform.care"
    READ_CAMERA = "camera.read"
    ADD_CAMERA = "camera.add"
    CHANGE_CAMERA = "camera.change"
    DELETE_CAMERA = "camera.delete"
    CONTROL_CAMERA = "camera.control"
    READ_EVENT = "event.read"
    DELETE_EVENT = "event.delete"
    READ_RECORDING = "recording.read"
    EXPORT_RECORDING = "recording.export"
    DELETE_RECORDING = "recording.delete"
    READ_NOTIFICATION = "notification.read"
    CHANGE_NOTIFICATION = "notification.change"
    SEE_OWN_ACCOUNT = "account.see"
    CHANGE_OWN_ACCOUNT = "account.change"
    MANAGE_USERS = "users.manage"
    READ_AUDIT = "audit.read"
    READ_SETTINGS = "settings.read"
    CHANGE_SETTINGS = "settings.change"
    CHANGE_TUNING = "settings.tune"


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
    Action.READ_DATASET: EVERYONE,
    Action.ADD_DATASET: BUILDERS,
    Action.CHANGE_DATASET: BUILDERS,
    Action.DELETE_DATASET: BUILDERS,
    Action.OPEN_MLFLOW: BUILDERS,
    Action.MANAGE_MLFLOW: ADMINS,
    Action.OPEN_PREFECT: BUILDERS,
    Action.MANAGE_PREFECT: ADMINS,
    Action.READ_JOB: EVERYONE,
    Action.START_JOB: EVERYONE,
    Action.CANCEL_JOB: EVERYONE,  # one's own: nobody else's is seen
    Action.READ_FOLDER: STAFF,  # the server's folders that batches may read
    Action.READ_SCHEDULE: STAFF,  # one's own, as jobs
    Action.CHANGE_SCHEDULE: STAFF,
    Action.CARE_FOR_PLATFORM: ADMINS,  # clean-ups and backups
    Action.READ_CAMERA: STAFF,  # pictures of places: not for everybody who may predict
    Action.ADD_CAMERA: BUILDERS,
    Action.CHANGE_CAMERA: BUILDERS,
    Action.DELETE_CAMERA: BUILDERS,
    Action.CONTROL_CAMERA: STAFF,
    Action.READ_EVENT: STAFF,
    Action.DELETE_EVENT: BUILDERS,
    Action.READ_RECORDING: STAFF,
    Action.EXPORT_RECORDING: STAFF,
    Action.DELETE_RECORDING: BUILDERS,
    Action.READ_NOTIFICATION: BUILDERS,
    Action.CHANGE_NOTIFICATION: BUILDERS,
    Action.SEE_OWN_ACCOUNT: EVERYONE,
    Action.CHANGE_OWN_ACCOUNT: EVERYONE,
    Action.MANAGE_USERS: ADMINS,
    Action.READ_AUDIT: ADMINS,
    Action.READ_SETTINGS: STAFF,
    Action.CHANGE_SETTINGS: ADMINS,
    Action.CHANGE_TUNING: BUILDERS,  # what inference uses when a request names nothing
}


class Scope(StrEnum):
    """What an API key may be made for; a key never may more than its owner's role."""

    READ = "read"
    PREDICT = "predict"
    CAMERAS = "cameras"
    MODELS = "models"
    ADMIN = "admin"


SCOPES: dict[Action, Scope | None] = {
    Action.SEE_DASHBOARD: Scope.READ,
    Action.READ_MODEL: Scope.READ,
    Action.PREDICT: Scope.PREDICT,
    Action.PUBLISH_MODEL: Scope.MODELS,
    Action.CHANGE_MODEL: Scope.MODELS,
    Action.DELETE_MODEL: Scope.MODELS,
    Action.READ_DATASET: Scope.READ,
    Action.ADD_DATASET: Scope.MODELS,
    Action.CHANGE_DATASET: Scope.MODELS,
    Action.DELETE_DATASET: Scope.MODELS,
    Action.OPEN_MLFLOW: Scope.MODELS,
    Action.MANAGE_MLFLOW: Scope.MODELS,
    Action.OPEN_PREFECT: Scope.MODELS,
    Action.MANAGE_PREFECT: Scope.ADMIN,
    Action.READ_JOB: Scope.READ,
    Action.START_JOB: Scope.PREDICT,
    Action.CANCEL_JOB: Scope.PREDICT,
    Action.READ_FOLDER: Scope.PREDICT,
    Action.READ_SCHEDULE: Scope.READ,
    Action.CHANGE_SCHEDULE: Scope.PREDICT,
    Action.CARE_FOR_PLATFORM: Scope.ADMIN,
    Action.READ_CAMERA: Scope.CAMERAS,
    Action.ADD_CAMERA: Scope.CAMERAS,
    Action.CHANGE_CAMERA: Scope.CAMERAS,
    Action.DELETE_CAMERA: Scope.CAMERAS,
    Action.CONTROL_CAMERA: Scope.CAMERAS,
    Action.READ_EVENT: Scope.CAMERAS,
    Action.DELETE_EVENT: Scope.CAMERAS,
    Action.READ_RECORDING: Scope.CAMERAS,
    Action.EXPORT_RECORDING: Scope.CAMERAS,
    Action.DELETE_RECORDING: Scope.CAMERAS,
    Action.READ_NOTIFICATION: Scope.CAMERAS,
    Action.CHANGE_NOTIFICATION: Scope.ADMIN,
    Action.SEE_OWN_ACCOUNT: Scope.READ,
    Action.CHANGE_OWN_ACCOUNT: None,  # a stolen key must not become a password or another key
    Action.MANAGE_USERS: Scope.ADMIN,
    Action.READ_AUDIT: Scope.ADMIN,
    Action.READ_SETTINGS: Scope.ADMIN,
    Action.CHANGE_SETTINGS: Scope.ADMIN,
    Action.CHANGE_TUNING: Scope.ADMIN,
}


def scopes_of(role: Role) -> list[Scope]:
    """The scopes that a key of this role has a use for."""
    useful = {SCOPES[action] for action, roles in ROLES.items() if role in roles}
    return [scope for scope in Scope if scope in useful or scope not in SCOPES.values()]


# What an engineer may change only where it is their own; an administrator anywhere.
OWNED = frozenset({Action.CHANGE_MODEL, Action.DELETE_MODEL, Action.CHANGE_DATASET, Action.DELETE_DATASET})


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
    if actor.role is None or actor.role not in ROLES[action] or not _in_scope(actor, action):
        return False
    if target is None:
        return True
    owns = actor.role == Role.ADMIN or actor.id == target.owner_id
    return visible(actor, target) and (owns or action not in OWNED)


def _in_scope(actor: Actor, action: Action) -> bool:
    """Scopes imply one another only this far: `admin` covers all that a key may, the others also read."""
    if actor.scopes is None:
        return True
    wanted = SCOPES[action]
    if wanted is None:
        return False
    return Scope.ADMIN in actor.scopes or wanted in actor.scopes or (wanted is Scope.READ and bool(actor.scopes))


def require(actor: Actor, action: Action, target: Target | None = None) -> None:
    """Pass or raise: NotSignedIn for nobody, NotFound for what may not be seen, Forbidden for the rest."""
    if not actor.known:
        raise NotSignedIn("this needs a signed-in user")
    if target is not None and not visible(actor, target):
        raise NotFound(f"{target.label} does not exist, or you may not see it")
    if not allowed(actor, action, target):
        on = f" on {target.label}" if target else ""
        details = {"action": str(action), **({"target": target.label} if target else {})}
        if not _in_scope(actor, action):
            scope = SCOPES[action]
            hint = f"Make a key with the scope {scope}." if scope else "Sign in: no API key may do it."
            raise Forbidden(f"this API key may not do {action}{on}", hint=hint, details=details)
        raise Forbidden(f"the role {actor.role} may not do {action}{on}", details=details)

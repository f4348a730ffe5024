"""What may be done through MLflow's own interface: everything is shown, the registry is changed by us."""

import re

from registry.access import Action, Actor, require
from registry.access.permissions import allowed
from registry.errors import Forbidden, NotFound, RegistryError

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_REGISTRY = ("registered-models", "model-versions")
_LOOKS_ONLY = ("/search", "/get-latest-versions", "/graphql")
# What whoever may open MLflow may write: their experiments, runs, logged models and traces.
_OPEN_TO_ALL = frozenset(
    [
        "artifacts",
        "assessments",
        "datasets",
        "experiments",
        "logged-models",
        "metrics",
        "mlflow-artifacts",
        "runs",
        "traces",
        "upload-artifact",
    ]
)
_CALL = re.compile(r"/mlflow/(ajax-)?api/[23]\.0/(mlflow/)?(?P<operation>.*)", re.DOTALL)
_STRUCTURE = ("/create", "/delete", "/restore", "/update")


def admit(actor: Actor, method: str, path: str) -> None:
    """Raise Forbidden where the actor may not do this to MLflow, whatever the request names.

    Registered models carry owners, access levels and hashes in tags that MLflow lets anybody write: only
    administrators reach them this way, the others publish and change models through the app, the API or `registry`,
    which ask the permission table. Runs and experiments may be written by whoever may open MLflow, but for those
    that `app.mlflow_guard` protects.
    """
    require(actor, Action.OPEN_MLFLOW)
    if changes_registry(method, path):
        require(actor, Action.MANAGE_MLFLOW)
    elif writes(method, path) and operation(path).split("/")[0] not in _OPEN_TO_ALL and not manages(actor):
        raise Forbidden("this part of MLflow is changed by administrators")


def manages(actor: Actor) -> bool:
    """Whether nothing of MLflow is closed to the actor."""
    return allowed(actor, Action.MANAGE_MLFLOW)


def writes(method: str, path: str) -> bool:
    """Whether a request to MLflow may change anything."""
    return method not in _SAFE and not path.rstrip("/").endswith(_LOOKS_ONLY)


def operation(path: str) -> str:
    """What a path asks for, such as `runs/log-batch` or `mlflow-artifacts/artifacts/…`; empty for what is no call."""
    found = _CALL.fullmatch(path)
    return found["operation"] if found else ""


def changes_registry(method: str, path: str) -> bool:
    """Whether a request to MLflow may change registered models."""
    return writes(method, path) and any(word in path for word in _REGISTRY)


def failure(path: str) -> RegistryError | None:
    """What a failure of MLflow's at this path means: for a file that it cannot find it fails in several ways."""
    if path.rstrip("/").endswith("get-artifact"):
        return NotFound("MLflow has no such file", hint="`artifacts/list` names the files of a run.")
    return None


def worth_a_row(method: str, path: str) -> bool:
    """Whether a request changes more than what a run records of itself: such changes are in the audit trail."""
    structural = method == "DELETE" or path.rstrip("/").endswith(_STRUCTURE)
    return changes_registry(method, path) or (writes(method, path) and structural)

"""What may be done through MLflow's own interface: everything is shown, the registry is changed by us."""

from registry.access import Action, Actor, require

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_REGISTRY = ("registered-models", "model-versions")
_LOOKS_ONLY = ("/search", "/get-latest-versions")


def admit(actor: Actor, method: str, path: str) -> None:
    """Raise Forbidden where the actor may not do this to MLflow.

    Runs and experiments may be written by whoever may open MLflow. Registered models carry owners, access levels
    and hashes in tags that MLflow lets anybody write: only administrators reach them this way, the others publish
    and change models through the app, the API or `registry`, which ask the permission table.
    """
    require(actor, Action.OPEN_MLFLOW)
    touches = any(word in path for word in _REGISTRY) and not path.rstrip("/").endswith(_LOOKS_ONLY)
    if method not in _SAFE and touches:
        require(actor, Action.MANAGE_MLFLOW)

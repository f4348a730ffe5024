"""What may be done through Prefect's own interface: everything is looked at, little is changed."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from registry.access import Action, Actor, require
from registry.errors import Forbidden

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
# Prefect asks with POST; these only look.
_LOOKS = re.compile(
    r"/prefect/api/((ui|v2)/)?[\w-]+(/[\w-]+)*/"
    r"(filter|count|paginate|history|lateness|validate|counts|count-task-runs|count-deployments|next-runs|count-by/\w+)"
)
# What an administrator may change: let a run go no further, hold a schedule. How a flow is started, and with which
# code, is the runner's alone: whoever could change a deployment could run anything here.
_CHANGES = re.compile(
    r"/prefect/api/(flow_runs/[0-9a-f-]{36}/set_state|flow_runs/bulk_set_state|deployments/[0-9a-f-]{36}/(pause|resume)_deployment)"
)
# Wherever they stand in a path: those of a type are below `block_types`, and told with their secrets to whom asks so.
_SECRETS = "block_documents"
BLOCKS: Mapping[str, Any] = MappingProxyType({"filter": [], "count": 0})  # what Prefect's pages ask, and are told


def admit(actor: Actor, method: str, path: str) -> None:
    """Raise Forbidden where the actor may not do this to Prefect."""
    require(actor, Action.OPEN_PREFECT)
    path = path.rstrip("/")
    if _SECRETS in path:
        raise Forbidden("Prefect's blocks, which hold secrets, are not reached through the platform")
    if not writes(method, path):
        return
    require(actor, Action.MANAGE_PREFECT)
    if not changes(method, path):
        raise Forbidden(
            "this is not changed through Prefect's interface",
            hint="Start and cancel jobs in the app, over the API or with `nexusai jobs`.",
        )


def writes(method: str, path: str) -> bool:
    """Whether a request to Prefect may change anything."""
    return method not in _SAFE and not (method == "POST" and _LOOKS.fullmatch(path.rstrip("/")))


def changes(method: str, path: str) -> bool:
    """Whether a request to Prefect is one of the changes that are made there."""
    return method == "POST" and _CHANGES.fullmatch(path.rstrip("/")) is not None

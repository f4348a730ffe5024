"""What the tests of operations ask, and the requests that many of them share."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from registry.records import Role, User
from registry.testing.onnx_models import BLOB_CARD
from tests.contract.conftest import House

NIGHTLY = {"name": "Nightly", "kind": "clean", "parameters": {}, "cron": "15 3 * * *"}

DIGIT_CARD = BLOB_CARD.model_copy(update={"labels": tuple("0123456789")})


@dataclass(frozen=True)
class Ask:
    """One request: what fills the path, the query and the body."""

    path: dict[str, str] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)
    body: Any = None
    by: User | None = None  # somebody else of the same role, where the request changes who asks


Prepare = Callable[[House, Role], Ask]


def unique(prefix: str) -> str:
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


def model_of(owner: Role, level: str) -> Callable[[House, Role], str]:
    def find(house: House, _role: Role) -> str:
        name = f"of-{owner}-{level}-{house.platform.settings.home.parent.name}"
        known = {model.name for model in house.platform.models.list(house.actor(Role.ADMIN), size=500)[0]}
        return name if name in known else house.model(name, house.actor(owner), level)

    return find


def about_model(owner: Role, level: str, body: Any = None, **path: str) -> Prepare:
    """On a model of this owner and level; an empty `user_id` is filled with somebody's."""
    find = model_of(owner, level)

    def prepare(house: House, role: Role) -> Ask:
        filled = {key: value or house.somebody().id for key, value in path.items()}
        return Ask({"model_id": find(house, role), **filled}, body=body)

    return prepare


def given(body: Any) -> Prepare:
    return lambda _house, _role: Ask(body=body)


def at(body: Any = None, **path: str) -> Prepare:
    return lambda _house, _role: Ask(path, body=body)

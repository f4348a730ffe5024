"""The API behind its gate in this process, with one person of every role, for tests that walk every route."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp

from app.api import create_api
from app.gate import Gate
from app.platform import Platform
from app.signing_in import SigningIn
from registry.access import Actor
from registry.access.actor import local_actor, of_user
from registry.models.publish import Draft
from registry.models.server import tracking_uri
from registry.models.types import CHAMPION
from registry.records import Role, User
from registry.runtime.card import MODEL_FILE, ModelCard
from registry.settings import Settings, load_settings
from registry.testing.onnx_models import BLOB_CARD, blob_detector

PASSWORD = "contract horse battery"


@dataclass
class House:
    """A platform in this process; `people` has a user of every role, `models` what they own."""

    platform: Platform
    client: httpx.Client
    people: dict[Role, User] = field(default_factory=dict)
    bearers: dict[Role, dict[str, str]] = field(default_factory=dict)
    made: int = 0
    upload_id: str = ""

    def fill(self) -> None:
        """One person of every role, each with a token."""
        for role in Role:
            user = self.platform.accounts.create(local_actor(), f"the-{role}", PASSWORD, role)
            self.people[role] = user
            self.bearers[role] = self.sign_in(user)

    def sign_in(self, user: User) -> dict[str, str]:
        """The header with a new access token."""
        return {"Authorization": f"Bearer {self.platform.tokens.issue(user).access_token}"}

    def actor(self, role: Role) -> Actor:
        return of_user(self.people[role], "token")

    def count(self) -> int:
        """A number nobody else of the test has."""
        self.made += 1
        return self.made

    def somebody(self, role: Role = Role.USER) -> User:
        """A person nobody else of the test knows."""
        return self.platform.accounts.create(local_actor(), f"somebody-{self.count()}", PASSWORD, role)

    def model(self, name: str, owner: Actor, level: str) -> str:
        """A registered detector."""
        return self.publish(name, owner, level, blob_detector(), BLOB_CARD)

    def publish(self, name: str, owner: Actor, level: str, model: bytes, card: ModelCard) -> str:
        """A registered model; the trial run that an upload would have is left out."""
        draft = Draft(name, {MODEL_FILE: model}, card, access_level=level, alias=CHAMPION)  # type: ignore[arg-type]
        self.platform.models.publish(owner, draft)
        return name


@pytest.fixture(scope="module")
def house(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    mlflow_home: Settings,
    serve: Callable[[ASGIApp], AbstractContextManager[str]],
    copy_postgres: Callable[[], AbstractContextManager[str]],
) -> Iterator[House]:
    """A served platform on SQLite, or on PostgreSQL where a test's parameter says so."""
    home: Path = tmp_path_factory.mktemp("house") / "home"
    wants_postgres = getattr(request, "param", "sqlite") == "postgresql"
    with copy_postgres() if wants_postgres else nullcontext("") as database_url:
        settings = load_settings(
            home=home, mlflow_tracking_uri=tracking_uri(mlflow_home), database_url=database_url or None
        )
        platform = Platform.open(settings)
        platform.database.upgrade()
        with serve(_gate(platform)) as host, httpx.Client(base_url=f"http://{host}", timeout=60) as client:
            made = House(platform, client)
            made.fill()
            yield made
        platform.database.close()


def _gate(platform: Platform) -> Gate:
    """Sign-in and API behind the gate; Streamlit, which exists once a process, is left out."""
    inner = Starlette(
        routes=[
            *SigningIn(platform.settings, platform.sessions).routes(),
            Mount("/api/v1", app=create_api(platform)),
        ]
    )
    return Gate(inner, platform.settings, platform.sessions, platform.bearers, platform.limits)


def refusal(response: httpx.Response, status: int, code: str) -> dict[str, object]:
    """The error of an answer, after a look at its shape."""
    assert response.status_code == status, response.text
    error: dict[str, object] = response.json()["error"]
    assert set(error) == {"code", "message", "hint", "details", "request_id"}
    assert error["code"] == code
    assert error["message"]
    assert error["request_id"] == response.headers["x-request-id"]
    return error

"""`nexusai admin`, `nexusai users` and `nexusai keys` as a person runs them."""

import json
from collections.abc import Callable

import pytest
from click.testing import Result
from typer.testing import CliRunner

from app.cli.main import cli
from registry.access.accounts import Accounts
from registry.access.keys import Keys
from registry.errors import InvalidCredentials, NotSignedIn, RegistryError
from registry.records import open_database
from registry.settings import Settings
from registry.testing.platform import PASSWORD

Nexusai = Callable[..., Result]


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Nexusai:
    """Runs a command of `nexusai` on the test's home, with one administrator there."""
    monkeypatch.setenv("NEXUSAI_HOME", str(settings.home))
    monkeypatch.setenv("COLUMNS", "200")

    def done(*arguments: str, stdin: str = "") -> Result:
        return CliRunner().invoke(cli, arguments, input=stdin)

    assert done("admin", "create", "--username", "ada", "--password-stdin", stdin=PASSWORD).exit_code == 0
    return done


def _code(done: Result) -> str:
    assert isinstance(done.exception, RegistryError)
    assert done.exception.message
    return done.exception.code


def test_a_forgotten_password_is_reset(run: Nexusai, settings: Settings) -> None:
    said = run("admin", "reset-password", "--username", "ADA", "--password-stdin", stdin="another horse\n")
    assert "signed out everywhere" in said.stdout
    assert _code(run("admin", "reset-password", "--username", "eve", "--password-stdin", stdin="x")) == "user_not_found"
    assert _code(run("admin", "reset-password", "--username", "ada", "--password-stdin")) == "invalid_input"
    database = open_database(settings.records_url)
    accounts = Accounts(database, settings)
    assert accounts.prove("ada", "another horse").username == "ada"
    with pytest.raises(InvalidCredentials):
        accounts.prove("ada", PASSWORD)
    database.close()


def test_users_are_administered_and_the_last_administrator_stays(run: Nexusai) -> None:
    made = run(
        "users", "create", "--username", "bob", "--role", "operator", "--password-stdin", "--json", stdin=PASSWORD
    )
    bob = json.loads(made.stdout)
    assert (bob["username"], bob["role"], bob["active"]) == ("bob", "operator", True)
    assert "password" not in made.stdout
    assert (
        json.loads(run("users", "role", "--username", "Bob", "--role", "engineer", "--json").stdout)["role"]
        == "engineer"
    )
    assert "cannot sign in" in run("users", "deactivate", "--username", "bob").stdout
    listed = run("users", "list").stdout
    assert "switched off" in listed
    assert [each["username"] for each in json.loads(run("users", "list", "--role", "admin", "--json").stdout)] == [
        "ada"
    ]
    assert json.loads(run("users", "activate", "--username", "bob", "--json").stdout)["active"] is True
    for last in (("role", "--role", "user"), ("deactivate",), ("delete",)):
        assert _code(run("users", last[0], "--username", "ada", *last[1:])) == "last_administrator"
    assert _code(run("users", "role", "--username", "bob", "--role", "god")) == "invalid_input"
    assert "gone" in run("users", "delete", "--username", "bob").stdout
    assert _code(run("users", "delete", "--username", "bob")) == "user_not_found"


def test_keys_of_a_user_are_made_listed_and_revoked(run: Nexusai, settings: Settings) -> None:
    key = run("keys", "make", "--username", "ada", "--name", "line 3", "--scope", "read", "--days", "9").stdout.strip()
    database = open_database(settings.records_url)
    assert Keys(database).actor(key).name == "ada"
    [listed] = json.loads(run("keys", "list", "--username", "ada", "--json").stdout)
    assert (listed["name"], listed["scopes"]) == ("line 3", ["read"])
    assert key.split("_", 2)[2] not in json.dumps(listed)
    assert "line 3" in run("keys", "list", "--username", "ada").stdout
    assert run("keys", "revoke", "--username", "ada", "--id", listed["id"]).exit_code == 0
    with pytest.raises(NotSignedIn):
        Keys(database).actor(key)
    database.close()
    assert "no keys" in run("keys", "list", "--username", "ada").stdout
    assert _code(run("keys", "revoke", "--username", "ada", "--id", listed["id"])) == "key_not_found"
    assert _code(run("keys", "make", "--username", "ada", "--name", "x", "--scope", "all")) == "invalid_input"

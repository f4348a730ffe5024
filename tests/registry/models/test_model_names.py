"""What keeps two models from names that people take for one, whichever way they come in."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace

import pytest

from registry.access import Actor
from registry.errors import InvalidInput, NameTaken, RegistryError
from registry.models.changes import ModelChanges
from registry.models.intake import Wanted, take_in
from registry.models.publish import Draft
from registry.models.registering import register
from registry.models.registry import ModelRegistry
from registry.models.uploads import Uploads
from registry.records import Database
from registry.runtime.card import MODEL_FILE
from registry.testing.onnx_models import BLOB_CARD, blob_detector


def _unread() -> Iterator[bytes]:
    def never() -> bytes:
        raise AssertionError("a byte was asked for")

    return iter(never, b"")


def test_a_name_that_differs_only_by_case_is_taken_for_every_way_in(
    models: ModelRegistry, sqlite: Database, engineer: Actor, unique: str
) -> None:
    register(models, engineer, unique.capitalize())
    draft = Draft(unique.upper(), {MODEL_FILE: blob_detector()}, BLOB_CARD)
    ways: list[Callable[[], object]] = [
        lambda: register(models, engineer, unique.upper()),
        lambda: models.publish(engineer, draft),
        lambda: take_in(models, engineer, blob_detector(), unique.upper()),
        lambda: Uploads(models, sqlite).start(engineer, _unread(), Wanted(unique.upper())),
    ]
    for way in ways:
        with pytest.raises(NameTaken, match=f"'{unique.capitalize()}' already, .* only by upper and lower case"):
            way()
    assert models.list(engineer, search=unique)[1] == 1


def test_a_dash_is_no_underscore(models: ModelRegistry, engineer: Actor, unique: str) -> None:
    register(models, engineer, f"{unique}-x")
    register(models, engineer, f"{unique}_x")  # SQL's LIKE takes it for any letter
    assert models.list(engineer, search=unique)[1] == 2


def test_of_two_that_come_at_once_no_two_stay(models: ModelRegistry, engineer: Actor, unique: str) -> None:
    names = [unique.upper(), unique.capitalize(), unique.swapcase(), unique.title()]

    def attempt(name: str) -> None:
        with suppress(NameTaken):
            register(models, engineer, name)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(attempt, names))
    assert models.list(engineer, search=unique)[1] <= 1


def test_an_address_of_the_api_names_no_model_without_a_version_either(models: ModelRegistry, engineer: Actor) -> None:
    with pytest.raises(InvalidInput, match="address of the API"):
        register(models, engineer, "uploads")


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"parent": "nobody-made-this/1"}, "no model 'nobody-made-this'"),
        ({"parent": "{name}/7"}, "parent .* does not exist"),
        ({"task": "ocr"}, "answers task detect, this version would answer ocr"),
        ({"task": "juggle"}, "'juggle' is no task"),
        ({"task": "ocr", "card": BLOB_CARD}, "says task 'ocr', the model answers detect"),
        ({"description": "Bolts\u202e"}, r"invisible character U\+202E"),
        ({"card": BLOB_CARD.model_copy(update={"description": "zero\u200bwidth"})}, r"invisible character U\+200B"),
        ({"access_level": "all"}, "'all' is no access level"),
    ],
)
def test_what_is_known_before_a_file_comes_is_told_before_a_byte_of_it(
    models: ModelRegistry, sqlite: Database, engineer: Actor, unique: str, wanted: dict[str, str], said: str
) -> None:
    models.publish(engineer, Draft(unique, {MODEL_FILE: blob_detector()}, BLOB_CARD))
    if "parent" in wanted:
        wanted = wanted | {"parent": wanted["parent"].format(name=unique)}
    with pytest.raises(RegistryError, match=said):
        Uploads(models, sqlite).start(engineer, _unread(), Wanted(unique, **wanted))  # type: ignore[arg-type]


def test_an_archived_model_and_anothers_take_no_byte(
    models: ModelRegistry, sqlite: Database, engineer: Actor, unique: str
) -> None:
    models.publish(engineer, Draft(unique, {MODEL_FILE: blob_detector()}, BLOB_CARD))
    with pytest.raises(RegistryError, match="may not"):
        Uploads(models, sqlite).start(replace(engineer, id="o" * 32), _unread(), Wanted(unique))
    ModelChanges(models, sqlite).archive(engineer, unique)
    with pytest.raises(RegistryError, match="archived"):
        Uploads(models, sqlite).start(engineer, _unread(), Wanted(unique))


def test_what_changed_while_the_file_was_under_way_is_seen_when_it_is_published(
    models: ModelRegistry, engineer: Actor, unique: str
) -> None:
    draft = Draft(unique, {MODEL_FILE: blob_detector()}, BLOB_CARD, description="seen\u2066")
    with pytest.raises(InvalidInput, match="invisible"):
        models.publish(engineer, draft)

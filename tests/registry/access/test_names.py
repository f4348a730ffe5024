"""What people may be called."""

from collections.abc import Callable

import pytest

from registry.access.names import as_typed, checked_email, checked_full_name, checked_username
from registry.errors import InvalidInput


@pytest.mark.parametrize(
    "name",
    ["ada", "Ada Lovelace", "Åsa-Łucja_1", "李小龍", "Ада", "Όλγα", "เกษม", "o'neil", "<b>bob</b>", ":material/home:"],
)
def test_a_name_that_can_be_read_is_taken(name: str) -> None:
    assert checked_username(f" {name} ") == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "   ",
        "x" * 65,  # longer than the column
        "a\nb",  # a control character
        "a\0b",  # which PostgreSQL does not even store
        "ab\u202egnp",  # turns the rest of the line around
        "a\u2066b",  # isolates a direction
        "a\u200bb",  # zero width
        "a\u2060b",
        "\ufeffada",
        "a\u034fb",  # a mark that shows nothing
        "a\u3164b",  # a letter that shows nothing
        "\u0430da",  # a Cyrillic letter that looks like the first of ada
        "ada\u03bf",  # a Greek one
        "\uff41d\u0430",  # beside a Latin one of full width
        "ad\u0301\u0302\u0303\u0304a",  # a tower of marks
        "a\ufe0fb",  # a variation selector
        "a\u2800b",  # a blank Braille pattern
        "a\u00a0b",  # a space that only looks like one
        "ada  l",  # two spaces look like one on a page
        "\u00a8ada",  # NFKC begins it with a space
        "a\ud800b",  # half a character
        "eve\ufffd",  # what unreadable names are shown as
        "anonymous",  # what the trail calls nobody
        "Local:root",  # and the account of the machine
        "5F0C1D2E3A4B5C6D7E8F90A1B2C3D4E5",  # an id
        "\ufdfa" * 64,  # 18 characters each when written out
    ],
)
def test_a_name_that_cannot_be_told_from_another_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput):
        checked_username(name)


@pytest.mark.parametrize("email", ["", "a@b", "ada@example.com", "a.b+c@mail.example.co", "李@例え.jp"])
def test_an_address_is_taken(email: str) -> None:
    assert checked_email(f" {email} ") == email


@pytest.mark.parametrize(
    "email", ["ada", "@b", "a@", "a@b@c", "a b@c", "a@b..c", "a@.b", "a\u202e@b", "a@" + "b" * 260]
)
def test_what_is_no_address_is_refused(email: str) -> None:
    with pytest.raises(InvalidInput):
        checked_email(email)


@pytest.mark.parametrize(("check", "text"), [(checked_full_name, "a\u202eb"), (checked_full_name, "x" * 121)])
def test_a_full_name_is_visible_and_bounded(check: Callable[[str], str], text: str) -> None:
    with pytest.raises(InvalidInput):
        check(text)
    assert checked_full_name(" Ada L. ") == "Ada L."


def test_what_somebody_typed_is_kept_without_what_no_name_holds() -> None:
    assert as_typed("a\0b\u202ec\ud800") == "a\ufffdb\ufffdc\ufffd"
    assert len(as_typed("x" * 1_000)) == 64

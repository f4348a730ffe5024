"""What people may be called: user names, full names and addresses that look like what they are."""

import re
import unicodedata
from typing import Any

from registry.errors import InvalidInput
from registry.records import users

_LONGEST_NAME, _LONGEST_KEY, _LONGEST_FULL_NAME, _LONGEST_EMAIL = 64, 256, 120, 254
_RESERVED = re.compile("anonymous|local:.*|[0-9a-f]{32}")  # what the trail calls others, and ids
# Shown as nothing, though Unicode calls them letters, marks or symbols (Default_Ignorable_Code_Point, Braille blank).
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
_MARKS = re.compile("[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]{4}")
_ALIKE = ("LATIN", "GREEK", "CYRILLIC", "ARMENIAN")  # alphabets with letters that look the same
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)*")


def checked_username(text: str) -> str:
    """The name without spaces around it. Raises InvalidInput for what would not be told from another name.

    Control, right-to-left override and zero-width characters are no printable characters. Letters that NFKC or
    case folding makes equal are taken care of by `users.username_key`.
    """
    name = text.strip()
    if not 1 <= len(name) <= _LONGEST_NAME or not _visible(name):
        raise InvalidInput("a user name has 1 to 64 visible characters")
    if _MARKS.search(unicodedata.normalize("NFD", name)):
        raise InvalidInput("a user name has at most three marks on a letter")
    if len({script for each in unicodedata.normalize("NFKC", name) if (script := _script(each))}) > 1:
        raise InvalidInput(
            "a user name does not mix Latin, Greek, Cyrillic and Armenian letters",
            hint="Letters of different alphabets can look the same: use those of one.",
        )
    if not _singly_spaced(unicodedata.normalize("NFKC", name)):
        raise InvalidInput("a user name has single spaces at most, and only between its words")
    key = users.username_key(name)
    if _RESERVED.fullmatch(key):
        raise InvalidInput("this user name is kept for the platform itself")
    if len(key) > _LONGEST_KEY:
        raise InvalidInput("this user name is too long when its characters are written out")
    return name


def checked_full_name(text: str) -> str:
    """A full name without spaces around it; may be empty. Raises InvalidInput."""
    name = text.strip()
    if len(name) > _LONGEST_FULL_NAME or not _visible(name):
        raise InvalidInput("a full name has up to 120 visible characters")
    return name


def checked_email(text: str) -> str:
    """An address without spaces around it; may be empty. Raises InvalidInput for what cannot be one."""
    email = text.strip()
    if email and (len(email) > _LONGEST_EMAIL or not _visible(email) or not _EMAIL.fullmatch(email)):
        raise InvalidInput("an email address looks like name@example.com and has up to 254 characters")
    return email


def checked_profile(changes: dict[str, Any]) -> dict[str, Any]:
    """Changes of a user with `email` and `full_name` checked. Raises InvalidInput."""
    checks = {"email": checked_email, "full_name": checked_full_name}
    return {name: checks[name](value) if name in checks else value for name, value in changes.items()}


def as_typed(text: str) -> str:
    """A name that somebody typed, fit for the records: what no user name holds becomes U+FFFD."""
    return "".join(each if each.isprintable() else "\ufffd" for each in text[:_LONGEST_NAME])


def _script(letter: str) -> str:
    """Which of the alphabets with letters that look alike it belongs to, if any."""
    return next((each for each in _ALIKE if unicodedata.name(letter, "").startswith(each)), "")


def _visible(text: str) -> bool:
    return text.isprintable() and "\ufffd" not in text and not _UNSEEN.search(text)


def _singly_spaced(text: str) -> bool:
    return text == " ".join(text.split())

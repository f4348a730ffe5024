"""Answers that are kept for a day, on both databases."""

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlmodel import select

from registry.access import Actor
from registry.access.actor import ANONYMOUS
from registry.access.idempotency import KEPT, UNFINISHED_FOR, Answers, Claim, Kept
from registry.errors import Conflict, IdempotencyMismatch, InvalidInput, RequestInProgress
from registry.records import Database, IdempotentAnswer, Role, utc_now
from registry.settings import Settings

ACTOR = Actor("a" * 32, "ada", Role.ADMIN)
ANSWER = Kept(201, [("content-type", "application/json")], b'{"key": "nxk_0123_secret"}')


@pytest.fixture
def answers(database: Database, settings: Settings) -> Answers:
    return Answers(database, settings)


def _begun(answers: Answers, key: str = "k", fingerprint: str = "f", actor: Actor = ACTOR) -> Claim:
    found = answers.begin(actor, key, fingerprint)
    assert isinstance(found, Claim)
    return found


def _made_earlier(database: Database, age: timedelta) -> None:
    with database.write() as session:
        for row in session.exec(select(IdempotentAnswer)):
            row.created_at = utc_now() - age


def test_a_repeated_request_gets_the_answer_again(answers: Answers) -> None:
    answers.finish(_begun(answers), ANSWER)
    assert answers.begin(ACTOR, "k", "f") == ANSWER
    assert answers.begin(ACTOR, "k", "f") == ANSWER


def test_another_request_with_the_same_key_is_refused(answers: Answers) -> None:
    claim = _begun(answers)
    with pytest.raises(IdempotencyMismatch):  # while it runs
        answers.begin(ACTOR, "k", "other")
    answers.finish(claim, ANSWER)
    with pytest.raises(IdempotencyMismatch):
        answers.begin(ACTOR, "k", "other")


def test_a_request_that_still_runs_is_not_run_again(answers: Answers) -> None:
    _begun(answers)
    with pytest.raises(RequestInProgress):
        answers.begin(ACTOR, "k", "f")


def test_of_equal_requests_at_once_exactly_one_runs(answers: Answers) -> None:
    together = threading.Barrier(8)

    def ask(_number: int) -> str:
        together.wait(20)
        try:
            return type(answers.begin(ACTOR, "k", "f")).__name__
        except RequestInProgress:
            return "in progress"

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(ask, range(8)))
    assert sorted(outcomes) == ["Claim", *["in progress"] * 7]


def test_a_request_that_failed_may_be_tried_again(answers: Answers) -> None:
    answers.release(_begun(answers))
    _begun(answers)


# how long ago it began, whether it may be taken over
AGES = [
    (UNFINISHED_FOR * 0.9, False),
    (UNFINISHED_FOR * 1.1, True),  # its process has died
    (-timedelta(hours=1), True),  # the clock was set back an hour
]


@pytest.mark.parametrize(("age", "taken"), AGES)
def test_an_unfinished_request_blocks_its_key_for_a_minute(
    answers: Answers, database: Database, age: timedelta, taken: bool
) -> None:
    _begun(answers)
    _made_earlier(database, age)
    if taken:
        _begun(answers)
    else:
        with pytest.raises(RequestInProgress):
            answers.begin(ACTOR, "k", "f")


def test_who_was_taken_over_cannot_finish(answers: Answers, database: Database) -> None:
    slow = _begun(answers)
    _made_earlier(database, UNFINISHED_FOR * 2)
    second = _begun(answers)
    answers.finish(slow, replace(ANSWER, status=299))
    answers.release(slow)
    answers.finish(second, ANSWER)
    assert answers.begin(ACTOR, "k", "f") == ANSWER


def test_answers_are_forgotten_after_a_day(answers: Answers, database: Database) -> None:
    answers.finish(_begun(answers), ANSWER)
    _made_earlier(database, KEPT + timedelta(seconds=1))
    _begun(answers, key="another")
    with database.read() as session:
        assert len(session.exec(select(IdempotentAnswer)).all()) == 1
    _begun(answers, fingerprint="other")


BYSTANDERS = [
    replace(ACTOR, id="b" * 32),
    replace(ACTOR, via="key", credential="key-1"),  # a key of the same person, with fewer rights
    replace(ANONYMOUS, address="192.0.2.1"),
    replace(ANONYMOUS, address="192.0.2.2"),
]


def test_everybody_has_keys_of_their_own(answers: Answers) -> None:
    answers.finish(_begun(answers), ANSWER)
    for bystander in BYSTANDERS:
        _begun(answers, actor=bystander)


def test_an_answer_is_stored_unreadable(answers: Answers, database: Database) -> None:
    answers.finish(_begun(answers), ANSWER)
    with database.read() as session:
        [row] = session.exec(select(IdempotentAnswer)).all()
    assert b"nxk_" not in row.sealed
    assert b"content-type" not in row.sealed


def test_what_was_asked_cannot_be_guessed_from_the_table(answers: Answers, database: Database) -> None:
    """A body may hold a password: a plain digest of it could be tried out by whoever has a copy of the table."""
    fingerprint = "f" * 64
    _begun(answers, fingerprint=fingerprint)
    with database.read() as session:
        [row] = session.exec(select(IdempotentAnswer)).all()
    assert row.fingerprint not in {fingerprint, hashlib.sha256(fingerprint.encode()).hexdigest()}


def test_an_answer_that_was_changed_or_lost_its_secret_is_not_given(answers: Answers, database: Database) -> None:
    answers.finish(_begun(answers), ANSWER)
    with database.write() as session:
        [row] = session.exec(select(IdempotentAnswer)).all()
        row.status = 200
    with pytest.raises(Conflict, match="cannot be read"):
        answers.begin(ACTOR, "k", "f")


@pytest.mark.parametrize("key", ["", "x" * 256, "a\nb", "a\x00b", "\x7f"])
def test_what_is_no_key_is_refused(answers: Answers, key: str) -> None:
    with pytest.raises(InvalidInput):
        answers.begin(ACTOR, key, "f")

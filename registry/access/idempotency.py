"""Answers to creating requests, kept for a day, so that a request that is repeated is not done twice."""

import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import ColumnElement
from sqlmodel import Session, and_, col, delete, update

from registry.access.actor import Actor
from registry.access.networks import network_of
from registry.access.secret_files import read_or_make
from registry.errors import Conflict, IdempotencyMismatch, InvalidInput, RequestInProgress
from registry.records import Database, IdempotentAnswer, one_at_a_time, utc_now
from registry.settings import Settings

KEPT = timedelta(hours=24)
UNFINISHED_FOR = timedelta(seconds=60)  # then its process counts as dead, and the request may be taken over
LONGEST_KEY = 255
_NONCE = 12  # bytes, as AES-GCM wants them

Headers = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer as it was given the first time."""

    status: int
    headers: Headers
    body: bytes


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to run one request; others that repeat it wait until it is finished or released."""

    id: str
    since: datetime


class Answers:
    """The remembered answers of one platform. They are stored encrypted: one may hold a key that is shown once."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        key = read_or_make(settings.secrets_dir / "answers.key")
        self._cipher = AESGCM(key)
        self._fingerprints = hashlib.sha256(b"fingerprints " + key).digest()  # a body may hold a password to guess at

    def begin(self, actor: Actor, key: str, fingerprint: str) -> Claim | Kept:
        """The kept answer of an earlier request, or the claim to run this one; `fingerprint` stands for its content.

        Raises InvalidInput for a key that is none, IdempotencyMismatch, RequestInProgress, Conflict.
        """
        row_id = _row_id(actor, _checked(key))
        fingerprint = hmac.digest(self._fingerprints, fingerprint.encode(), "sha256").hex()
        now = utc_now()
        with self._database.write() as session:
            one_at_a_time(session.connection(), f"answer {row_id}")
            _prune(session, now)
            found = session.get(IdempotentAnswer, row_id)
            if found is not None:
                if found.fingerprint != fingerprint:
                    raise IdempotencyMismatch("this Idempotency-Key was used before, for another request")
                if found.status:
                    return self._open(found)
                if abs(now - found.created_at) < UNFINISHED_FOR:  # further ahead: the clock was set back since
                    raise RequestInProgress("the same request is still being answered")
                found.created_at = now
            else:
                session.add(IdempotentAnswer(id=row_id, fingerprint=fingerprint, created_at=now))
        return Claim(row_id, now)

    def finish(self, claim: Claim, answer: Kept) -> None:
        """Keep the answer. A claim that was taken over meanwhile changes nothing."""
        sealed = self._seal(claim.id, answer)
        with self._database.write() as session:
            session.exec(update(IdempotentAnswer).where(_mine(claim)).values(status=answer.status, sealed=sealed))

    def release(self, claim: Claim) -> None:
        """Forget a request that failed, so that it can be tried again with the same key."""
        with self._database.write() as session:
            session.exec(delete(IdempotentAnswer).where(_mine(claim)))

    def _seal(self, row_id: str, answer: Kept) -> bytes:
        nonce = secrets.token_bytes(_NONCE)
        plain = json.dumps(answer.headers).encode() + b"\n" + answer.body
        return nonce + self._cipher.encrypt(nonce, plain, _bound(row_id, answer.status))

    def _open(self, row: IdempotentAnswer) -> Kept:
        try:
            plain = self._cipher.decrypt(row.sealed[:_NONCE], row.sealed[_NONCE:], _bound(row.id, row.status))
        except InvalidTag as error:
            raise Conflict(
                "this request was answered before, and its answer cannot be read any more",
                hint="Look at what it made; send a new request with a new key.",
            ) from error
        headers, _, body = plain.partition(b"\n")
        return Kept(row.status, [(name, value) for name, value in json.loads(headers)], body)


def _checked(key: str) -> str:
    if not 1 <= len(key) <= LONGEST_KEY or not key.isprintable():
        raise InvalidInput(f"an Idempotency-Key has 1 to {LONGEST_KEY} printable characters")
    return key


def _row_id(actor: Actor, key: str) -> str:
    """A key of an actor's own: an API key never reads the answers of its owner's session."""
    place = network_of(actor.address) if not actor.known else actor.credential if actor.via == "key" else ""
    return hashlib.sha256(json.dumps([actor.id, place, key]).encode()).hexdigest()


def _bound(row_id: str, status: int) -> bytes:
    return f"{row_id} {status}".encode()


def _mine(claim: Claim) -> ColumnElement[bool]:
    unfinished = and_(col(IdempotentAnswer.id) == claim.id, col(IdempotentAnswer.status) == 0)
    return and_(unfinished, col(IdempotentAnswer.created_at) == claim.since)


def _prune(session: Session, now: datetime) -> None:
    session.exec(delete(IdempotentAnswer).where(col(IdempotentAnswer.created_at) < now - KEPT))

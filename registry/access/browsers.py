"""Browsers in which somebody signed in before, known by a random cookie of which only the hash is kept."""

import re
import secrets
from datetime import timedelta

from sqlmodel import Session, col, delete

from registry.access.fingerprints import hash_secret
from registry.records import KnownBrowser, one_at_a_time, utc_now

DAYS = 365
_FORM = re.compile(r"[A-Za-z0-9_-]{43}")  # 256 bits


def new_value() -> str:
    """A value for the cookie of a browser that has none."""
    return secrets.token_urlsafe(32)


def browser_hash(value: str) -> str:
    """What the database knows a cookie's value by; empty for what we never set."""
    return hash_secret(value) if _FORM.fullmatch(value) else ""


def remember(session: Session, browser: str, user_id: str) -> None:
    """Know the browser (by its hash) for DAYS from now, in the caller's write transaction."""
    now = utc_now()
    one_at_a_time(session.connection(), f"browser:{browser}")
    known = session.get(KnownBrowser, (browser, user_id)) or KnownBrowser(browser_hash=browser, user_id=user_id)
    known.last_used_at = now
    session.add(known)
    theirs = col(KnownBrowser.user_id) == user_id
    session.exec(delete(KnownBrowser).where(theirs, col(KnownBrowser.last_used_at) < now - timedelta(days=DAYS)))


def is_known(session: Session, browser: str, user_id: str) -> bool:
    """Whether that user signed in before in the browser of that hash."""
    known = session.get(KnownBrowser, (browser, user_id))
    return known is not None and known.last_used_at + timedelta(days=DAYS) > utc_now()

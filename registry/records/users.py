"""Queries on users."""

import unicodedata

from sqlalchemy import func
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from registry.errors import NameTaken, UserNotFound
from registry.records.tables import Role, User


def username_key(username: str) -> str:
    """The form in which user names are compared: NFKC, case-folded, trimmed."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", username.strip()).casefold())


def by_name(session: Session, username: str) -> User | None:
    """The user of that name, however it is spelled."""
    return session.exec(select(User).where(User.username_key == username_key(username))).first()


def by_id(session: Session, user_id: str) -> User:
    """The user of that id. Raises UserNotFound."""
    user = session.get(User, user_id)
    if user is None:
        raise UserNotFound(f"no user has the id {user_id[:32]!r}")
    return user


def add(session: Session, user: User) -> User:
    """Store a new user. Raises NameTaken, comparing names by `username_key`."""
    user.username_key = username_key(user.username)
    if by_name(session, user.username) is not None:
        raise NameTaken(f"the user name {user.username!r} is taken")
    session.add(user)
    try:
        session.flush()
    except IntegrityError as error:  # somebody else was first, between the look and the write
        if "username_key" not in str(error.orig):
            raise
        raise NameTaken(f"the user name {user.username!r} is taken") from error
    return user


def count(session: Session, *, role: Role | None = None) -> int:
    """How many active users there are, of one role or of any."""
    query = select(func.count()).select_from(User).where(col(User.active))
    return session.exec(query.where(User.role == role) if role else query).one()

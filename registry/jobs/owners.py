"""Who a stored job or schedule works for, with the rights they have now."""

from dataclasses import replace

from registry.access.actor import Actor, local_actor, of_user
from registry.errors import Forbidden, UserNotFound
from registry.records import Database, users


def owner_of(database: Database, owner_id: str, what: str) -> Actor:
    """The owner as an actor. Raises Forbidden where the account is gone or deactivated."""
    if owner_id.startswith("local:"):
        return replace(local_actor(), id=owner_id, name=owner_id)
    with database.read() as session:
        try:
            user = users.by_id(session, owner_id)
        except UserNotFound as error:
            raise Forbidden(f"the account that {what} is gone") from error
    if not user.active:
        raise Forbidden(f"the account that {what} is deactivated")
    return of_user(user, "local")

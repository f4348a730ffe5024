"""On whose behalf a camera uses its model: its owner's, with the rights they have now."""

from registry.access.actor import Actor, local_actor, of_user
from registry.errors import Forbidden, UserNotFound
from registry.records import Database, users


def owner_of(database: Database, owner_id: str) -> Actor:
    """The owner of a camera. Raises Forbidden where that account is gone or deactivated, DatabaseUnavailable."""
    if owner_id.startswith("local:"):
        return local_actor()
    with database.read() as session:
        try:
            user = users.by_id(session, owner_id)
        except UserNotFound as error:
            raise Forbidden("the account that owns this camera is gone") from error
    if not user.active:
        raise Forbidden("the account that owns this camera is deactivated")
    return of_user(user, "local")

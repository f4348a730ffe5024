"""Entries of the audit trail in words."""

import json
import re
from collections.abc import Iterator

from registry.records import AuditEntry

ACTIONS = {
    "account.password": "changed the password of",
    "account.refresh": "renewed a sign-in",
    "account.register": "registered",
    "account.set_up": "set up the platform",
    "account.setup": "set up the platform",
    "account.sign_in": "signed in",
    "account.sign_out": "signed out",
    "account.update": "changed the profile of",
    "camera.create": "added the camera",
    "camera.delete": "deleted the camera",
    "camera.start": "started the camera",
    "camera.stop": "stopped the camera",
    "camera.test": "tried the connection of",
    "camera.update": "changed the camera",
    "camera_event.delete": "deleted events of cameras:",
    "camera_event.send": "sent to a dataset the event",
    "camera_group.create": "made the group of cameras",
    "camera_group.delete": "deleted the group of cameras",
    "camera_group.update": "changed the group of cameras",
    "dataset.delete": "deleted the dataset",
    "dataset.push": "copied to the remote a version of the dataset",
    "dataset.update": "changed the dataset",
    "dataset.version": "made a version of the dataset",
    "key.make": "made the API key",
    "key.revoke": "revoked the API key",
    "prefect.change": "changed Prefect at",
    "job.start": "started",
    "job.cancel": "cancelled",
    "job.retry": "tried again",
    "mlflow.change": "changed MLflow at",
    "model.alias": "moved an alias of",
    "model.archive": "archived",
    "model.delete": "deleted the model",
    "model.delete_version": "deleted a version of",
    "model.grant": "gave somebody access to",
    "model.publish": "published a version of",
    "model.pull": "pulled from the catalogue",
    "model.register": "registered the model",
    "model.reject": "had a file rejected for",
    "model.remove_alias": "removed an alias of",
    "model.restore": "brought back",
    "model.revoke": "took back somebody's access to",
    "model.update": "changed",
    "model.upload": "sent a file for",
    "notification.create": "added a receiver of notifications,",
    "notification.delete": "deleted a receiver of notifications,",
    "notification.test": "tried a receiver of notifications,",
    "notification.update": "changed a receiver of notifications,",
    "recording.delete": "deleted a recording,",
    "recording.export": "exported a recording of",
    "setting.change": "changed the setting",
    "setting.reset": "reset the setting",
    "user.activate": "switched on the account of",
    "user.create": "made the account of",
    "user.deactivate": "switched off the account of",
    "user.delete": "deleted the account of",
    "user.password": "reset the password of",
    "user.role": "changed the role of",
    "user.update": "changed the account of",
}
_OF_ONESELF = frozenset({"account.setup", "account.sign_in", "account.sign_out", "account.refresh", "account.register"})
_NAMES = ("username", "name")
_NAMED_IN_DETAILS = ("user:", "key:", "camera:", "camera_group:", "camera_event:")  # whose targets are ids
_ID = re.compile(r"[0-9a-f]{32}")


def action_words(action: str, outcome: str = "ok") -> str:
    """What was done, or tried, as a verb; an action nobody put into words stays as it is."""
    if outcome == "ok":
        return ACTIONS.get(action, action)
    if action == "account.sign_in":
        return "could not sign in"
    return f"was refused {action} at" if outcome == "refused" else f"failed to do {action} at"


def target_words(entry: AuditEntry) -> str:
    """On what: by the name the entry remembers, or by its id; empty where the action says it already."""
    if entry.action in _OF_ONESELF:
        return ""
    _, colon, name = entry.target.partition(":")
    for known in _NAMES if entry.target.startswith(_NAMED_IN_DETAILS) else ():
        if isinstance(entry.details.get(known), str):
            return str(entry.details[known])
    if not colon:
        return entry.target
    return f"{name[:8]}…" if _ID.fullmatch(name) else name


def changes(entry: AuditEntry) -> list[tuple[str, str, str]]:
    """Each field that changed, with its value before and after."""
    before, after = entry.details.get("before"), entry.details.get("after")
    if not isinstance(before, dict) or not isinstance(after, dict):
        return []
    return [(field, value_text(before.get(field)), value_text(value)) for field, value in after.items()]


def facts(entry: AuditEntry) -> Iterator[tuple[str, str]]:
    """What else the entry tells, by name."""
    told = {"before", "after"} if changes(entry) else set[str]()
    if entry.target.startswith(_NAMED_IN_DETAILS):
        told |= {*_NAMES}
    for name, value in entry.details.items():
        if name not in told:
            yield name, value_text(value)


def value_text(value: object) -> str:
    """A value of the details as a person reads it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value in (None, "", [], {}):
        return "nothing"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

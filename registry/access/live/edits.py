"""Changing live settings: checked, traced, all or nothing, and nobody's change lost unseen."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session, col, select

from registry.access.actor import Actor
from registry.access.live.catalogue import CATEGORY_TEXTS, CUSTOM, DEFINITIONS
from registry.access.live.checking import check_key, check_words, custom_refusal, fields, refusals
from registry.access.live.definitions import LiveSettings
from registry.access.live.entry import Entry, custom_entry, entries
from registry.access.live.values import Live
from registry.access.permissions import Action, require
from registry.access.trail import trace
from registry.errors import Conflict, InvalidSetting, SettingChanged, SettingNotFound
from registry.records import AuditEntry, Database, SettingValue, one_at_a_time, utc_now

MOST_CUSTOM = 200
_ACTIONS = ("setting.change", "setting.reset", "setting.create", "setting.delete")
_EDITORS = {"admin": Action.CHANGE_SETTINGS, "engineer": Action.CHANGE_TUNING}


@dataclass(frozen=True, slots=True)
class Change:
    """A value to set; with `revision`, only if the setting is still at it."""

    value: Any
    revision: int | None = None


@dataclass(frozen=True, slots=True)
class Category:
    """A group of settings: how many it has, and how many of them somebody changed."""

    name: str
    description: str
    settings: int
    changed: int


class SettingsEditor:
    """Lists and changes the settings of one platform; what it changes is in force in this process at once."""

    def __init__(self, database: Database, live: Live) -> None:
        self._database = database
        self._live = live

    def list(self, actor: Actor, *, category: str | None = None, search: str = "") -> Sequence[Entry]:
        """The settings in their order, custom ones last. Raises Forbidden, SettingNotFound for a category."""
        require(actor, Action.READ_SETTINGS)
        if category is not None and category not in CATEGORY_TEXTS:
            raise SettingNotFound(
                f"there is no category {category!r:.80}", hint=f"One of: {', '.join(CATEGORY_TEXTS)}."
            )
        with self._database.read() as session:
            found = self._entries(session)
        return [each for each in found if category in {None, each.definition.category} and each.matches(search)]

    def categories(self, actor: Actor) -> Sequence[Category]:
        """The groups of settings. Raises Forbidden."""
        found = self.list(actor)
        return [
            _category(name, [each for each in found if each.definition.category == name]) for name in CATEGORY_TEXTS
        ]

    def get(self, actor: Actor, key: str) -> Entry:
        """One setting. Raises Forbidden, SettingNotFound."""
        return _named(self.list(actor), key)

    def set(self, actor: Actor, key: str, value: Any, revision: int | None = None) -> Entry:
        """Change one setting. Raises Forbidden, SettingNotFound, InvalidSetting, SettingChanged."""
        return self.bulk(actor, {key: Change(value, revision)})[0]

    def bulk(self, actor: Actor, changes: Mapping[str, Change]) -> Sequence[Entry]:
        """Change several settings, or none of them; an error's details name every field that is wrong.

        Raises Forbidden, SettingNotFound, InvalidSetting, SettingChanged.
        """
        with self._changing(actor) as session:
            before = {each.key: each for each in self._entries(session)}
            for key in changes.keys() & before.keys():
                require(actor, editors_action(before[key]))
            values = self._checked(before, changes)
            _refuse_stale(before, changes)
            for key, value in values.items():
                if not _same(before[key].value, value) or before[key].source == "default":
                    _write(session, actor, before[key], value)
            after = self._entries(session)
        self._live.refresh()
        return [each for each in after if each.key in changes]

    def reset(self, actor: Actor, key: str) -> Entry:
        """Back to the default. Raises Forbidden, SettingNotFound, Conflict for a custom one."""
        with self._changing(actor) as session:
            entry = _named(self._entries(session), key)
            require(actor, editors_action(entry))
            if entry.custom:
                raise Conflict(f"{key} is a custom setting and has no default", hint="Change it, or delete it.")
            if entry.source == "changed":
                _write(session, actor, entry, None)
            after = _named(self._entries(session), key)
        self._live.refresh()
        return after

    def create(self, actor: Actor, key: str, value: Any, title: str = "", description: str = "") -> Entry:
        """Make a custom setting. Raises Forbidden, InvalidSetting, Conflict."""
        require(actor, Action.CHANGE_SETTINGS)
        check_key(key)
        check_words(title, description)
        problem = custom_refusal(value)
        if problem:
            raise InvalidSetting(f"{key}: {problem}", details=fields({"value": problem}))
        with self._changing(actor) as session:
            _refuse_without_room(self._entries(session), key)
            left_over = session.get(SettingValue, key)  # of a release that defined this key
            if left_over is not None:
                session.delete(left_over)
                session.flush()
            row = SettingValue(key=key, value=value, custom=True, title=title.strip(), description=description.strip())
            row.updated_by = actor.name
            session.add(row)
            _trace(session, actor, "setting.create", key, before=None, after=value)
        return custom_entry(row)

    def delete(self, actor: Actor, key: str) -> None:
        """Remove a custom setting. Raises Forbidden, SettingNotFound, Conflict for one of the platform's own."""
        with self._changing(actor) as session:
            entry = _named(self._entries(session), key)
            require(actor, Action.CHANGE_SETTINGS)
            if not entry.custom:
                raise Conflict(f"{key} belongs to the platform and stays", hint="Reset it to go back to its default.")
            session.delete(session.get_one(SettingValue, key))
            _trace(session, actor, "setting.delete", key, before=entry.value, after=None)

    def history(self, actor: Actor, category: str, most: int = 20) -> Sequence[AuditEntry]:
        """The latest changes of a category's settings, newest first. Raises Forbidden."""
        require(actor, Action.READ_AUDIT)
        own = [f"setting:{each.key}" for each in DEFINITIONS.values() if category in {CUSTOM, each.category}]
        target = col(AuditEntry.target)
        where = target.not_in(own) if category == CUSTOM else target.in_(own)
        query = select(AuditEntry).where(col(AuditEntry.action).in_(_ACTIONS), where)
        with self._database.read() as session:
            return session.exec(query.order_by(col(AuditEntry.number).desc()).limit(most)).all()

    @contextmanager
    def _changing(self, actor: Actor) -> Iterator[Session]:
        """A write transaction in which nobody else changes a setting."""
        require(actor, Action.READ_SETTINGS)
        with self._database.write() as session:
            one_at_a_time(session.connection(), "settings")
            yield session

    def _entries(self, session: Session) -> Sequence[Entry]:
        return entries(self._live.defaults, session.exec(select(SettingValue)).all())

    def _checked(self, before: Mapping[str, Entry], changes: Mapping[str, Change]) -> dict[str, Any]:
        """The values as they are to be stored. Raises SettingNotFound, InvalidSetting."""
        unknown = dict.fromkeys(changes.keys() - before.keys(), "there is no such setting")
        ours = {key: each.value for key, each in changes.items() if key in DEFINITIONS}
        in_force = LiveSettings(**{key: before[key].value for key in DEFINITIONS})
        checked, problems = refusals(in_force, ours)
        custom = {key: each.value for key, each in changes.items() if key in before and key not in DEFINITIONS}
        problems |= {key: found for key, value in custom.items() if (found := custom_refusal(value))}
        if unknown or problems:
            kind = InvalidSetting if problems else SettingNotFound
            raise kind(_sentence(unknown | problems), details=fields(unknown | problems))
        return {key: getattr(checked, key) for key in ours} | custom


def editors_action(entry: Entry) -> Action:
    """What one has to be allowed to change this setting."""
    return _EDITORS[entry.definition.editors]


def _category(name: str, members: Sequence[Entry]) -> Category:
    return Category(name, CATEGORY_TEXTS[name], len(members), sum(each.source == "changed" for each in members))


def _named(found: Iterable[Entry], key: str) -> Entry:
    entry = next((each for each in found if each.key == key), None)
    if entry is None:
        raise SettingNotFound(f"there is no setting {key!r:.80}")
    return entry


def _refuse_stale(before: Mapping[str, Entry], changes: Mapping[str, Change]) -> None:
    stale = [before[key] for key, each in changes.items() if each.revision not in {None, before[key].revision}]
    if stale:
        first = stale[0]
        now = {
            each.key: {"value": each.value, "revision": each.revision, "updated_by": each.updated_by} for each in stale
        }
        raise SettingChanged(
            f"{', '.join(now)} changed since you looked: {first.key} is at revision {first.revision} now",
            details={"value": first.value, "revision": first.revision, "settings": now},
        )


def _refuse_without_room(found: Sequence[Entry], key: str) -> None:
    custom = {each.key for each in found if each.custom}
    if key in custom:
        raise Conflict(f"there is a custom setting {key} already", hint="Change it, or choose another key.")
    if len(custom) >= MOST_CUSTOM:
        raise Conflict(f"there are {MOST_CUSTOM} custom settings, more cannot be made", hint="Delete one first.")


def _write(session: Session, actor: Actor, entry: Entry, value: Any) -> None:
    """Store another value, or None for the default; the revision goes on counting, so that an old one shows."""
    row = session.get(SettingValue, entry.key) or SettingValue(key=entry.key, revision=0)
    row.value, row.revision, row.custom = value, row.revision + 1, entry.custom
    row.updated_at, row.updated_by = utc_now(), actor.name
    session.add(row)
    session.flush()
    action, after = ("setting.reset", entry.default) if value is None else ("setting.change", value)
    _trace(session, actor, action, entry.key, before=entry.value, after=after)


def _trace(session: Session, actor: Actor, action: str, key: str, *, before: Any, after: Any) -> None:
    trace(session, actor, action, f"setting:{key}", {"before": before, "after": after})


def _same(one: Any, other: Any) -> bool:
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)  # 1 is not true, and not 1.0


def _sentence(problems: Mapping[str, str]) -> str:
    first, *others = problems.items()
    more = f" (and {len(others)} more)" if others else ""
    return f"{first[0]:.80}: {first[1]}{more}"

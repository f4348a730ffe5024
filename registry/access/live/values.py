"""The values of the live settings that are in force, seen by every process within a second of their change."""

import logging
import threading
import time
from collections.abc import Mapping
from typing import Any

from sqlmodel import col, select

from registry.access.live.checking import refusals
from registry.access.live.definitions import LiveSettings
from registry.errors import DatabaseUnavailable
from registry.records import Database, SettingValue
from registry.settings import Settings

FRESH_S = 1.0

_log = logging.getLogger(__name__)


class Live:
    """The live settings of one platform as this process knows them; safe to use from several threads."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        shared = set(LiveSettings.model_fields) & set(type(settings).model_fields)
        self.defaults = LiveSettings(**{name: getattr(settings, name) for name in shared})
        self._latest = self.defaults
        self._asked_at = float("-inf")
        self._reading = threading.Lock()  # one after the other, so that an older answer never replaces a newer one
        self._away = False
        self._refused: dict[str, str] = {}

    def current(self) -> LiveSettings:
        """The values, at most FRESH_S old. Asks the database when they are older; keeps them while it is away."""
        if time.monotonic() - self._asked_at >= FRESH_S and self._reading.acquire(blocking=self._asked_at < 0):
            try:
                self._follow()
            finally:
                self._reading.release()
        return self._latest

    def latest(self) -> LiveSettings:
        """The values as they were last read, without asking anybody: for the event loop."""
        return self._latest

    def refresh(self) -> None:
        """Read the values now; while the database is away they stay as they are."""
        with self._reading:
            self._follow()

    def _follow(self) -> None:
        self._asked_at = time.monotonic()
        try:
            self._read()
        except DatabaseUnavailable as error:
            if not self._away:
                _log.warning("live settings stay as they are: %s", error.message)
            self._away = True
        else:
            self._away = False

    def _read(self) -> None:
        with self._database.read() as session:
            stored = session.exec(select(SettingValue.key, SettingValue.value).where(~col(SettingValue.custom))).all()
        self._latest, refused = merge(self.defaults, dict(stored))
        if refused and refused != self._refused:
            _log.warning("stored settings that are out of bounds now are ignored: %s", ", ".join(sorted(refused)))
        self._refused = refused


def merge(defaults: LiveSettings, stored: Mapping[str, Any]) -> tuple[LiveSettings, dict[str, str]]:
    """The defaults with what is stored on top, and what another release stored and this one leaves out, with why.

    None is the value of a setting that was reset.
    """
    known = {key: value for key, value in stored.items() if key in LiveSettings.model_fields and value is not None}
    return refusals(defaults, known)

"""The postman of a worker: there with its first camera, or as soon as a notification waits."""

import threading
from collections.abc import Callable
from functools import partial

import structlog

from registry.access.live import Live
from registry.errors import RegistryError
from registry.records import Aging, Database, notifications
from registry.settings import Settings
from registry.storage import open_storage

_log = structlog.get_logger(__name__)


class Mail:
    """Small until then. A postman that is there stays: some receivers are looked after while nothing waits."""

    def __init__(self, settings: Settings, database: Database, live: Live) -> None:
        self._settings, self._database, self._live = settings, database, live
        self._lock = threading.Lock()
        self._end: Callable[[], None] | None = None
        self._begun = False

    def look(self) -> None:
        """Begin in a thread if something waits; returns at once. Raises DatabaseUnavailable."""
        if self._begun:
            return
        with self._database.read() as session:
            waits = notifications.any_waits(session)
        if waits:
            threading.Thread(target=self.begin, name="mail", daemon=True).start()

    def begin(self) -> None:
        """Deliver from now on, with imports of a second; nothing where that has begun."""
        with self._lock:
            if self._begun:
                return
            self._begun = True
            from registry.notify.postman import Postman
            from registry.notify.senders import Senders

            try:
                storage = open_storage(self._settings.storage_root, self._settings.storage_endpoint)
                make = Senders(self._settings, self._live, self._database, storage).make
            except RegistryError as error:
                _log.error("notifications cannot be sent", code=error.code, reason=error.message)
                self._begun = False  # the next look tries again
                return
            aging = partial(Aging, kept=self._settings.clock_file)
            postman = Postman(self._database, self._live, make, make_aging=aging)
            postman.start()
            self._end = partial(postman.close, 1.0)

    def close(self) -> None:
        """End; what waits stays in line."""
        with self._lock:
            self._begun = True
            if self._end is not None:
                self._end()

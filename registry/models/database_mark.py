"""Whether MLflow's database was written to: a look at its file takes microseconds, a question to its server 15 ms."""

import sqlite3
import threading
from contextlib import closing, suppress
from pathlib import Path

from registry.models.server import configured_uri
from registry.settings import Settings

Mark = tuple[int, int, int]


class DatabaseMark:
    """What each transaction on the platform's own MLflow database changes; safe to call from any thread.

    It is only ever looked at: the server stays the one that reads and writes what is in it.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._file, self._opened = 0, 0

    def look(self) -> Mark | None:
        """The same as before only if nothing was written meanwhile; None where that cannot be told.

        So it is while somebody writes, and with an MLflow server that is not the platform's own.
        """
        if configured_uri(self._settings) or self._settings.read_mlflow_file().registry_uri:
            return None
        with self._lock:
            try:
                return self._mark(self._settings.mlflow_database)
            except (OSError, sqlite3.Error):
                self._close()
                return None

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._close()

    def _mark(self, path: Path) -> Mark:
        file = path.stat().st_ino  # a database that was restored from a backup is another file
        if self._connection is None or file != self._file:
            self._close()
            address = f"{path.absolute().as_uri()}?mode=ro"
            self._connection = sqlite3.connect(address, uri=True, timeout=0, check_same_thread=False)
            self._file, self._opened = file, self._opened + 1
        with closing(self._connection.execute("PRAGMA data_version")) as found:
            return self._opened, self._file, int(found.fetchone()[0])

    def _close(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
        self._connection = None

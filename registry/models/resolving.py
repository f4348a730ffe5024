"""Which version a request means, remembered for a moment so that answers do not wait for MLflow."""

import threading
import time
from collections.abc import Hashable
from dataclasses import dataclass, replace

from registry.access import Actor
from registry.errors import MlflowUnavailable, RegistryError
from registry.models.database_mark import DatabaseMark, Mark
from registry.models.registry import ModelRegistry
from registry.models.types import ModelVersion

RESOLVE_SECONDS = 1.0
STALE_SECONDS = 2.0  # the longest that a moved alias or a changed right may take to be seen
_RESOLVED_MOST = 4_096

_Key = tuple[Hashable, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks for what; neither a version nor an alias means the champion, or else the newest version."""

    actor: Actor
    model: str
    version: int | None = None
    alias: str | None = None

    @property
    def key(self) -> _Key:
        """What the answer is remembered by: all that it depends on."""
        actor = self.actor
        return self.model, self.version, self.alias, actor.id, actor.role, actor.premium, actor.scopes


@dataclass(frozen=True, slots=True)
class Resolved:
    """The version that MLflow named, when it was asked (`time.monotonic()`), and its database's mark then."""

    version: ModelVersion
    at: float
    mark: Mark | None = None


class Resolver:
    """`ModelRegistry.resolve`, remembered for each actor.

    After RESOLVE_SECONDS the next request has it asked again beside it, after STALE_SECONDS it waits itself. Where the
    database's mark tells that nothing was written since, nobody is asked.
    """

    def __init__(self, models: ModelRegistry) -> None:
        self._models = models
        self._mark = DatabaseMark(models.settings)
        self._resolved: dict[_Key, Resolved] = {}
        self._refreshing = threading.Lock()

    def remembered(self, asked: Asked) -> Resolved | None:
        """What is known and fresh enough to answer with; asks nobody."""
        known, now = self._resolved.get(asked.key), time.monotonic()
        if known is None or known.at + RESOLVE_SECONDS >= now:
            return known
        if known.mark is not None and known.mark == self._mark.look():
            known = self._resolved[asked.key] = replace(known, at=now)
            return known
        if known.at + STALE_SECONDS < now:
            return None
        if self._refreshing.acquire(blocking=False):
            threading.Thread(target=self._refresh, args=(asked,), daemon=True).start()
        return known

    def resolve(self, asked: Asked) -> Resolved:
        """The version, asked for if need be. Raises what `ModelRegistry.resolve` does.

        While MLflow is away nothing can have moved, so what it said last goes on.
        """
        found = self.remembered(asked)
        if found is not None:
            return found
        known = self._resolved.get(asked.key)
        try:
            return self._ask(asked)
        except MlflowUnavailable:
            if known is None:
                raise
            self._resolved[asked.key] = Resolved(known.version, time.monotonic())
            return known

    def forget(self, model: str) -> None:
        """Ask again about a model, whoever wants it: an alias of it was moved here."""
        for key in [key for key in list(self._resolved) if key[0] == model]:
            self._resolved.pop(key, None)

    def close(self) -> None:
        """Let go of the database."""
        self._mark.close()

    def _ask(self, asked: Asked) -> Resolved:
        at, mark = time.monotonic(), self._mark.look()
        version = self._models.resolve(asked.actor, asked.model, version=asked.version, alias=asked.alias)
        if len(self._resolved) >= _RESOLVED_MOST:
            self._resolved.clear()
        found = self._resolved[asked.key] = Resolved(version, at, mark)
        return found

    def _refresh(self, asked: Asked) -> None:
        """Ask again beside the requests, so that none of them waits for MLflow under steady traffic."""
        try:
            self._ask(asked)
        except MlflowUnavailable:
            pass  # the next request that waits decides
        except RegistryError:
            self._resolved.pop(asked.key, None)  # the next request asks for itself, and hears why
        finally:
            self._refreshing.release()

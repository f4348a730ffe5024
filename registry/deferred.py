"""What `supervision` imports of SciPy for curved traces and dense polygons is imported once it is called.

Those imports take longer than all the rest of it, in every process that looks at an image, and nothing here calls them.
"""

import importlib
import importlib.util
import sys
import threading
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, cast

_IMPORTER = "supervision"
_DEFERRED = {"scipy.interpolate": frozenset({"splev", "splprep"}), "scipy.spatial": frozenset({"cKDTree"})}


def defer_scipy() -> None:
    """Let `supervision`, when it is first imported, go on without these. Once for a process; later does nothing."""
    if _IMPORTER not in sys.modules and not any(isinstance(each, _Finder) for each in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class _StandIn(ModuleType):
    """Stands for a package: what is deferred imports it when called, all else when it is asked for.

    Any other thread may import what it wants meanwhile.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._importer = threading.get_ident()

    def __getattr__(self, name: str) -> Any:
        if name in _DEFERRED[self.__name__]:
            return _later(self.__name__, name)
        if name == "__path__" and threading.get_ident() == self._importer:  # asked of all that something is taken from
            raise AttributeError(name)
        return getattr(_real(self.__name__), name)


class _Finder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != _IMPORTER or self not in sys.meta_path:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader = cast("Loader", _Loader(spec.loader))
        return spec


class _Loader:
    """Another loader, while whose module is executed the stand-ins are there."""

    def __init__(self, inner: Loader) -> None:
        self._inner = inner

    def exec_module(self, module: ModuleType) -> None:
        for name in _DEFERRED.keys() - sys.modules.keys():
            sys.modules[name] = _StandIn(name)
        try:
            self._inner.exec_module(module)
        finally:
            for name in _DEFERRED:
                _drop(name)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def _later(module: str, name: str) -> Callable[..., Any]:
    def call(*arguments: Any, **named: Any) -> Any:
        return getattr(_real(module), name)(*arguments, **named)

    return call


def _real(name: str) -> ModuleType:
    _drop(name)
    return importlib.import_module(name)


def _drop(name: str) -> None:
    if isinstance(sys.modules.get(name), _StandIn):
        del sys.modules[name]

"""Where the versions of datasets lie: a DVC workspace in the home, with a remote in the platform's storage.

Every version is a folder `data/NAME/vNUMBER` with DVC's pointer beside it. DVC keeps each picture once, however many
versions have it; the folders are links to what it keeps, and read-only.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from registry.errors import InvalidInput, MissingExtra, StorageUnavailable
from registry.settings import Settings, child_environment
from registry.storage.walk import entries_in
from registry.training.datasets import annotations

_LONGEST_S = 6 * 3_600
_STALE_S = 24 * 3_600
_CONFIG = """[core]
    no_scm = True
    analytics = false
    check_update = false
    remote = store
[cache]
    type = "reflink,hardlink,copy"
['remote "store"']
    url = "{url}"
"""


class Workspace:
    """The DVC workspace of one home; processes that use it at once wait for one another."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.root = settings.home / "datasets"

    @property
    def remote(self) -> str:
        """Where versions are pushed to: a folder, or an s3:// address."""
        return f"{self._settings.storage_root.removeprefix('file://').rstrip('/')}/datasets"

    @property
    def is_shared(self) -> bool:
        """Whether the remote is a bucket, so that every version belongs there at once."""
        return self.remote.startswith("s3://")

    def check(self) -> None:
        """Raise MissingExtra unless what keeps versions is installed."""
        if find_spec("dvc") is None:
            raise MissingExtra("versions of datasets need dvc", hint="pip install 'nexusai[train]'")
        if self.is_shared and find_spec("dvc_s3") is None:
            raise MissingExtra("datasets on S3 need dvc-s3", hint="pip install 'nexusai[s3]'")

    def staging(self, name: str) -> Path:
        """A place for a folder or file that is being made; what was left there a day ago is removed."""
        root = self.root / "staging"
        root.mkdir(parents=True, exist_ok=True)
        for left, about in entries_in(root):
            if time.time() - about.st_mtime > _STALE_S:
                shutil.rmtree(left, ignore_errors=True) if left.is_dir() else left.unlink(missing_ok=True)
        return root / name

    def folder(self, name: str, number: int) -> Path:
        """Where a version lies when it is here."""
        return self.root / "data" / name / f"v{number}"

    @contextmanager
    def keeping(self, name: str, number: int, staging: Path, check: Callable[[], None]) -> Iterator[str]:
        """Move a finished folder to its place and have DVC keep it; gives the pointer's text.

        `check` may raise before anything is touched. It and the caller's block run while no other process changes
        the workspace. Raises MissingExtra, StorageUnavailable; the folder is gone then, as when the block raises.
        """
        place = self.folder(name, number)
        with self._alone():
            check()
            try:
                _remove(place)  # of a process that died before the version counted
                place.parent.mkdir(parents=True, exist_ok=True)
                staging.rename(place)
                self._run("add", "--quiet", self._target(name, number))
                # `add` links only what is new to the cache; what other versions have would lie there twice
                self._run("checkout", "--quiet", "--relink", self._target(name, number))
                _whole(place).touch()
                yield _pointer(place).read_text(encoding="utf-8")
            except BaseException:
                _remove(place)
                raise

    def ensure(self, name: str, number: int, pointer: str) -> Path:
        """The folder of a version, brought back from DVC's cache or the remote where it is not here as a whole.

        Raises MissingExtra, StorageUnavailable.
        """
        place = self.folder(name, number)
        if _is_whole(place):
            return place
        with self._alone():
            if _is_whole(place):  # somebody else has just brought it back
                return place
            _whole(place).unlink(missing_ok=True)
            place.parent.mkdir(parents=True, exist_ok=True)
            _pointer(place).write_text(pointer, encoding="utf-8")
            try:
                self._run("checkout", "--quiet", "--force", self._target(name, number))
            except StorageUnavailable:
                self._run("pull", "--quiet", "--force", self._target(name, number))
            _whole(place).touch()
        return place

    def push(self, name: str, number: int) -> None:
        """Copy a version to the remote; what is there already is not sent again. Raises StorageUnavailable."""
        with self._alone():
            self._run("push", "--quiet", self._target(name, number))

    def copy(self, name: str, number: int, target: Path) -> None:
        """Copy a version's folder to a new folder elsewhere. Raises InvalidInput where there is one already."""
        if target.exists():
            raise InvalidInput(f"{target} is there already", hint="Name a folder that is not there yet.")
        self._lay(name, number, target, shutil.copyfile)

    def stage(self, name: str, number: int, staging: Path) -> None:
        """Begin the next version with what a version holds: its pictures, linked and read-only, the rest copied.

        Raises StorageUnavailable.
        """
        pictures = self.folder(name, number) / annotations.IMAGES

        def put(source: str, target: str) -> None:
            if Path(source).is_relative_to(pictures):
                _link(source, target)
            else:
                shutil.copyfile(source, target)

        self._lay(name, number, staging, put)

    def forget(self, name: str, counting: Callable[[], Collection[int]]) -> None:
        """Remove a dataset's folders, and from the cache what no other version has; the remote keeps its copies.

        The numbers that are `counting` by the time nobody else changes the workspace stay: those of a new dataset
        that has the name by then.
        """
        with self._alone():
            stay = {self.folder(name, number).name for number in counting()}
            for pointer in sorted((self.root / "data" / name).glob("v*.dvc")):
                if pointer.stem not in stay:
                    _remove(pointer.with_suffix(""))
            if not stay:
                shutil.rmtree(self.root / "data" / name, ignore_errors=True)
            self._run("gc", "--quiet", "--workspace", "--force")

    def _lay(self, name: str, number: int, target: Path, put: Callable[[str, str], object]) -> None:
        try:
            shutil.copytree(self.folder(name, number), target, copy_function=put)
        except OSError as error:
            raise StorageUnavailable(f"the version could not be copied: {error.strerror or error}") from error

    def _target(self, name: str, number: int) -> str:
        return self.folder(name, number).relative_to(self.root).as_posix()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the workspace's lock, which the kernel frees when its process dies."""
        self.root.mkdir(parents=True, exist_ok=True)
        lock = os.open(self.root / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._configure()
            yield
        finally:
            os.close(lock)

    def _configure(self) -> None:
        """Make the folder a DVC workspace without git, or bring its remote up to date with the settings."""
        text = _CONFIG.format(url=self.remote)
        if self.is_shared and self._settings.storage_endpoint:
            text += f'    endpointurl = "{self._settings.storage_endpoint}"\n'
        config = self.root / ".dvc" / "config"
        if not config.is_file() or config.read_text(encoding="utf-8") != text:
            config.parent.mkdir(mode=0o700, exist_ok=True)  # DVC lets everybody write below it
            config.write_text(text, encoding="utf-8")

    def _run(self, *arguments: str) -> None:
        self.check()
        own = f"{self.root}/.dvc/none"  # nobody's personal DVC settings count here
        environment = child_environment(
            self._settings,
            DVC_GLOBAL_CONFIG_DIR=own,
            DVC_SYSTEM_CONFIG_DIR=own,
            DVC_SITE_CACHE_DIR=f"{self.root}/.dvc/site",
        )
        try:
            done = subprocess.run(  # noqa: S603 - our own command over checked names
                [sys.executable, "-m", "dvc", *arguments],
                cwd=self.root,
                env=environment,
                capture_output=True,
                text=True,
                timeout=_LONGEST_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise StorageUnavailable(f"dvc {arguments[0]} did not end within {_LONGEST_S // 3_600} hours") from error
        if done.returncode:
            raise StorageUnavailable(f"dvc {arguments[0]} failed: {_reason(done.stderr)}")


def _is_whole(place: Path) -> bool:
    """Whether a version's folder was finished, and not half made by a process that died."""
    return _whole(place).is_file() and (place / annotations.FILE).is_file()


def _remove(place: Path) -> None:
    _whole(place).unlink(missing_ok=True)  # first: what is left by a process that dies here is no whole version
    shutil.rmtree(place, ignore_errors=True)
    _pointer(place).unlink(missing_ok=True)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # a file system without links, or no more of them for this file
        shutil.copyfile(source, target)


def _whole(place: Path) -> Path:
    return place.with_name(f"{place.name}.whole")


def _pointer(place: Path) -> Path:
    return place.with_name(f"{place.name}.dvc")


def _reason(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return next((line for line in lines if line.startswith("ERROR")), lines[-1] if lines else "no reason given")[:300]

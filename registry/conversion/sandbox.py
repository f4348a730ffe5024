"""Running one of our modules over a foreign file in a child that can reach nothing and take only so much."""

import json
import os
import select
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from registry.conversion.doors import NOT_ISOLATED, RESULT, Doors
from registry.conversion.family import end_all, takes_more
from registry.conversion.foreign_tree import measure_tree, remove_tree
from registry.errors import InvalidModel, RegistryError, Unavailable

_CELL = Path(__file__).with_name("cell.py")
_LOOK_S = 0.25
_TAIL = 8_000
_RESULT_MOST = 16 << 20


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a child may take. `memory` is what it can write to, `address` also what it maps; sizes in bytes.

    `memory` bounds each process, and all that it starts together. A thread counts among the `processes`: libraries
    start several for each core.
    """

    seconds: float
    memory: int
    address: int
    folder: int  # all that lies in its work folder, and its largest file
    processes: int = 64 + 6 * (os.cpu_count() or 1)
    open_files: int = 256
    entries: int = 25_000  # files and folders in its work folder; an archive may bring 20,000

    def limits(self) -> dict[str, int]:
        """For setrlimit."""
        return {
            "RLIMIT_DATA": self.memory,
            "RLIMIT_AS": self.address,
            "RLIMIT_CPU": int(self.seconds) + 1,
            "RLIMIT_FSIZE": self.folder,
            "RLIMIT_NOFILE": self.open_files,
            "RLIMIT_NPROC": self.processes,
            "RLIMIT_CORE": 0,
        }


@dataclass(frozen=True, slots=True)
class Task:
    """A module with a function `work(folder)`, what it may take, what it is called in a message.

    A `strict` task is not begun where the doors cannot be shut. Its environment is `environment` and no more.
    """

    module: str
    bounds: Bounds
    what: str
    strict: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def work_folder(parent: Path | None = None) -> Iterator[Path]:
    """An empty folder for `run_isolated`, gone afterwards with all that a child left in it."""
    job = Path(tempfile.mkdtemp(prefix="nexusai-child-", dir=parent))
    try:
        (job / "work").mkdir()
        (job / "root").mkdir()
        yield job / "work"
    finally:
        remove_tree(job)


def run_isolated(task: Task, folder: Path) -> tuple[Any, Doors]:
    """Run the task over a `work_folder`; what `work` answered, and which doors were shut.

    Raises the RegistryError that `work` raised, InvalidModel saying which bound was broken, Unavailable when a
    strict task finds a door open.
    """
    order = {
        "module": task.module,
        "folder": str(folder.absolute()),
        "root": str(folder.absolute().with_name("root")),
        "strict": task.strict,
        "bounds": task.bounds.limits(),
    }
    home = str(folder.absolute())
    child = subprocess.Popen(  # noqa: S603 - our own script
        [sys.executable, "-I", str(_CELL), json.dumps(order)],
        cwd=folder,
        env={"HOME": home, "TMPDIR": home, "USER": "nobody", **task.environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        said = _listen(child, task, folder)
    finally:
        end_all(child.pid)
        status = child.wait()
    doors = _doors(said)
    if status == NOT_ISOLATED:
        raise Unavailable(f"{task.what} needs an isolated child, which this machine cannot make", hint=_why(doors))
    return _answer(folder, task, status, said), doors


@lru_cache(maxsize=1)
def isolation() -> Doors:
    """Which doors can be shut on this machine, found out with an idle child."""
    task = Task("registry.conversion.idle", Bounds(30, 1 << 30, 4 << 30, 1 << 20), "the isolation probe")
    with work_folder() as folder:
        return run_isolated(task, folder)[1]


def read_result(path: Path, most: int) -> bytes:
    """A file that a child left, if it is a plain file of at most `most` bytes. Raises InvalidModel."""
    try:  # never through a link, and never waiting on a pipe
        opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise InvalidModel(f"the child left no readable {path.name}") from error
    with os.fdopen(opened, "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode) or found.st_size > most:
            raise InvalidModel(f"the child left a {path.name} of {found.st_size} bytes; at most {most} are read")
        return file.read(most)


def _listen(child: subprocess.Popen[bytes], task: Task, folder: Path) -> bytes:
    """What the child prints, its first line and its end, while its time and its folder are watched."""
    deadline = time.monotonic() + task.bounds.seconds
    pipe = child.stdout
    if pipe is None:
        raise InvalidModel(f"{task.what} could not be listened to")
    said, next_look = b"", 0.0
    with pipe:
        while True:
            if select.select([pipe], [], [], _LOOK_S)[0]:
                some = os.read(pipe.fileno(), 65_536)
                if not some:
                    return said
                said = _shortened(said + some)
            if time.monotonic() > deadline:
                raise InvalidModel(f"{task.what} took longer than {task.bounds.seconds:g} s")
            if time.monotonic() >= next_look:
                _look(child.pid, task, folder)
                next_look = time.monotonic() + _LOOK_S


def _look(child: int, task: Task, folder: Path) -> None:
    """Raise InvalidModel when the child has more than it may have."""
    bounds = task.bounds
    if takes_more(child, bounds.memory):
        raise InvalidModel(f"{task.what} took more than {bounds.memory >> 20} MiB of memory in all its processes")
    size_bytes = measure_tree(folder, bounds.entries)
    if size_bytes is None:
        raise InvalidModel(f"{task.what} wrote more than {bounds.entries} files, or where they cannot be looked at")
    if size_bytes > bounds.folder:
        raise InvalidModel(f"{task.what} wrote more than {bounds.folder >> 20} MiB")


def _shortened(said: bytes) -> bytes:
    first, line_end, rest = said.partition(b"\n")
    return first[:_TAIL] + line_end + rest[-_TAIL:]


def _doors(said: bytes) -> Doors:
    try:
        return Doors(**json.loads(said.partition(b"\n")[0]))
    except (ValueError, TypeError):
        return Doors()


def _answer(folder: Path, task: Task, status: int, said: bytes) -> Any:
    if status:
        raise InvalidModel(
            f"{task.what} ended with status {status}: it wants more memory or time than it may have",
            hint="Export it with a smaller or fixed input size.",
            details={"said": said.partition(b"\n")[2][-500:].decode("utf-8", "replace")},
        )
    try:
        found = json.loads(read_result(folder / RESULT, _RESULT_MOST))
        if "error" not in found:
            return found["answer"]
        error = found["error"]
        kind = _kinds().get(error["code"], InvalidModel)
        refusal = kind(str(error["message"])[:2_000], hint=str(error["hint"])[:1_000])
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidModel(f"{task.what} left no answer that can be read") from error
    raise refusal


def _kinds(root: type[RegistryError] = RegistryError) -> dict[str, type[RegistryError]]:
    found = {root.code: root}
    for child in root.__subclasses__():
        found |= _kinds(child)
    return found


def _why(doors: Doors) -> str:
    return f"Shut here: {doors.said()}. {'; '.join(doors.notes)}"[:600]

"""Starting the platform's processes, keeping them alive, and stopping every one of them."""

import ctypes
import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import FrameType
from typing import IO, Self

from registry.errors import AlreadyRunning, ProcessFailed
from registry.settings import Settings

REFUSED = 3  # exit status of a process that cannot start here; starting it again would not help
_FIRST_DELAY_S, _LONGEST_DELAY_S, _STEADY_AFTER_S = 0.5, 30.0, 60.0
_POLL_S, _GRACE_S = 0.5, 8.0
_LOG_MOST_BYTES = 10 << 20
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Spec:
    """A process to keep alive; `ready` tells whether it does its work yet."""

    name: str
    command: Sequence[str]
    environment: dict[str, str]
    ready: Callable[[], bool]
    niceness: int = 0  # above 0: lets the others have the processor first


@dataclass(slots=True)
class _Child:
    spec: Spec
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    delay_s: float = _FIRST_DELAY_S
    start_again_at: float = 0.0
    restarts: int = field(default=0)


class HomeLock:
    """The exclusive use of a home, for as long as this process lives."""

    def __init__(self, settings: Settings) -> None:
        self._path = settings.run_dir / "up.lock"
        self._file: IO[str] | None = None

    def take(self, address: str) -> Self:
        """Lock the home. Raises AlreadyRunning naming the other platform."""
        self._file = self._path.open("a+", encoding="utf-8")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.seek(0)
            other = self._file.read().strip()
            self._file.close()
            raise AlreadyRunning(f"another platform runs on {self._path.parent.parent} ({other})") from error
        self._file.truncate(0)
        self._file.write(f"process {os.getpid()} at {address}")
        self._file.flush()
        return self

    def release(self) -> None:
        """Let another platform use the home."""
        if self._file is not None:
            self._file.truncate(0)
            self._file.close()


class Supervisor:
    """Runs processes side by side; one that dies is started again with back-off, the others go on."""

    def __init__(self, specs: Sequence[Spec], logs: Path, say: Callable[[str], None]) -> None:
        self._children = [_Child(spec) for spec in specs]
        self._logs = logs
        self._say = say
        self._stopping = threading.Event()

    def start(self) -> None:
        """Start all of them, and take over SIGINT, SIGTERM and SIGHUP."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        for child in self._children:
            self._spawn(child)

    def add(self, *specs: Spec) -> None:
        """Start further ones beside those that run."""
        for child in map(_Child, specs):
            self._spawn(child)
            self._children.append(child)

    def wait_ready(self, name: str, timeout_s: float) -> bool:
        """Wait until a process is ready; False when told to stop or out of time. Raises ProcessFailed."""
        child = next(each for each in self._children if each.spec.name == name)
        deadline = time.monotonic() + timeout_s
        while not self._stopping.is_set() and time.monotonic() < deadline:
            if child.process is not None and child.process.poll() is not None:
                said, hint = self._last_words(name)
                raise ProcessFailed(f"{name} ended with status {child.process.returncode}: {said}", hint=hint)
            if child.spec.ready():
                return True
            self._stopping.wait(0.1)
        return False

    def watch(self) -> None:
        """Keep them alive until told to stop."""
        while not self._stopping.wait(_POLL_S):
            for child in self._children:
                self._revive(child)

    def stop(self) -> None:
        """Stop all of them, last started first; what does not go within seconds is killed with its group."""
        running = [child.process for child in reversed(self._children) if child.process is not None]
        for process in running:
            _signal_group(process, signal.SIGTERM)
        deadline = time.monotonic() + _GRACE_S
        for process in running:
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.1, deadline - time.monotonic()))
            _signal_group(process, signal.SIGKILL)
            process.wait()

    @property
    def stopping(self) -> bool:
        """Whether somebody asked us to stop."""
        return self._stopping.is_set()

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping.set()

    def _spawn(self, child: _Child) -> None:
        with _open_log(self._logs / f"{child.spec.name}.log") as log:
            child.process = subprocess.Popen(  # noqa: S603 - our own commands
                list(child.spec.command),
                env=child.spec.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=partial(_prepare, child.spec.niceness),  # noqa: PLW1509 - no threads here
            )
        child.started_at = time.monotonic()

    def _revive(self, child: _Child) -> None:
        now = time.monotonic()
        if child.process is not None and child.process.poll() is None:
            if now - child.started_at > _STEADY_AFTER_S:
                child.delay_s = _FIRST_DELAY_S
            return
        if child.process is not None:
            _signal_group(child.process, signal.SIGKILL)  # what it left behind
            status, child.process = child.process.returncode, None
            child.start_again_at = now + child.delay_s
            self._say(f"{child.spec.name} ended with status {status}, starting it again in {child.delay_s:g} s")
            child.delay_s = min(2 * child.delay_s, _LONGEST_DELAY_S)
        if now >= child.start_again_at:
            child.restarts += 1
            self._spawn(child)

    def _last_words(self, name: str) -> tuple[str, str]:
        """The message and the hint of the error a process ended with, else its last line."""
        lines = (self._logs / f"{name}.log").read_text(encoding="utf-8", errors="replace").strip().splitlines()
        for line in reversed(lines[-30:]):
            with suppress(ValueError, KeyError, TypeError):
                error = json.loads(line)["error"]
                return str(error["message"]), str(error["hint"])
        return (lines[-1][:300] if lines else "it said nothing"), ""


def _open_log(path: Path) -> IO[bytes]:
    if path.exists() and path.stat().st_size > _LOG_MOST_BYTES:
        path.replace(path.with_suffix(".log.1"))
    return path.open("ab")


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _prepare(niceness: int) -> None:  # runs in the child, between fork and exec
    os.nice(niceness)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)

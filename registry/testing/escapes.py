"""The work of a child that tries to get out, or to take too much: what a hostile model would do if it ran."""

import json
import mmap
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

PLAN, BEATS = "plan.json", "beats"


def work(folder: Path) -> str:
    """Try what `plan.json` names on what it names; "did it", or the error that stood in the way."""
    plan = json.loads((folder / PLAN).read_text(encoding="utf-8"))
    try:
        return _ATTEMPTS[plan["attempt"]](folder, plan.get("on"))
    except (OSError, subprocess.SubprocessError) as error:
        return type(error).__name__


def _read(_folder: Path, on: Any) -> str:
    Path(on).read_bytes()
    return "did it"


def _write(_folder: Path, on: Any) -> str:
    Path(on).write_text("got out", encoding="utf-8")
    return "did it"


def _change(_folder: Path, _on: Any) -> str:
    with Path(__file__).open("a", encoding="utf-8"):
        return "did it"


def _call(_folder: Path, on: Any) -> str:
    socket.create_connection(("127.0.0.1", on), timeout=2).close()
    return "did it"


def _start(_folder: Path, on: Any) -> str:
    subprocess.run([sys.executable, "-c", on], check=True)  # noqa: S603 - it must not start
    return "did it"


def _signal(_folder: Path, on: Any) -> str:
    os.kill(on, 0)
    return "did it"


def _look_around(_folder: Path, _on: Any) -> str:
    return " ".join(sorted(os.environ))  # noqa: TID251 - the point is what it holds


def _take_memory(_folder: Path, _on: Any) -> str:
    return str(len(bytearray(64 << 30)))


def _fill(folder: Path, _on: Any) -> str:
    for number in range(10_000):
        (folder / f"{number}").write_bytes(bytes(1 << 20))
    return "did it"


def _multiply(_folder: Path, _on: Any) -> str:
    for _ in range(10_000):
        if not os.fork():
            os.read(os.pipe()[0], 1)
    return "did it"


def _take_memory_by_forks(_folder: Path, on: Any) -> str:
    """Each of 30 children takes what each of them may."""
    for _ in range(30):
        if not os.fork():
            held = bytearray(on)
            held[::4096] = b"x" * len(held[::4096])
            os.read(os.pipe()[0], 1)
    os.read(os.pipe()[0], 1)
    return "did it"


def _share_memory(_folder: Path, on: Any) -> str:
    """Memory that is shared counts as nobody's data."""
    held = mmap.mmap(-1, on)
    for place in range(0, on, 4096):
        held[place] = 1
    os.read(os.pipe()[0], 1)
    return "did it"


def _scatter(folder: Path, on: Any) -> str:
    for number in range(on):
        (folder / f"{number}").touch()
    os.read(os.pipe()[0], 1)
    return "did it"


def _dig(folder: Path, on: Any) -> str:
    """Folders in one another, far beyond the longest path."""
    os.chdir(folder)
    for _ in range(on):
        Path("d" * 200).mkdir()
        os.chdir("d" * 200)
    Path("deep").write_bytes(b"hidden")
    os.read(os.pipe()[0], 1)
    return "did it"


def _leave(folder: Path, _on: Any) -> str:
    """A grandchild in a session of its own, that nobody waits for, writes on when all others are gone."""
    if not os.fork():
        with suppress(OSError):
            os.setsid()
        if os.fork():
            os._exit(0)
        os.closerange(0, 3)
        for _ in range(600):
            with (folder / BEATS).open("a", encoding="ascii") as beats:
                beats.write("x")
            time.sleep(0.1)
        os._exit(0)
    while not (folder / BEATS).exists():
        time.sleep(0.05)
    return "did it"


def _leave_and_stay(folder: Path, on: Any) -> str:
    _leave(folder, on)
    return _never_end(folder, on)


def _never_end(_folder: Path, _on: Any) -> str:
    while True:
        pass


def _talk(_folder: Path, _on: Any) -> str:
    for _ in range(20_000):
        sys.stdout.write("x" * 1_000)
    return "did it"


def _leave_link(folder: Path, on: Any) -> str:
    (folder / "result.json").symlink_to(on)
    os._exit(0)


def _leave_pipe(folder: Path, _on: Any) -> str:
    os.mkfifo(folder / "result.json")
    os._exit(0)


_ATTEMPTS: dict[str, Callable[[Path, Any], str]] = {
    "read": _read,
    "write": _write,
    "change": _change,
    "call": _call,
    "start": _start,
    "signal": _signal,
    "look around": _look_around,
    "take memory": _take_memory,
    "fill": _fill,
    "multiply": _multiply,
    "take memory by forks": _take_memory_by_forks,
    "share memory": _share_memory,
    "scatter": _scatter,
    "dig": _dig,
    "leave": _leave,
    "leave and stay": _leave_and_stay,
    "never end": _never_end,
    "talk": _talk,
    "leave a link": _leave_link,
    "leave a pipe": _leave_pipe,
}

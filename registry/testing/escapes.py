"""The work of a child that tries to get out, or to take too much: what a hostile model would do if it ran."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

PLAN = "plan.json"


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
    "never end": _never_end,
    "talk": _talk,
    "leave a link": _leave_link,
    "leave a pipe": _leave_pipe,
}

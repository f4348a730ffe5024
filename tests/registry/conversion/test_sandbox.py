"""A child that tries to get out, or to take too much."""

import json
import os
import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from registry.conversion import cell
from registry.conversion.doors import Doors
from registry.conversion.sandbox import Bounds, Task, isolation, read_result, run_isolated, work_folder
from registry.errors import InvalidModel, Unavailable
from registry.testing import escapes
from registry.testing.requirements import miss

MIB = 1 << 20
BOUNDS = Bounds(seconds=20, memory=256 * MIB, address=2_048 * MIB, folder=8 * MIB, processes=32)


def attempt(what: str, on: Any = None, bounds: Bounds = BOUNDS, **task: Any) -> Any:
    with work_folder() as folder:
        (folder / escapes.PLAN).write_text(json.dumps({"attempt": what, "on": on}))
        return run_isolated(Task(escapes.__name__, bounds, "the attempt", **task), folder)[0]


@pytest.fixture(autouse=True)
def _needs_isolation() -> None:
    if not isolation().isolated:
        miss("isolation", "; ".join(isolation().notes))


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        yield server


@pytest.mark.parametrize("place", ["/etc/passwd", "/etc/hostname", "/root/.bashrc", "/proc/2/environ"])
def test_no_file_of_the_machine_is_read(place: str) -> None:
    assert attempt("read", place) != "did it"


def test_no_secret_of_the_home_is_read_or_changed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s3cret")
    secret.chmod(0o666)
    assert attempt("read", str(secret)) != "did it"
    assert attempt("write", str(secret)) != "did it"
    assert secret.read_text() == "s3cret"


def test_nothing_is_written_outside_the_work_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    assert attempt("write", str(tmp_path / "canary")) != "did it"
    assert attempt("change") != "did it"
    assert not (tmp_path / "canary").exists()


def test_nobody_is_called(listening: socket.socket) -> None:
    assert attempt("call", listening.getsockname()[1]) != "did it"
    with pytest.raises(TimeoutError):
        listening.accept()


def test_no_program_is_started(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    assert attempt("start", f"open({str(tmp_path / 'canary')!r}, 'w')") != "did it"
    assert not (tmp_path / "canary").exists()


def test_no_other_process_is_signalled() -> None:
    assert attempt("signal", os.getpid()) in ("ProcessLookupError", "PermissionError")


def test_the_environment_is_empty_but_for_what_the_task_names() -> None:
    found = set(attempt("look around", environment={"WANTED": "1"}).split())
    assert found - {"LC_CTYPE"} == {"HOME", "TMPDIR", "USER", "WANTED"}  # Python itself may set LC_CTYPE


@pytest.mark.parametrize(
    ("what", "bounds", "said"),
    [
        ("take memory", BOUNDS, "memory"),
        ("never end", Bounds(1.5, 256 * MIB, 2_048 * MIB, 8 * MIB), "longer than"),
        ("fill", BOUNDS, "wrote more than"),
    ],
)
def test_a_child_that_takes_too_much_is_ended(what: str, bounds: Bounds, said: str) -> None:
    with pytest.raises(InvalidModel, match=said):
        attempt(what, None, bounds)


@pytest.mark.parametrize(
    ("what", "on", "said"),
    [
        ("take memory by forks", 100 * MIB, "256 MiB of memory in all its processes"),
        ("share memory", 512 * MIB, "256 MiB of memory in all its processes"),
        ("scatter", 30_000, "wrote more than 2000 files"),
        ("dig", 30, "or where they cannot be looked at"),
    ],
)
def test_what_no_limit_of_one_process_bounds_is_seen(what: str, on: int, said: str) -> None:
    bounds = replace(BOUNDS, processes=64, entries=2_000)
    with pytest.raises(InvalidModel, match=said):
        attempt(what, on, bounds)


@pytest.mark.parametrize("hindered", [(), ("namespaces",), ("namespaces", "seccomp")])
def test_a_grandchild_that_leaves_does_not_outlive_its_job(
    hindered: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("registry.conversion.sandbox._CELL", hindered_cell(tmp_path, hindered))
    with work_folder() as folder:
        (folder / escapes.PLAN).write_text(json.dumps({"attempt": "leave"}))
        answer, doors = run_isolated(Task(escapes.__name__, BOUNDS, "the attempt"), folder)
        assert answer == "did it"
        assert (doors.own_network, doors.no_sockets) == ("namespaces" not in hindered, "seccomp" not in hindered)
        assert processes_of(folder) == []
        assert (folder / escapes.BEATS).exists()


@pytest.mark.parametrize("hindered", [(), ("namespaces",), ("namespaces", "seccomp")])
def test_a_job_that_is_ended_leaves_no_process(
    hindered: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("registry.conversion.sandbox._CELL", hindered_cell(tmp_path, hindered))
    with work_folder() as folder:
        (folder / escapes.PLAN).write_text(json.dumps({"attempt": "leave and stay"}))
        with pytest.raises(InvalidModel, match="longer than"):
            run_isolated(Task(escapes.__name__, replace(BOUNDS, seconds=12), "the attempt"), folder)
        assert (folder / escapes.BEATS).exists()
        assert processes_of(folder) == []


def hindered_cell(folder: Path, hindered: tuple[str, ...]) -> Path:
    """The launcher on a machine whose kernel refuses something."""
    text = (
        Path(cell.__file__).read_text(encoding="utf-8").replace("Path(__file__).resolve()", f"Path({cell.__file__!r})")
    )
    for what in hindered:
        text, found = re.subn(rf'(_tried\(notes, "{what}"), .*\)\n', r'\1, lambda: os.stat("/not/here"))\n', text)
        assert found == 1
    (folder / "cell.py").write_text(text, encoding="utf-8")
    return folder / "cell.py"


def processes_of(folder: Path) -> list[int]:
    """The processes of a job by their command line, which forks keep; the dead have none."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if str(folder) in " ".join(process.cmdline()):
                found.append(process.pid)
    return found


def test_the_deepest_folders_are_removed() -> None:
    with work_folder() as folder:
        (folder / escapes.PLAN).write_text(json.dumps({"attempt": "dig", "on": 3_000}))
        with pytest.raises(InvalidModel, match="cannot be looked at"):
            run_isolated(Task(escapes.__name__, BOUNDS, "the attempt"), folder)
    assert not folder.parent.exists()


def test_a_child_can_leave_neither_links_nor_pipes() -> None:
    assert attempt("leave a link", "/etc/passwd") == "PermissionError"
    assert attempt("leave a pipe") == "PermissionError"


def test_what_a_child_left_is_read_only_if_it_is_a_plain_file(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc/passwd")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_bytes(bytes(100))
    for name in ("link", "pipe", "large", "missing"):
        with pytest.raises(InvalidModel, match=name):
            read_result(tmp_path / name, 99)
    assert read_result(tmp_path / "large", 100) == bytes(100)


def test_processes_are_counted() -> None:
    assert attempt("multiply") == "BlockingIOError"


def test_a_talkative_child_fills_no_memory_of_ours() -> None:
    assert attempt("talk") == "did it"


def test_the_work_folder_is_gone_afterwards() -> None:
    with work_folder() as folder:
        (folder / escapes.PLAN).write_text(json.dumps({"attempt": "talk"}))
        run_isolated(Task(escapes.__name__, BOUNDS, "the attempt"), folder)
    assert not folder.parent.exists()


def test_a_strict_task_does_not_begin_behind_open_doors(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    open_house = tmp_path / "cell.py"  # a launcher on a machine whose kernel shuts nothing
    text = Path(cell.__file__).read_text(encoding="utf-8")
    text = text.replace('doors = _shut(folder, Path(order["root"]))', 'doors = Doors(notes=["an old kernel"])')
    open_house.write_text(text.replace("Path(__file__).resolve()", f"Path({cell.__file__!r})"), encoding="utf-8")
    monkeypatch.setattr("registry.conversion.sandbox._CELL", open_house)
    with pytest.raises(Unavailable, match="isolated child") as caught:
        attempt("talk", strict=True)
    assert "an old kernel" in caught.value.hint


@pytest.mark.parametrize(
    ("doors", "enough"),
    [
        (Doors(own_network=True, own_root=True), True),
        (Doors(no_sockets=True, landlock=True), True),  # a container that may not make namespaces
        (Doors(no_sockets=True, other_user=True), True),
        (Doors(own_network=True), False),
        (Doors(landlock=True, own_root=True, other_user=True), False),
    ],
)
def test_foreign_code_needs_a_cut_network_and_a_cut_file_system(doors: Doors, enough: bool) -> None:
    assert doors.isolated is enough


def test_without_root_the_doors_are_shut_as_well() -> None:
    """As another user, with the system's Python: ours may lie where that user cannot read it."""
    python = "/usr/bin/python3"
    if os.geteuid() or not Path(python).exists():
        miss("root and a system Python", "run the tests as root on a machine with /usr/bin/python3")
    with work_folder(Path("/tmp")) as folder:
        for path in (folder.parent, folder, folder.with_name("root")):
            os.chown(path, 54_321, 54_321)
        order = {
            "module": "registry.conversion.idle",
            "folder": str(folder),
            "root": str(folder.with_name("root")),
            "strict": True,
            "bounds": {},
        }
        done = subprocess.run(
            [python, "-I", cell.__file__, json.dumps(order)],
            user=54_321,
            group=54_321,
            extra_groups=[],
            cwd=folder,
            capture_output=True,
            text=True,
        )
    assert done.returncode == 0, done.stderr
    doors = Doors(**json.loads(done.stdout.splitlines()[0]))
    assert doors.own_network, doors.notes
    assert doors.own_root, doors.notes
    assert doors.landlock, doors.notes

"""A disk that takes no more: what is recorded stops and says so, all else goes on, and it comes back by itself."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlmodel import select

from registry.access.actor import local_actor
from registry.access.live import Live, SettingsEditor
from registry.records import CameraEvent, EventKind
from registry.testing.requirements import miss, require_tool

if TYPE_CHECKING:
    from tests.registry.worker.conftest import House

SIZE_MIB, LEAST_FREE_MIB, MOST_MIB = 96, 64, 10_485_760


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A file system of its own, of so many MiB."""
    require_tool("mount", "it comes with util-linux")
    folder.mkdir()
    line = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MIB}m", "tmpfs", str(folder)]
    if subprocess.run(line, check=False, capture_output=True).returncode:
        miss("the right to mount a file system", "run as root")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(path: Path) -> None:
    """Somebody else takes all the room there is."""
    with path.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
        while True:
            file.write(bytes(1 << 20))


def least_free(house: "House", mib: int) -> None:
    editor = SettingsEditor(house.database, Live(house.database, house.settings))
    editor.set(local_actor(), "recording_min_free_mb", mib)


@pytest.mark.parametrize("house", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "disk", ["full to the last byte", pytest.param("less than has to be free", marks=pytest.mark.slow)]
)
def test_recording_stops_with_a_reason_and_the_camera_goes_on(house: "House", tmp_path: Path, disk: str) -> None:
    folder = tmp_path / "disk"
    house.settings = house.settings.model_copy(update={"recordings_dir": folder})
    least_free(house, LEAST_FREE_MIB)
    if disk == "full to the last byte":
        with small_disk(folder):
            _walk(house, lambda: fill(folder / "other"), (folder / "other").unlink)
            house.close()
    else:
        _walk(house, lambda: least_free(house, MOST_MIB), lambda: least_free(house, LEAST_FREE_MIB))


def _walk(house: "House", take_room: Callable[[], object], give_room: Callable[[], object]) -> None:
    house.add("a", recording={"mode": "continuous"})
    house.start()
    house.wait_live("a")

    def told(name: str) -> object:
        return house.lease("a").report.get(name)

    def written() -> int:
        return int(house.lease("a").report.get("recording", {}).get("bytes_written", 0))

    def captured() -> int:
        return int(house.lease("a").report["account"]["captured"])

    house.wait(written, "a recording")
    assert told("recording_problem") == ""
    take_room()
    house.wait(lambda: "disk" in str(told("recording_problem")), "the reason", 45)
    stopped_at, before = written(), captured()
    house.wait(lambda: captured() > before + 10, "pictures that are analysed")
    assert house.ask("a", "snapshot.jpg").content[:2] == b"\xff\xd8"
    assert written() == stopped_at
    assert (house.lease("a").state, told("connections")) == ("live", 1)
    assert 'nexusai_camera_recording_stopped{camera="a",name="a"} 1.0' in house.ask("a", "../../metrics").text

    def events() -> list[str]:
        with house.database.read() as session:
            disk = select(CameraEvent).where(CameraEvent.kind == EventKind.DISK)
            return [each.detail for each in session.exec(disk).all()]

    house.wait(lambda: any("this camera is not recorded" in each for each in events()), "the event")
    give_room()
    house.wait(lambda: told("recording_problem") == "" and written() > stopped_at, "a recording again", 45)
    assert (house.lease("a").state, told("connections")) == ("live", 1)

"""Datasets on a platform: versions kept by DVC, permissions, the trail, a folder or a bucket as remote."""

import shutil
import threading
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import httpx
import pytest
from moto.server import ThreadedMotoServer

from registry.access import Actor
from registry.access.live import Live
from registry.errors import (
    Conflict,
    DatasetNotFound,
    Forbidden,
    InvalidDataset,
    InvalidInput,
    StorageUnavailable,
    VersionNotFound,
)
from registry.models.process import free_port
from registry.records import AuditEntry, Database, Role
from registry.records import datasets as records
from registry.settings import Settings, load_settings
from registry.training.datasets import annotations
from registry.training.datasets.catalogue import Datasets
from registry.training.datasets.changes import DatasetChanges, NewVersion
from registry.training.datasets.intake import Wanted
from registry.training.datasets.plan import SplitPlan
from registry.training.datasets.workspace import Workspace
from tests.registry.training.datasets.conftest import Pack, picture

CLASSES = "names: [cat, dog]\n"


class Rooms:
    """What a platform has for datasets."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self.database = database
        self.workspace = Workspace(settings)
        self.datasets = Datasets(database, self.workspace)
        self.changes = DatasetChanges(settings, database, Live(database, settings), self.datasets)

    def trail(self) -> list[tuple[str, str]]:
        from sqlmodel import select

        with self.database.read() as session:
            return [(each.action, each.outcome) for each in session.exec(select(AuditEntry))]


@pytest.fixture
def rooms(settings: Settings, sqlite: Database) -> Rooms:
    return Rooms(settings, sqlite)


def members(count: int, *, split: str = "train") -> dict[str, str | bytes]:
    made: dict[str, str | bytes] = {"data.yaml": CLASSES}
    for number in range(count):
        made[f"images/{split}/{number}.png"] = picture(number)
        made[f"labels/{split}/{number}.txt"] = f"{number % 2} 0.5 0.5 0.5 0.5\n"
    return made


def test_a_dataset_grows_by_versions_and_each_comes_back_as_it_was(
    settings: Settings, database: Database, pack: Pack, engineer: Actor, tmp_path: Path
) -> None:
    rooms = Rooms(settings, database)
    one, report = rooms.changes.add(engineer, pack(members(4)), NewVersion("pets", note="first"))
    more = members(5) | {"labels/train/0.txt": "1 0.5 0.5 0.5 0.5\n", "images/train/1.png": picture(70)}
    two, _ = rooms.changes.add(engineer, pack(more), NewVersion("pets"))
    assert (one.number, one.parent, two.number, two.parent) == (1, None, 2, 1)
    assert (report.images, one.images, two.images) == (4, 4, 5)
    found = rooms.datasets.diff(engineer, "pets", 1, 2)
    assert (found.images_added, found.images_changed, found.images_same) == (1, 2, 2)
    assert {each.name: (each.added, each.removed) for each in found.classes} == {"cat": (1, 1), "dog": (1, 0)}
    restored = rooms.datasets.restore(engineer, "pets", 1, tmp_path / "out")
    assert restored.sha256 == one.sha256
    assert annotations.read(tmp_path / "out") == rooms.datasets.open(engineer, "pets", 1).dataset
    assert (tmp_path / "out" / "images" / "1.png").read_bytes() == picture(1)
    with pytest.raises(InvalidInput, match="there already"):
        rooms.datasets.restore(engineer, "pets", 1, tmp_path / "out")
    assert rooms.trail() == [("dataset.version", "ok")] * 2


def test_pictures_that_versions_share_are_kept_once(rooms: Rooms, pack: Pack, engineer: Actor) -> None:
    for name in ("one", "two"):
        rooms.changes.add(engineer, pack(members(3)), NewVersion(name))
    places = [rooms.workspace.folder(name, 1) / "images" / "0.png" for name in ("one", "two")]
    assert places[0].samefile(places[1])
    rooms.changes.delete(engineer, "one")
    assert not places[0].exists()
    assert places[1].read_bytes() == picture(0)
    shutil.rmtree(rooms.workspace.folder("two", 1))
    assert len(rooms.datasets.open(engineer, "two").dataset.samples) == 3  # DVC's cache still has it
    with pytest.raises(DatasetNotFound):
        rooms.datasets.get(engineer, "one")


def test_what_is_refused_leaves_nothing(rooms: Rooms, pack: Pack, engineer: Actor) -> None:
    with pytest.raises(InvalidDataset):
        rooms.changes.add(engineer, pack({"readme.txt": "x"}), NewVersion("pets"))
    rooms.changes.add(engineer, pack(members(2)), NewVersion("pets"))
    with pytest.raises(InvalidDataset, match="teaches to detect"):
        rooms.changes.add(engineer, pack({"cat/a.png": picture()}), NewVersion("pets"))
    assert [each.number for each in rooms.datasets.versions(engineer, "pets")] == [1]
    assert list((rooms.workspace.root / "staging").iterdir()) == []
    assert rooms.trail() == [("dataset.import", "failed"), ("dataset.version", "ok"), ("dataset.import", "failed")]


def test_a_version_that_dvc_cannot_keep_does_not_count(
    rooms: Rooms, pack: Pack, engineer: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    (rooms.workspace.root / ".dvc").mkdir(parents=True)
    (rooms.workspace.root / ".dvc" / "cache").write_text("in the way")
    with pytest.raises(StorageUnavailable, match="dvc add failed"):
        rooms.changes.add(engineer, pack(members(1)), NewVersion("pets"))
    with rooms.database.read() as session:
        assert records.every(session) == []
    assert not rooms.workspace.folder("pets", 1).exists()
    (rooms.workspace.root / ".dvc" / "cache").unlink()
    version, _ = rooms.changes.add(engineer, pack(members(1)), NewVersion("pets"))
    assert version.number == 1


def test_two_imports_at_once_become_two_versions_of_their_owner(
    rooms: Rooms, pack: Pack, engineer: Actor, admin: Actor
) -> None:
    both = threading.Barrier(2, timeout=60)
    made: list[int] = []
    refused: list[str] = []

    def meet(done: int, total: int) -> None:
        if done == total:
            both.wait()  # each was told before that the name is free

    def add(actor: Actor, source: Path, name: str) -> None:
        try:
            made.append(rooms.changes.add(actor, source, NewVersion(name), meet)[0].number)
        except Forbidden as error:
            refused.append(error.code)

    for name, others in (("ours", engineer), ("mine", Actor("z" * 32, "zoe", Role.ENGINEER))):
        sources = [pack(members(2)), pack(members(3))]
        pairs = zip((engineer, others), sources, strict=True)
        threads = [threading.Thread(target=add, args=(actor, source, name)) for actor, source in pairs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
    assert (sorted(made), refused) == ([1, 1, 2], ["forbidden"])
    numbers = [each.number for each in rooms.datasets.versions(engineer, "ours")]
    assert numbers == [2, 1]
    assert {len(rooms.datasets.open(engineer, "ours", number).dataset.samples) for number in numbers} == {2, 3}
    assert len(rooms.datasets.versions(admin, "mine")) == 1


def test_the_test_of_the_first_version_stays_in_the_next_ones(rooms: Rooms, pack: Pack, engineer: Actor) -> None:
    rooms.changes.add(engineer, pack(members(12)), NewVersion("pets", split=SplitPlan()))
    first = {s.sha256 for s in rooms.datasets.open(engineer, "pets", 1).dataset.samples if s.split == "test"}
    assert first
    rooms.changes.add(engineer, pack(members(20)), NewVersion("pets"))
    rooms.changes.split(engineer, "pets", SplitPlan(seed=3))
    for number in (2, 3):
        samples = rooms.datasets.open(engineer, "pets", number).dataset.samples
        assert {sample.sha256 for sample in samples if sample.split == "test"} == first
    rooms.changes.add(engineer, pack(members(3, split="test")), NewVersion("pets", new_test=True))
    assert rooms.datasets.version(engineer, "pets").splits == {"test": 3}


def test_who_may_do_what_is_the_tables_matter(
    rooms: Rooms, pack: Pack, engineer: Actor, admin: Actor, user: Actor
) -> None:
    rooms.changes.add(admin, pack(members(1)), NewVersion("shared"))
    rooms.changes.add(admin, pack(members(1)), NewVersion("secret", access_level="private"))
    assert [each.record.name for each in rooms.datasets.list(user)[0]] == ["shared"]
    for actor in (user, engineer):
        with pytest.raises(DatasetNotFound):
            rooms.datasets.open(actor, "secret")
        with pytest.raises(Forbidden):
            rooms.changes.delete(actor, "shared")
        with pytest.raises(Forbidden):
            rooms.changes.split(actor, "shared", SplitPlan())
    with pytest.raises(Forbidden):
        rooms.changes.add(user, pack(members(1)), NewVersion("mine"))
    with pytest.raises(Forbidden):
        rooms.changes.add(engineer, pack(members(1)), NewVersion("shared"))
    rooms.changes.update(admin, "shared", description="cats and dogs", access_level="private")
    assert rooms.datasets.list(user)[1] == 0
    assert rooms.datasets.get(admin, "shared").record.description == "cats and dogs"


@pytest.mark.parametrize("name", ["", "../x", "a/b", "-rf", "x" * 64, "ü"])
def test_a_name_that_is_none_is_refused(rooms: Rooms, pack: Pack, engineer: Actor, name: str) -> None:
    with pytest.raises(InvalidInput, match="name"):
        rooms.changes.add(engineer, pack(members(1)), NewVersion(name))


def test_a_version_that_is_not_there_is_told(rooms: Rooms, pack: Pack, engineer: Actor) -> None:
    rooms.changes.add(engineer, pack(members(1)), NewVersion("pets", Wanted("yolo")))
    with pytest.raises(VersionNotFound):
        rooms.datasets.open(engineer, "pets", 2)
    with pytest.raises(DatasetNotFound):
        rooms.datasets.open(engineer, "pets").sample("nope")


def test_a_checkout_that_was_killed_midway_is_no_whole_version(rooms: Rooms, pack: Pack, engineer: Actor) -> None:
    rooms.changes.add(engineer, pack(members(3)), NewVersion("pets"))
    folder = rooms.workspace.folder("pets", 1)
    shutil.rmtree(folder / "images")  # the annotations were there already, the pictures not yet
    folder.with_name("v1.whole").unlink()
    assert len(list((rooms.datasets.open(engineer, "pets").folder / "images").iterdir())) == 3


def test_what_a_deletion_removes_is_not_a_new_dataset_of_the_name(rooms: Rooms, pack: Pack, engineer: Actor) -> None:
    for count in (2, 3):
        rooms.changes.add(engineer, pack(members(count)), NewVersion("pets"))
    forget = rooms.workspace.forget

    def late(name: str, counting: Callable[[], Collection[int]]) -> None:
        rooms.changes.add(engineer, pack(members(4)), NewVersion("pets"))
        forget(name, counting)

    rooms.workspace.forget = late  # type: ignore[method-assign]
    rooms.changes.delete(engineer, "pets")
    assert rooms.workspace.folder("pets", 1).is_dir()
    assert not rooms.workspace.folder("pets", 2).exists()
    assert len(rooms.datasets.open(engineer, "pets", 1).dataset.samples) == 4


def test_an_import_into_a_dataset_that_is_deleted_meanwhile_leaves_nothing(
    rooms: Rooms, pack: Pack, engineer: Actor
) -> None:
    rooms.changes.add(engineer, pack(members(2)), NewVersion("pets"))
    run = rooms.workspace._run

    def deleted(*arguments: str) -> None:
        if arguments[0] == "add":
            with rooms.database.write() as session:
                records.remove(session, rooms.datasets.record(engineer, "pets"))
        run(*arguments)

    rooms.workspace._run = deleted  # type: ignore[method-assign]
    with pytest.raises(Conflict, match="was deleted meanwhile"):
        rooms.changes.add(engineer, pack(members(3)), NewVersion("pets"))
    assert not rooms.workspace.folder("pets", 2).exists()


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """The address of an S3 service with a bucket."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("ACCESS_KEY_ID", "t"), ("SECRET_ACCESS_KEY", "s"), ("DEFAULT_REGION", "us-east-1")):
            patch.setenv(f"AWS_{name}", value)
        server = ThreadedMotoServer("127.0.0.1", free_port(), verbose=False)
        server.start()
        host, port = server.get_host_and_port()
        httpx.put(f"http://{host}:{port}/vision", timeout=60).raise_for_status()
        yield f"http://{host}:{port}"
        server.stop()


@pytest.mark.parametrize("kind", ["folder", "bucket"])
def test_another_machine_fetches_what_was_pushed(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path, sqlite: Database, pack: Pack, engineer: Actor
) -> None:
    where = {"storage_url": str(tmp_path / "remote"), "storage_endpoint": ""}
    if kind == "bucket":
        where = {"storage_url": "s3://vision/a", "storage_endpoint": request.getfixturevalue("s3")}
    here, there = (Rooms(load_settings(home=tmp_path / name, **where), sqlite) for name in ("here", "there"))
    version, _ = here.changes.add(engineer, pack(members(3)), NewVersion("pets"))
    assert (version.pushed_at is not None) == (kind == "bucket")
    here.changes.push(engineer, "pets")
    opened = there.datasets.open(engineer, "pets")
    assert [sample.sha256 for sample in opened.dataset.samples]
    assert (there.workspace.folder("pets", 1) / "images" / "2.png").read_bytes() == picture(2)


def test_a_version_counts_also_while_the_bucket_is_away(
    s3: str, tmp_path: Path, sqlite: Database, pack: Pack, engineer: Actor
) -> None:
    def rooms_at(endpoint: str) -> Rooms:
        settings = load_settings(home=tmp_path / "home", storage_url="s3://vision/b", storage_endpoint=endpoint)
        return Rooms(settings, sqlite)

    away = rooms_at(f"http://127.0.0.1:{free_port()}")
    version, _ = away.changes.add(engineer, pack(members(1)), NewVersion("pets"))
    assert version.pushed_at is None
    with pytest.raises(StorageUnavailable, match="push failed"):
        away.changes.push(engineer, "pets")
    assert rooms_at(s3).changes.push(engineer, "pets").pushed_at is not None

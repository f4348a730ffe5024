"""What a notebook submits becomes a job with what was asked."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

import registry as nx
from registry.access.actor import local_actor
from registry.access.live import Live
from registry.cameras import notebook as cameras_in_notebook
from registry.errors import CameraNotFound, Conflict, InvalidInput, InvalidZone
from registry.jobs import notebook as in_notebook
from registry.models.files import CHECKPOINT
from registry.models.publish import Draft
from registry.models.registry import ModelRegistry
from registry.models.server import tracking_uri
from registry.models.types import CHAMPION
from registry.records import CameraRecord, Database
from registry.settings import Settings
from registry.testing import onnx_models as made
from registry.testing.films import keep_recorded
from registry.testing.odd_videos import tiny_video
from registry.training.datasets import notebook as datasets_in_notebook
from registry.training.datasets.catalogue import Datasets
from registry.training.datasets.changes import DatasetChanges, NewVersion
from registry.training.datasets.workspace import Workspace
from registry.training.finetune import notebook as trainings_in_notebook
from registry.tuning import notebook as tuning_in_notebook
from tests.registry.training.datasets.conftest import Pack, picture

ADA = local_actor()
DIGITS = made.BLOB_CARD.model_copy(update={"labels": tuple("0123456789")})


@pytest.fixture
def model(
    models: ModelRegistry, sqlite: Database, settings: Settings, mlflow_home: Settings, unique: str,
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
) -> Iterator[str]:  # fmt: skip
    """A notebook's process on a platform with a model that tells digits and keeps a checkpoint."""
    files = {"model.onnx": made.blob_detector()}
    models.publish(ADA, Draft(unique, files, DIGITS, alias=CHAMPION, notes={CHECKPOINT: b"weights"}))
    monkeypatch.setenv("NEXUSAI_HOME", str(settings.home))
    monkeypatch.setenv("NEXUSAI_MLFLOW_TRACKING_URI", tracking_uri(mlflow_home))
    monkeypatch.setenv("NEXUSAI_STORAGE_URL", str(tmp_path / "storage"))
    rooms = (trainings_in_notebook._rooms, cameras_in_notebook._rooms)
    opened = (in_notebook.rooms, *rooms, tuning_in_notebook._measuring, datasets_in_notebook._imports)
    for each in opened:
        each.cache_clear()
    yield unique
    in_notebook.rooms()[0].database.close()
    for each in opened:
        each.cache_clear()


def test_a_video_is_submitted_with_its_zones(model: str, tmp_path: Path) -> None:
    film = tmp_path / "gate.mp4"
    film.write_bytes(tiny_video())
    square = [(0, 0), (1, 0), (1, 1)]
    told = nx.submit_video(model, film, fps=2, zones={"gate": square}, track=False).status()
    assert (told["kind"], told["state"], told["parameters"]["fps"]) == ("video", "queued", 2)
    assert [zone["name"] for zone in told["parameters"]["zones"]] == ["gate"]
    with pytest.raises(InvalidZone, match="two ends"):
        nx.submit_video(model, film, lines={"door": square})
    with pytest.raises(InvalidInput, match="either a video or the path"):
        nx.submit_video(model)


def test_what_a_camera_recorded_is_submitted(model: str, sqlite: Database, settings: Settings) -> None:
    with sqlite.write() as session:
        session.add(CameraRecord(id="c" * 32, name="Yard", url="rtsp://10.0.0.7/", owner_id="a", owner_name="a"))
    keep_recorded(sqlite, settings.recordings, "c" * 32, "Yard", datetime(2026, 5, 4, 8, tzinfo=UTC))
    told = nx.submit_video(model, camera="Yard", since="2026-05-04 08:00", until="2026-05-04 09:00").status()
    assert (told["kind"], told["parameters"]["name"]) == ("video", "Yard 2026-05-04 08.00.00 UTC.mp4")
    with pytest.raises(InvalidInput, match="since when"):
        nx.submit_video(model, camera="Yard", until="2026-05-04 09:00")
    with pytest.raises(CameraNotFound):
        nx.submit_video(model, camera="Cellar", since="2026-05-04 08:00", until="2026-05-04 09:00")
    with pytest.raises(InvalidInput, match="or a camera"):
        nx.submit_video(model, "gate.mp4", camera="Yard", since="2026-05-04 08:00", until="2026-05-04 09:00")


def test_an_optimisation_and_a_tune_are_submitted(model: str) -> None:
    slim = nx.optimise(f"{model}@champion", "starter", faster_percent=5, repeats=7).status()
    assert (slim["kind"], slim["parameters"]["version"], slim["parameters"]["repeats"]) == ("optimise", 1, 7)
    tuned = nx.tune(f"{model}/1", "starter", minutes=1, goal="throughput").status()
    assert (tuned["kind"], tuned["state"], tuned["parameters"]["goal"]) == ("tune", "queued", "throughput")


def test_a_training_is_submitted(model: str, sqlite: Database, settings: Settings, pack: Pack) -> None:
    datasets = Datasets(sqlite, Workspace(settings))
    names = ", ".join(f"'{digit}'" for digit in range(10))
    files: dict[str, str | bytes] = {"data.yaml": f"names: [{names}]\n"}
    for number, split in enumerate(("train", "train", "val", "test")):
        files[f"images/{split}/{number}.png"] = picture(number)
        files[f"labels/{split}/{number}.txt"] = f"{number} 0.5 0.5 0.5 0.5\n"
    DatasetChanges(settings, sqlite, Live(sqlite, settings), datasets).add(ADA, pack(files), NewVersion("digits"))
    told = nx.submit_training(model, "digits", epochs=3, new_classes=True).status()
    about = told["parameters"]
    assert (told["kind"], about["parent"], about["dataset_version"], about["epochs"]) == ("train", f"{model}/1", 1, 3)


def test_a_dataset_is_imported(model: str, pack: Pack, tmp_path: Path) -> None:
    archive = pack({"data.yaml": "names: [spot]\n", "images/train/1.png": picture()})
    plan = {"by": "group", "train": 0.5, "val": 0.25, "test": 0.25}
    told = nx.import_dataset(archive, "spots", format="yolo", task="detect", note="first", split=plan).status()
    about = told["parameters"]
    assert (told["kind"], about["name"], about["file"], about["note"]) == ("import", "spots", archive.name, "first")
    assert about["split"]["val"] == 0.25
    for given, says in (
        ({"format": "tfrecord"}, "no format"),
        ({"task": "count"}, "not a task"),
        ({"split": {"train": 2}}, "plan of splits"),
        ({"name": "../up"}, "name"),
    ):
        with pytest.raises(InvalidInput, match=says):
            nx.import_dataset(**{"archive": archive, "name": "spots"} | given)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="is not a file"):
        nx.import_dataset(tmp_path, "spots")


def test_care_is_submitted_and_a_clean_up_only_counts_unless_it_is_told_to(model: str) -> None:
    counting = nx.clean(job_days=60)
    assert counting.status()["parameters"] == {"dry_run": True, "job_days": 60, "history_days": 90}
    with pytest.raises(Conflict, match="queued already"):
        nx.clean(dry_run=False)
    assert nx.backup(keep=2).status()["parameters"] == {"keep": 2}
    with pytest.raises(InvalidInput, match="keep: "):
        nx.backup(keep=0)
    with pytest.raises(InvalidInput, match="job_days: "):
        nx.clean(job_days=0)

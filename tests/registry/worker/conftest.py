"""Versions of tiny models in a home's cache, and workers in processes of their own."""

import hashlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import httpx
import pytest

from registry.models.types import ModelVersion
from registry.records import CameraLease, CameraRecord, Database, WorkerRecord, open_database, utc_now
from registry.runtime.card import MODEL_FILE, ModelCard
from registry.settings import PROJECT_ROOT, Settings, child_environment
from registry.testing.bright_squares import bright_square_clip
from registry.testing.onnx_models import BLOB_CARD
from registry.worker.leases import workers_alive
from registry.worker.live_proof import live_secret

WORK = """
from flows.logs import configure_logs
from registry.libraries import prepare_libraries
from registry.settings import load_settings
from registry.worker.worker import work
prepare_libraries()
configure_logs("info")
work(load_settings(), loopback=True)
"""

Publish = Callable[..., ModelVersion]


@pytest.fixture
def cached(settings: Settings) -> Publish:
    """A version whose file lies in the home's cache already, so that no MLflow is asked for it."""

    def put(model: bytes, number: int = 1, card: ModelCard = BLOB_CARD, name: str = "blobs") -> ModelVersion:
        sha256 = hashlib.sha256(model).hexdigest()
        path = settings.home / "cache" / "models" / sha256[:2] / sha256
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(model)
        return ModelVersion(
            name=name,
            version=number,
            sha256=sha256,
            files={MODEL_FILE: sha256},
            size_bytes=len(model),
            card=card,
            aliases=(),
            created_at=utc_now(),
            run_id=f"run-{number}",
            published_by="ada",
        )

    return put


@pytest.fixture(scope="session")
def square_film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MP4 of a white square that crosses the picture."""
    from imageio_ffmpeg import get_ffmpeg_exe

    folder = tmp_path_factory.mktemp("film")
    (folder / "square.h264").write_bytes(bright_square_clip(folder / "raw.h264", seconds=4.0))
    film = folder / "square.mp4"
    copy = ["-v", "error", "-y", "-r", "25", "-i", str(folder / "square.h264"), "-c", "copy", str(film)]
    subprocess.run([get_ffmpeg_exe(), *copy], check=True)
    return film


class House:
    """A home with its records, and as many workers as are asked for."""

    def __init__(self, settings: Settings, film: Path) -> None:
        self.settings = settings
        self.database: Database = open_database(settings.records_url)
        settings.films_dir.mkdir(exist_ok=True)
        self.film = settings.films_dir / "square.mp4"
        self.film.write_bytes(film.read_bytes())
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, **further: str) -> subprocess.Popen[bytes]:
        number = len(self.processes)
        with (self.settings.logs / f"worker-{number}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-c", WORK],
                env=child_environment(self.settings, PYTHONPATH=str(PROJECT_ROOT), **further),
                stdout=log,
                stderr=log,
                cwd=PROJECT_ROOT,
            )
        self.processes.append(process)
        return process

    def add(self, camera_id: str, **values: object) -> None:
        given = {
            "name": camera_id,
            "url": self.film.as_uri(),
            "owner_id": "local:me",
            "owner_name": "local:me",
        } | values
        with self.database.write() as session:
            session.add(CameraRecord(id=camera_id, **given))

    def change(self, camera_id: str, **values: object) -> None:
        with self.database.write() as session:
            record = session.get_one(CameraRecord, camera_id)
            for name, value in values.items():
                setattr(record, name, value)
            record.revision += 1
            session.add(record)

    def lease(self, camera_id: str) -> CameraLease:
        with self.database.read() as session:
            return session.get(CameraLease, camera_id) or CameraLease(camera_id=camera_id)

    def workers(self) -> list[WorkerRecord]:
        with self.database.read() as session:
            return list(workers_alive(session))

    def ask(self, camera_id: str, what: str) -> httpx.Response:
        """The live server of the worker that runs a camera."""
        with self.database.read() as session:
            worker = session.get_one(WorkerRecord, self.lease(camera_id).worker_id)
        proof = {"authorization": f"Bearer {live_secret(self.settings)}"}
        return httpx.get(f"{worker.url}/cameras/{camera_id}/{what}", headers=proof, timeout=10)

    def wait(self, true: Callable[[], bool], what: str, most_s: float = 60.0) -> float:
        """Seconds until something is true. Fails with the workers' last words."""
        began = time.monotonic()
        while time.monotonic() - began < most_s:
            if true():
                return time.monotonic() - began
            time.sleep(0.05)
        logs = [path.read_text()[-1_500:] for path in sorted(self.settings.logs.glob("worker-*.log"))]
        pytest.fail(f"{what} did not come true within {most_s:g} s\n" + "\n".join(logs))

    def wait_live(self, *camera_ids: str) -> float:
        return self.wait(lambda: all(self.lease(each).state == "live" for each in camera_ids), f"{camera_ids} live")

    def close(self) -> None:
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.wait()
        self.database.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def house(
    request: pytest.FixtureRequest,
    settings: Settings,
    square_film: Path,
    copy_postgres: Callable[[], AbstractContextManager[str]],
) -> Iterator[House]:
    """A home on each kind of database."""
    if request.param == "sqlite":
        request.getfixturevalue("sqlite")
    with copy_postgres() if request.param == "postgresql" else nullcontext("") as url:
        made = House(settings.model_copy(update={"database_url": url}), square_film)
        yield made
        made.close()

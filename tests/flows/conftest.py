"""A whole platform with Prefect and a runner, for the module; its processes may be killed."""

import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from registry.settings import PROJECT_ROOT
from registry.testing.platform import Running, signed_in
from tests.prepared_platform import prepared_platform

SAMPLES = sorted((PROJECT_ROOT / "data" / "samples").glob("*.jpg"))


@dataclass(frozen=True)
class Works:
    """The platform with an administrator's HTTP client."""

    running: Running
    client: httpx.Client

    def start(self, count: int, model: str = "digit-detector", **fields: str) -> str:
        """A batch of a zip archive with so many images; its id."""
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for number in range(count):
                archive.write(SAMPLES[number % len(SAMPLES)], f"{number:03d}.jpg")
        files = [("files", ("photos.zip", packed.getvalue()))]
        answer = self.client.post("/api/v1/inference/batch", files=files, data={"model": model, **fields})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def image(self, number: int) -> bytes:
        """The image of a batch that has this number."""
        return SAMPLES[number % len(SAMPLES)].read_bytes()

    def job(self, job_id: str) -> dict[str, object]:
        found: dict[str, object] = self.client.get(f"/api/v1/inference/jobs/{job_id}").raise_for_status().json()
        return found

    def process(self, name: str) -> psutil.Process:
        """One of the supervised processes, or `flow` for that of a flow run."""
        words = {
            "app": ["app.cli.main", "app"],
            "prefect": ["flows.prefect_app:create_app"],
            "runner": ["flows.serve"],
            "flow": ["prefect.engine"],
        }[name]
        for child in psutil.Process(self.running.process.pid).children(recursive=True):
            try:
                line = child.cmdline()
            except (psutil.NoSuchProcess, psutil.ZombieProcess):
                continue
            if all(word in line for word in words):
                return child
        raise LookupError(name)


@contextmanager
def opened_works(home: Path, **further: str) -> Iterator[Works]:
    """A platform with jobs, and an administrator who asks it."""
    with (
        prepared_platform(home, demo=True, jobs=True, further=further) as running,
        signed_in(running) as client,
    ):
        yield Works(running, client)


@pytest.fixture(scope="module")
def works(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Works]:
    with opened_works(tmp_path_factory.mktemp("works") / "home", batch_folders=str(SAMPLES[0].parent)) as opened:
        yield opened

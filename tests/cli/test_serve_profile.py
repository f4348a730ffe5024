"""The lean environment: no torch, no ultralytics, and it serves."""

import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from registry.settings import PROJECT_ROOT
from registry.testing.platform import running_platform
from registry.testing.requirements import miss


@pytest.fixture(scope="module")
def lean_python() -> str:
    """The interpreter of `make setup PROFILE=serve`, in an environment of its own that later runs use again."""
    venv = PROJECT_ROOT / "build" / "serve-venv"
    command = ["make", "setup", "PROFILE=serve", f"VENV={venv.relative_to(PROJECT_ROOT)}"]
    done = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, timeout=900, check=False)
    if done.returncode:
        miss("the lean environment", f"it wants a package index: {done.stderr.strip().splitlines()[-1]}")
    return str(venv / "bin" / "python")


_WITHOUT = """
import importlib, sys
missing = ("torch", "torchvision", "ultralytics", "dvc", "openvino", "nncf", "ray", "boto3")
sys.modules.update(dict.fromkeys(missing, None))
import app.server
for name in app.server.PAGE_MODULES:
    importlib.import_module(name)
print("imported")
"""


def test_the_app_and_its_pages_are_imported_without_what_the_lean_profile_lacks() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _WITHOUT], cwd=PROJECT_ROOT, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "imported", done.stderr


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_lean_profile_serves_the_starters_without_torch(lean_python: str, tmp_path: Path) -> None:
    code = "from importlib.util import find_spec; print([n for n in ('torch', 'ultralytics', 'dvc') if find_spec(n)])"
    assert subprocess.run([lean_python, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    sample = next((PROJECT_ROOT / "data" / "samples").glob("pagoda*"))
    with (
        running_platform(tmp_path / "home", demo=True, python=lean_python) as running,
        httpx.Client(timeout=60) as client,
    ):
        given = {"username": running.username, "password": running.password}
        token = client.post(f"{running.url}/api/v1/auth/login", json=given).raise_for_status().json()["access_token"]
        for model, answer in (("digit-detector", "detections"), ("text-reader", "text")):
            response = client.post(
                f"{running.url}/api/v1/inference/predict",
                headers={"Authorization": f"Bearer {token}"},
                files={"file": sample.read_bytes()},
                data={"model": model},
                timeout=60,
            )
            assert answer in response.raise_for_status().json()
        assert client.get(running.url).status_code == 200

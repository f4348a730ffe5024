"""`nexusai` as a person runs it."""

import hashlib
import json
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import yaml
from sqlalchemy import text

from app.supervisor import REFUSED
from registry.models.process import free_port
from registry.records import open_database
from registry.settings import Settings, child_environment, load_settings
from registry.testing.file_server import file_server
from registry.testing.onnx_models import blob_detector
from registry.testing.platform import PASSWORD, Running, nexusai, running_platform
from tests.cli.here import here

Run = Callable[..., subprocess.CompletedProcess[str]]


def _run(settings: Settings, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        nexusai(*arguments),
        input=stdin,
        env=child_environment(settings, COLUMNS="200"),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def _refused(done: subprocess.CompletedProcess[str], status: int, code: str) -> str:
    assert done.returncode == status, done.stderr
    error = json.loads(done.stderr.strip().splitlines()[-1])["error"]
    assert error["code"] == code
    assert error["hint"]
    return str(error["message"])


def _tree(pid: int) -> list[psutil.Process]:
    return [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]


def test_help_names_every_command(settings: Settings) -> None:
    said = _run(settings, "--help").stdout
    for command in ("up", "app", "mlflow", "predict", "models", "admin", "db", "settings", "doctor", "notebook"):
        assert command in said


def test_settings_tell_value_and_source(settings: Settings) -> None:
    rows = {row["name"]: row for row in json.loads(here(settings, "settings", "--json").stdout)}
    assert rows["home"]["source"] == "environment"
    assert rows["port"]["value"] == "8501"


def test_live_settings_are_changed_from_the_command_line(settings: Settings) -> None:
    assert "limit_user is 1200 (default)" in here(settings, "settings", "get", "limit_user").stdout
    assert "limit_user is 600 (changed)" in here(settings, "settings", "set", "limit_user", "600").stdout
    assert here(settings, "settings", "set", "notice", "600").returncode == 0  # a text, for this setting is one
    rows = {row["name"]: row for row in json.loads(here(settings, "settings", "--json").stdout)}
    assert (rows["limit_user"]["value"], rows["limit_user"]["source"]) == ("600", "changed")
    assert (rows["notice"]["value"], rows["upload_max_mb"]["variable"]) == ("600", "NEXUSAI_UPLOAD_MAX_MB")
    reset = json.loads(here(settings, "settings", "reset", "limit_user", "--json").stdout)
    assert (reset["value"], reset["source"], reset["revision"]) == (1_200, "default", 2)
    for wrong in ("many", "[" * 5_000):
        message = _refused(here(settings, "settings", "set", "limit_user", wrong), 1, "setting_invalid")
        assert "whole number from 10" in message
    _refused(here(settings, "settings", "get", "no.such"), 1, "setting_not_found")


def test_settings_are_told_before_there_is_a_database(settings: Settings) -> None:
    new = settings.model_copy(update={"home": settings.home / "none"})
    done = here(new, "settings", "--json")
    assert {row["name"]: row["value"] for row in json.loads(done.stdout)}["jpeg_quality"] == "90"
    assert "database" in done.stderr
    assert not new.home.exists()


def test_settings_never_show_a_database_password(settings: Settings) -> None:
    secret = settings.model_copy(update={"database_url": "postgresql://me:hush-hush@h/d"})
    environment = child_environment(secret, NEXUSAI_DATABASE_URL=secret.database_url)
    done = subprocess.run(nexusai("settings", "--json"), env=environment, capture_output=True, text=True, check=True)
    assert "hush-hush" not in done.stdout


def test_doctor_tells_what_this_machine_can_run(settings: Settings) -> None:
    found = {row["what"]: row for row in json.loads(_run(settings, "doctor", "--json").stdout)}
    assert found["onnxruntime-cpu"]["state"] == "ok"
    assert found["home"]["state"] == "ok"
    for backend in ("onnxruntime-cuda", "onnxruntime-tensorrt", "openvino"):
        assert found[backend]["state"] == "ok" or found[backend]["hint"]
    assert "ONNX Runtime" in _run(settings, "doctor").stdout


def test_the_database_is_upgraded_and_checked(settings: Settings) -> None:
    assert here(settings, "db", "check").returncode == 1
    assert here(settings, "db", "upgrade").returncode == 0
    assert here(settings, "db", "check").returncode == 0


def test_an_administrator_is_made_from_the_command_line(settings: Settings) -> None:
    create = ("admin", "create", "--username", "ada", "--password-stdin")
    assert "ada" in here(settings, *create, stdin=PASSWORD + "\n").stdout
    _refused(here(settings, *create, stdin=PASSWORD + "\n"), 1, "name_taken")
    assert "operator" in here(settings, *create[:3], "otto", "--role", "operator", create[-1], stdin=PASSWORD).stdout
    _refused(here(settings, *create[:3], "x", "--role", "god", create[-1], stdin=PASSWORD), 1, "invalid_input")
    done = here(settings, "admin", "create", "--username", "eve", "--password-stdin", stdin="short\n")
    assert "short" not in done.stdout + done.stderr.replace("shorter", "")


def test_commands_that_need_the_platform_say_so(settings: Settings, tmp_path: Path) -> None:
    _refused(here(settings, "models", "list"), 1, "mlflow_unavailable")
    image = tmp_path / "x.png"
    image.write_bytes(b"")
    _refused(here(settings, "predict", str(image), "--model", "m"), 1, "mlflow_unavailable")
    _refused(here(settings, "predict", str(tmp_path / "none.png"), "--model", "m"), 1, "image_unreadable")


def test_a_port_that_is_taken_is_told(settings: Settings) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        for command in ("up", "app"):
            assert port in _refused(_run(settings, command, "--port", port), REFUSED, "port_taken")


def test_a_home_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    broken = load_settings(home=tmp_path / "file" / "home")
    assert "file" in _refused(_run(broken, "up"), REFUSED, "home_not_writable")


def test_a_wrong_setting_is_told(settings: Settings) -> None:
    environment = child_environment(settings, NEXUSAI_PORT="many")
    done = subprocess.run(nexusai("up"), env=environment, capture_output=True, text=True, check=False)
    assert "port" in _refused(done, 1, "setting_invalid")


def test_a_database_newer_than_the_code_stops_the_start(settings: Settings) -> None:
    here(settings, "db", "upgrade")
    database = open_database(settings.records_url)
    with database.write() as session:
        session.connection().execute(text("UPDATE alembic_version SET version_num = '9999'"))
    database.close()
    done = _run(settings, "up", "--port", str(free_port()))
    assert "9999" in _refused(done, REFUSED, "process_failed")


def test_a_second_up_on_the_same_home_is_refused(platform: Running) -> None:
    done = _run(platform.settings, "up", "--port", str(free_port()))
    message = _refused(done, REFUSED, "already_running")
    assert str(platform.settings.home) in message
    assert str(platform.process.pid) in message


def test_models_are_listed_and_an_image_is_read(platform: Running, tmp_path: Path) -> None:
    names = {model["name"] for model in json.loads(here(platform.settings, "models", "list", "--json").stdout)}
    assert {"digit-detector", "digit-classifier", "text-reader"} <= names
    assert "text-reader" in here(platform.settings, "models", "list").stdout
    sample = next((Path(__file__).parents[2] / "data" / "samples").glob("pagoda*"))
    drawn = tmp_path / "drawn.jpg"
    done = here(platform.settings, "predict", str(sample), "--model", "digit-detector", "--json", "--save", str(drawn))
    assert json.loads(done.stdout)["detections"]
    assert drawn.read_bytes()[:3] == b"\xff\xd8\xff"
    _refused(here(platform.settings, "predict", str(sample), "--model", "none"), 1, "model_not_found")


def test_a_model_of_the_catalogue_is_pulled(platform: Running, tmp_path: Path) -> None:
    with file_server(blob_detector()) as server:
        settings = _with_catalogue(platform, tmp_path, server.url, "pulled")
        said = here(settings, "models", "pull", "pulled").stdout
        assert "receive  done" in said
        assert "pulled version 1 (detect)" in said
        assert "present" in here(settings, "models", "catalogue").stdout
        _refused(here(settings, "models", "pull", "other"), 1, "not_found")
    (tmp_path / "fetched").write_bytes(blob_detector())
    done = here(settings, "models", "pull", "pulled", "--file", str(tmp_path / "fetched"), "--json")
    assert json.loads(done.stdout)["version"] == 2


def test_a_pull_without_a_known_hash_is_somebodys_decision(platform: Running, tmp_path: Path) -> None:
    with file_server(blob_detector()) as server:
        settings = _with_catalogue(platform, tmp_path, server.url, "unknown", sha256="")
        _refused(here(settings, "models", "pull", "unknown"), 1, "invalid_input")
        _refused(here(settings, "models", "pull", "unknown", "--sha256", "0" * 64), 1, "checksum_mismatch")
        made = json.loads(here(settings, "models", "pull", "unknown", "--trust-first-download", "--json").stdout)
        assert (made["name"], made["version"]) == ("unknown", 1)


def _with_catalogue(platform: Running, folder: Path, url: str, name: str, **entry: str) -> Settings:
    """The platform's settings with one entry in the catalogue."""
    known = {"name": name, "source": url, "sha256": hashlib.sha256(blob_detector()).hexdigest(), "task": "detect"}
    (folder / "mlflow.yaml").write_text(yaml.safe_dump({"catalogue": [known | entry]}), encoding="utf-8")
    return load_settings(home=platform.settings.home, mlflow_file=folder / "mlflow.yaml")


def test_an_alias_is_moved_and_has_no_way_back_before_its_first_version(platform: Running) -> None:
    done = here(platform.settings, "models", "promote", "digit-classifier", "1", "--alias", "tried")
    assert "tried of digit-classifier is version 1 now" in done.stdout
    back = here(platform.settings, "models", "rollback", "digit-classifier", "--alias", "tried")
    _refused(back, 1, "conflict")
    _refused(here(platform.settings, "models", "promote", "digit-classifier", "99"), 1, "version_not_found")


def test_up_as_new_prints_the_way_in_and_ctrl_c_leaves_nothing(tmp_path: Path) -> None:
    with running_platform(tmp_path / "home", administrator=False) as running:
        said = _until(running, "Sign in")
        assert running.url in said
        token = _run(running.settings, "admin", "setup-token").stdout.strip()
        assert f"/?setup={token}" in said
        tree = _tree(running.process.pid)
        assert len(tree) >= 3
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(30) == 0
        assert not [process for process in tree if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]
        assert not (running.settings.run_dir / "mlflow.json").exists()


def test_a_process_that_dies_is_started_again_and_the_supervisor_takes_all_along(tmp_path: Path) -> None:
    with running_platform(tmp_path / "home") as running:
        _until(running, "Sign in")
        app, mlflow = (_child(running, "app.cli.main"), _child(running, "mlflow.server"))
        mlflow.kill()
        _until(running, "mlflow ended with status -9")
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not _ready(running):
            time.sleep(0.2)
        assert _ready(running)
        assert app.is_running()
        assert _child(running, "mlflow.server").pid != mlflow.pid
        tree = _tree(running.process.pid)[1:]
        running.process.kill()
        running.process.wait(10)
        gone, alive = psutil.wait_procs(tree, timeout=15)
        assert gone
        assert not alive


def _child(running: Running, word: str) -> psutil.Process:
    children = psutil.Process(running.process.pid).children(recursive=True)
    return next(each for each in children if any(word in part for part in each.cmdline()))


def _ready(running: Running) -> bool:
    import httpx

    try:
        return httpx.get(f"{running.url}/health/ready", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def _until(running: Running, words: str) -> str:
    log, deadline = running.settings.logs / "up.log", time.monotonic() + 60
    while time.monotonic() < deadline:
        said = log.read_text("utf-8")
        if words in said:
            return said
        time.sleep(0.1)
    pytest.fail(f"{words!r} was not said: {said}")

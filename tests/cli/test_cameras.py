"""`nexusai cameras …`, and the same in a notebook."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import registry
from app.cli.main import cli
from registry.cameras import notebook
from registry.errors import AddressRefused, CameraNotFound, InvalidInput, InvalidSource
from registry.records import CameraEvent, Database
from registry.settings import PROJECT_ROOT, Settings, child_environment
from registry.testing.platform import nexusai

Ask = Callable[..., Any]


@pytest.fixture
def ask(settings: Settings, sqlite: Database, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """What a command prints as JSON; in this process, as starting one takes seconds."""
    monkeypatch.setenv("NEXUSAI_HOME", str(settings.home))

    def run(*words: str) -> Any:
        done = CliRunner().invoke(cli, ["cameras", *words, "--json"])
        assert "hunter2" not in done.output
        if done.exception:
            assert "hunter2" not in str(done.exception)
            raise done.exception
        return json.loads(done.stdout)

    return run


def test_a_camera_is_added_controlled_and_removed(
    ask: Ask, settings: Settings, tmp_path: Path, sqlite: Database
) -> None:
    rules = tmp_path / "rules.json"
    rules.write_text('{"zones": [{"name": "door", "points": [[0, 0], [1, 0], [1, 1]]}]}')
    further = ["--username", "bob", "--password-stdin", "--no-start", "--record", "events", "--analysis", str(rules)]
    line = nexusai("cameras", "add", "Gate", "rtsp://10.0.0.7/live", *further, "--json")
    environment = child_environment(settings, NEXUSAI_HOME=str(settings.home))
    done = subprocess.run(
        line, env=environment, cwd=PROJECT_ROOT, capture_output=True, text=True, input="hunter2\n", check=True
    )
    assert "hunter2" not in done.stdout + done.stderr
    made = json.loads(done.stdout)
    assert (made["state"], made["has_credentials"], made["recording"]["mode"]) == ("stopped", True, "events")
    assert ask("start", "Gate")["state"] == "waiting"
    assert ask("stop", made["id"])["state"] == "stopped"
    assert [each["zones"][0]["name"] for each in ask("list", "--state", "stopped")] == ["door"]
    with sqlite.write() as session:
        session.add(CameraEvent(camera_id=made["id"], camera_name="Gate", label="person", zones=["door"]))
    found = ask("events", "Gate", "--zone", "door", "--hours", "1")
    assert [each["label"] for each in found] == ["person"]
    assert ask("remove", "Gate", "--yes") == {"removed": made["id"]}
    with pytest.raises(CameraNotFound):
        ask("show", "Gate")


def test_what_cannot_be_done_is_refused(ask: Ask) -> None:
    for words, error in (
        (("add", "Gate", "rtsp://169.254.1.1:x/"), InvalidSource),
        (("add", "Gate", "rtsp://["), InvalidSource),
        (("add", "Gate", "rtsp://bob:hunter2@10.0.0.7/"), InvalidInput),  # where `ps` shows it
        (("add", "Gate", "rtsp://10.0.0.7/", "--group", "nowhere"), InvalidInput),
        (("add", "Gate", "rtsp://10.0.0.7/", "--record", "sometimes"), InvalidInput),
        (("test", "file:///etc/passwd"), AddressRefused),
        (("list", "--state", "gone"), InvalidInput),
    ):
        with pytest.raises(error):
            ask(*words)


def test_a_notebook_lists_cameras_and_events(ask: Ask, sqlite: Database) -> None:
    notebook._rooms.cache_clear()
    try:
        assert registry.list_cameras().empty
        ask("add", "Gate", "rtsp://10.0.0.7/live")
        cameras = registry.list_cameras(state="waiting")
        assert list(cameras["name"]) == ["Gate"]
        with sqlite.write() as session:
            for label in ("person", "car"):
                session.add(CameraEvent(camera_id=cameras["id"][0], camera_name="Gate", label=label, score=0.5))
        found = registry.camera_events("Gate", label="person", since="2026-01-01")
        assert (list(found["label"]), list(found["score"])) == (["person"], [0.5])
        assert registry.camera_events(until="2026-01-01").empty
        assert len(registry.camera_events(newest=1)) == 1
        for wrong, error in (({"camera": "nobody"}, CameraNotFound), ({"since": "soonish"}, InvalidInput)):
            with pytest.raises(error):
                registry.camera_events(**wrong)  # type: ignore[arg-type]
    finally:
        notebook._rooms.cache_clear()

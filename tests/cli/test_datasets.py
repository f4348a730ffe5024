"""`nexusai datasets …`, as a person runs it."""

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from registry.records import Database
from registry.settings import PROJECT_ROOT, Settings, child_environment
from registry.testing.platform import nexusai
from tests.cli.here import here
from tests.registry.training.datasets.conftest import picture


@pytest.fixture
def home(settings: Settings, sqlite: Database) -> Settings:
    """A home with its records."""
    return settings


def ask(home: Settings, *words: str, fails: bool = False) -> Any:
    """What a command prints as JSON, or the code of its refusal."""
    done = here(home, "datasets", *words)
    assert (done.returncode != 0) == fails, done.stderr
    return json.loads(done.stderr)["error"]["code"] if fails else json.loads(done.stdout or "null")


def write(folder: Path, count: int) -> Path:
    """Pictures in folders of two classes."""
    for number in range(count):
        place = folder / ("cat" if number % 2 else "dog")
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number}.png").write_bytes(picture(number))
    return folder


def test_a_dataset_is_imported_looked_at_and_taken_out(home: Settings, tmp_path: Path) -> None:
    pets = str(write(tmp_path / "pets", 4))
    made = ask(home, "import", pets, "--name", "pets", "--split", '{"train": 0.5, "val": 0.5, "test": 0}', "--json")
    assert made["version"]["splits"] == {"train": 2, "val": 2}
    ask(home, "import", str(write(tmp_path / "pets", 5)), "--name", "pets", "--json")
    assert [each["latest_version"] for each in ask(home, "list", "--json")] == [2]
    assert [each["images"] for each in ask(home, "show", "pets", "--json")["versions"]] == [5, 4]
    assert ask(home, "diff", "pets", "1", "2", "--json")["added"] == ["dog/4.png"]
    out = tmp_path / "out"
    ask(home, "export", "pets", str(out), "--format", "folders", "--version", "2", "--json")
    assert (out / "cat" / "1.png").read_bytes() == picture(1)
    made = ask(home, "split", "pets", "--train", "0.6", "--val", "0.4", "--test", "0", "--json")
    assert (made["version"], made["splits"]) == (3, {"train": 3, "val": 2})
    for words in (("push",), ("pull",), ("restore", str(tmp_path / "restored"))):
        assert here(home, "datasets", words[0], "pets", *words[1:]).returncode == 0
    assert (tmp_path / "restored" / "annotations.jsonl").is_file()
    assert ask(home, "delete", "pets", "--yes", "--json") == {"deleted": "pets"}
    assert ask(home, "list", "--json") == []


def test_an_import_that_is_killed_leaves_nothing_that_counts(home: Settings, tmp_path: Path) -> None:
    pets = write(tmp_path / "pets", 400)
    line = nexusai("datasets", "import", str(pets), "--name", "pets")
    with subprocess.Popen(line, env=child_environment(home), cwd=PROJECT_ROOT) as process:
        while process.poll() is None and not list(home.home.glob("datasets/staging/*/images/*/*9.png")):
            time.sleep(0.005)
        assert process.poll() is None, "it was over before it could be killed"
        process.kill()
    assert ask(home, "list", "--json") == []
    assert ask(home, "import", str(pets), "--name", "pets", "--json")["version"]["version"] == 1


def test_what_cannot_be_done_is_refused_with_its_code(home: Settings, tmp_path: Path) -> None:
    assert ask(home, "show", "nothing", fails=True) == "dataset_not_found"
    assert ask(home, "import", str(tmp_path / "none"), "--name", "x", fails=True) == "dataset_invalid"
    assert ask(home, "import", str(tmp_path), "--name", "x", "--task", "dream", fails=True) == "invalid_input"

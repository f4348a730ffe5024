"""`nexusai datasets …`, each command in a process of its own."""

import json
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from registry.records import Database
from registry.settings import PROJECT_ROOT, Settings, child_environment
from registry.testing.platform import nexusai
from tests.registry.training.datasets.conftest import picture


@pytest.fixture
def environment(settings: Settings, sqlite: Database) -> Mapping[str, str]:
    return child_environment(settings, NEXUSAI_HOME=str(settings.home))


def ask(environment: Mapping[str, str], *words: str, fails: bool = False) -> Any:
    """What a command prints as JSON, or the code of its refusal."""
    line = nexusai("datasets", *words)
    done = subprocess.run(line, env=environment, cwd=PROJECT_ROOT, capture_output=True, text=True)
    assert (done.returncode != 0) == fails, done.stderr
    return json.loads(done.stderr)["error"]["code"] if fails else json.loads(done.stdout or "null")


def write(folder: Path, count: int) -> Path:
    """Pictures in folders of two classes."""
    for number in range(count):
        place = folder / ("cat" if number % 2 else "dog")
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number}.png").write_bytes(picture(number))
    return folder


def test_a_dataset_is_imported_looked_at_and_taken_out(environment: Mapping[str, str], tmp_path: Path) -> None:
    pets = str(write(tmp_path / "pets", 4))
    made = ask(
        environment, "import", pets, "--name", "pets", "--split", '{"train": 0.5, "val": 0.5, "test": 0}', "--json"
    )
    assert made["version"]["splits"] == {"train": 2, "val": 2}
    ask(environment, "import", str(write(tmp_path / "pets", 5)), "--name", "pets", "--json")
    assert [each["latest_version"] for each in ask(environment, "list", "--json")] == [2]
    assert [each["images"] for each in ask(environment, "show", "pets", "--json")["versions"]] == [5, 4]
    assert ask(environment, "diff", "pets", "1", "2", "--json")["added"] == ["dog/4.png"]
    out = tmp_path / "out"
    ask(environment, "export", "pets", str(out), "--format", "folders", "--version", "2", "--json")
    assert (out / "cat" / "1.png").read_bytes() == picture(1)
    made = ask(environment, "split", "pets", "--train", "0.6", "--val", "0.4", "--test", "0", "--json")
    assert (made["version"], made["splits"]) == (3, {"train": 3, "val": 2})
    for words in (("push",), ("pull",), ("restore", str(tmp_path / "restored"))):
        said = subprocess.run(nexusai("datasets", words[0], "pets", *words[1:]), env=environment, cwd=PROJECT_ROOT)
        assert said.returncode == 0
    assert (tmp_path / "restored" / "annotations.jsonl").is_file()
    assert ask(environment, "delete", "pets", "--yes", "--json") == {"deleted": "pets"}
    assert ask(environment, "list", "--json") == []


def test_an_import_that_is_killed_leaves_nothing_that_counts(environment: Mapping[str, str], tmp_path: Path) -> None:
    pets, home = write(tmp_path / "pets", 400), Path(environment["NEXUSAI_HOME"])
    line = nexusai("datasets", "import", str(pets), "--name", "pets")
    with subprocess.Popen(line, env=environment, cwd=PROJECT_ROOT) as process:
        while process.poll() is None and not list(home.glob("datasets/staging/*/images/*/*9.png")):
            time.sleep(0.005)
        assert process.poll() is None, "it was over before it could be killed"
        process.kill()
    assert ask(environment, "list", "--json") == []
    assert ask(environment, "import", str(pets), "--name", "pets", "--json")["version"]["version"] == 1


def test_what_cannot_be_done_is_refused_with_its_code(environment: Mapping[str, str], tmp_path: Path) -> None:
    assert ask(environment, "show", "nothing", fails=True) == "dataset_not_found"
    assert ask(environment, "import", str(tmp_path / "none"), "--name", "x", fails=True) == "dataset_invalid"
    assert ask(environment, "import", str(tmp_path), "--name", "x", "--task", "dream", fails=True) == "invalid_input"

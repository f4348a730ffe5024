"""Uploads of one home in two processes at the same moment: they share the quota, and one of them is the first."""

import json
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest

from registry.models.registry import ModelRegistry
from registry.models.uploads import Uploads
from registry.records import Database
from registry.records.tables import SettingValue
from registry.settings import Settings, child_environment

_BOTH = """
import json, os, sys, time
from pathlib import Path
from registry.libraries import prepare_libraries
prepare_libraries()
from registry.access import Actor
from registry.errors import RegistryError
from registry.models.intake import Wanted, take_in
from registry.models.registry import ModelRegistry
from registry.models.uploads import Uploads
from registry.records import Role, open_database
from registry.settings import load_settings
from registry.testing.onnx_models import BLOB_CARD, blob_detector

me, name, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
settings = load_settings()
database = open_database(settings.records_url)
sender = Actor(name.ljust(32, "0")[:32], "eve", Role.ENGINEER, via="token")

def meet(where):
    (folder / f"{where}-{me}").touch()
    deadline = time.monotonic() + 120
    while len(list(folder.glob(f"{where}-*"))) < 2:
        assert time.monotonic() < deadline, "the other process did not come"
        time.sleep(0.01)

def say(**found):
    print(json.dumps(found), flush=True)
"""
_FIRST = """
class Together(ModelRegistry):
    def publish(self, actor, draft):
        meet("publish")
        return super().publish(actor, draft)

models, moved = Together(settings, database), []

def move(actor, name, alias, version):
    moved.append(version)
    models.set_alias(actor, name, alias, version)

made = take_in(models, sender, blob_detector(), name, card=BLOB_CARD, move=move)
say(version=made.version, aliases=made.aliases, moved=moved)
"""
_QUOTA = """
uploads = Uploads(ModelRegistry(settings, database), database)
keep = uploads._records.keep

def keep_late(upload):
    time.sleep(1)  # for the other to find room, too, if it may look
    keep(upload)

uploads._records.keep = keep_late
for _ in range(uploads._slots._initial_value):
    uploads._slots.acquire()
arriving = uploads.open(sender)
arriving.write(bytes(700 << 10))
meet("whole")
try:
    uploads.begin(sender, arriving, Wanted(name))
    outcome = "kept"
except RegistryError as error:
    outcome = error.code
meet("told")
say(outcome=outcome)
os._exit(0)
"""


def _in_two(script: str, settings: Settings, name: str, folder: Path) -> list[dict[str, Any]]:
    """What each of two processes said."""
    children = [
        subprocess.Popen(
            [sys.executable, "-c", _BOTH + script, me, name, str(folder)],
            env=child_environment(settings),
            stdout=subprocess.PIPE,
            text=True,
        )
        for me in ("one", "other")
    ]
    said = [child.communicate(timeout=240)[0] for child in children]
    assert [child.returncode for child in children] == [0, 0]
    return [json.loads(each.strip().splitlines()[-1]) for each in said]


@pytest.fixture
def home(models: ModelRegistry, settings: Settings) -> Settings:
    """The home of the MLflow server, with the records of this test."""
    return load_with(models.settings, settings.records_url)


def load_with(home: Settings, records_url: str) -> Settings:
    given = {name: getattr(home, name) for name in home.model_fields_set}
    return Settings(**(given | {"database_url": records_url}))


def test_of_two_first_uploads_of_one_name_one_takes_the_alias_and_the_other_is_proven(
    home: Settings, unique: str, tmp_path: Path
) -> None:
    found = sorted(_in_two(_FIRST, home, unique, tmp_path), key=lambda each: each["version"])
    assert [each["version"] for each in found] == [1, 2]
    assert [each["moved"] for each in found] == [[], [2]]
    assert all("champion" in each["aliases"] for each in found)


def test_two_processes_keep_no_more_than_the_quota(
    home: Settings, models: ModelRegistry, sqlite: Database, tmp_path: Path
) -> None:
    with sqlite.write() as session:
        session.merge(SettingValue(key="publish_quota_mb", value=1))
    found = _in_two(_QUOTA, home, f"q-{uuid.uuid4().hex[:10]}", tmp_path)
    assert sorted(each["outcome"] for each in found) == ["kept", "quota_exceeded"]
    Uploads(models, sqlite)._records.all()  # what its process left is looked at, and so removed
    assert not list((models.settings.home / "quarantine").glob("*/model"))

"""Datasets as a notebook uses them."""

from pathlib import Path

import pytest

from registry.errors import InvalidInput
from registry.records import Database
from registry.settings import Settings
from registry.training.datasets import local
from tests.registry.training.datasets.conftest import Pack, picture


def test_a_notebook_adds_divides_and_exports(
    settings: Settings, sqlite: Database, pack: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEXUSAI_HOME", str(settings.home))
    archive = pack({f"{name}/{number}.png": picture(number) for number in range(6) for name in ("ab"[number % 2],)})
    version, report = local.add(archive, "letters", note="a and b")
    assert (version.number, report.images) == (1, 6)
    assert local.divide("letters/1", train=0.5, val=0.5, test=0).splits == {"train": 3, "val": 3}
    assert local.listed().set_index("name").loc["letters", "latest_version"] == 2
    letters = local.load("letters")
    assert letters.statistics.images_by_split == {"train": 3, "val": 3}
    assert (letters.folder / "images" / letters.dataset.samples[0].file).is_file()
    out = local.export("letters/2", "folders", tmp_path / "out")
    assert len(list(out.rglob("*.png"))) == 6
    with pytest.raises(InvalidInput, match="takes the form name or name/version"):
        local.load("letters/first")
    with pytest.raises(InvalidInput, match="cannot be used: seed"):
        local.divide("letters", seed=-1)

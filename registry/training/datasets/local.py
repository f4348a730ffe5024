"""Datasets for notebooks, on the home of NEXUSAI_HOME and behalf of the account this process runs under.

::

    from registry.training.datasets import local as datasets

    datasets.listed()                                 # what is there, as a DataFrame
    version, report = datasets.add("bolts.zip", "bolts")
    bolts = datasets.load("bolts/2")                  # or "bolts": the newest
    bolts.dataset.samples, bolts.statistics, bolts.folder
    datasets.divide("bolts", by="time")               # a version with other splits
    datasets.export("bolts/2", "yolo", "work/bolts")  # a folder, or a .zip file
"""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry.access.actor import local_actor
from registry.access.live import Live
from registry.libraries import prepare_libraries
from registry.records import DatasetVersion, open_database
from registry.settings import Settings, load_settings
from registry.training.datasets.catalogue import Datasets
from registry.training.datasets.changes import DatasetChanges, NewVersion
from registry.training.datasets.plan import plan_from
from registry.training.datasets.problems import ImportReport
from registry.training.datasets.reference import parse_reference
from registry.training.datasets.version import OpenVersion
from registry.training.datasets.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd


def listed(search: str = "") -> "pd.DataFrame":
    """The datasets by name, with the figures of their newest versions."""
    import pandas as pd

    found, _ = _rooms()[0].list(local_actor(), search=search, size=10_000)
    columns = ["name", "task", "latest_version", "images", "objects", "owner", "description"]
    return pd.DataFrame([each.to_dict() for each in found], columns=columns)


def add(source: str | Path, name: str, **more: Any) -> tuple[DatasetVersion, ImportReport]:
    """Import a zip archive or folder as a dataset or its next version; `more` are the fields of `NewVersion`.

    Raises as `DatasetChanges.add` does.
    """
    return _rooms()[1].add(local_actor(), Path(source), NewVersion(name, **more))


def load(reference: str) -> OpenVersion:
    """What is in the version that `name` or `name/version` means. Raises as `Datasets.open` does."""
    return _rooms()[0].open(local_actor(), *parse_reference(reference))


def divide(reference: str, **plan: Any) -> DatasetVersion:
    """A version with the same samples and other splits; `plan` are the fields of `SplitPlan`."""
    name, number = parse_reference(reference)
    return _rooms()[1].split(local_actor(), name, plan_from(plan), number)


def export(reference: str, form: str, target: str | Path) -> Path:
    """Write a version as yolo, coco, voc or folders, to a new folder or a .zip file. Raises as `Datasets.export`."""
    return _rooms()[0].export(local_actor(), *parse_reference(reference), form, Path(target))


def _rooms() -> tuple[Datasets, DatasetChanges]:
    prepare_libraries()
    return _opened(load_settings())


@cache
def _opened(settings: Settings) -> tuple[Datasets, DatasetChanges]:
    settings.prepare_home()
    database = open_database(settings.records_url)
    datasets = Datasets(database, Workspace(settings))
    return datasets, DatasetChanges(settings, database, Live(database, settings), datasets)

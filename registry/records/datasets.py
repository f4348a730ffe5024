"""Datasets and their versions: the tables with their queries."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Text, UniqueConstraint, func
from sqlalchemy.exc import IntegrityError
from sqlmodel import Field, Session, SQLModel, col, delete, select

from registry.errors import Conflict, NameTaken
from registry.records.tables import UtcDateTime, new_id, utc_now


def _now() -> Any:
    return Field(default_factory=utc_now, sa_column=Column(UtcDateTime(), nullable=False))


class DatasetRecord(SQLModel, table=True):
    """A dataset by its name; `latest_version` also counts versions that never came to be."""

    __tablename__ = "datasets"

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    name: str = Field(max_length=63, unique=True, index=True)
    task: str = Field(max_length=16)
    description: str = Field(default="", max_length=400)
    access_level: str = Field(max_length=16)
    owner_id: str = Field(max_length=64, index=True)
    owner_name: str = Field(max_length=64)
    latest_version: int = 0
    created_at: datetime = _now()
    updated_at: datetime = _now()


class DatasetVersion(SQLModel, table=True):
    """One version: what is in it, and `pointer`, the text by which DVC finds its files.

    `sha256` covers the annotations and, through them, every picture.
    """

    __tablename__ = "dataset_versions"
    __table_args__ = (UniqueConstraint("dataset_id", "number", name="uq_dataset_versions_number"),)

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    dataset_id: str = Field(max_length=32, index=True)
    number: int
    parent: int | None = None
    note: str = Field(default="", max_length=400)
    sha256: str = Field(max_length=64)
    pointer: str = Field(sa_column=Column(Text(), nullable=False))
    images: int
    objects: int
    size_bytes: int = Field(default=0, sa_column=Column(BigInteger(), nullable=False))
    problems: int = 0
    classes: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    splits: dict[str, int] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    created_by: str = Field(max_length=64)
    created_at: datetime = _now()
    pushed_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime(), nullable=True))
    job_id: str | None = Field(default=None, max_length=32, index=True)  # of the job that imported it


def every(session: Session) -> Sequence[DatasetRecord]:
    """All datasets by name."""
    return session.exec(select(DatasetRecord).order_by(col(DatasetRecord.name))).all()


def by_name(session: Session, name: str) -> DatasetRecord | None:
    """The dataset of that name."""
    return session.exec(select(DatasetRecord).where(DatasetRecord.name == name)).first()


def take_number(session: Session, wanted: DatasetRecord) -> DatasetRecord:
    """The next version's number, as `latest_version` of the dataset of that name, made where there is none.

    Raises NameTaken when somebody else makes it at the same moment.
    """
    found = session.exec(select(DatasetRecord).where(DatasetRecord.name == wanted.name).with_for_update()).first()
    record = found or wanted
    record.latest_version += 1
    record.updated_at = utc_now()
    session.add(record)
    try:
        session.flush()
    except IntegrityError as error:
        raise NameTaken(f"there is a dataset {wanted.name!r} already, made just now") from error
    return record


def lock(session: Session, dataset_id: str) -> None:
    """Keep a dataset from being deleted until the transaction ends. Raises Conflict where it is gone."""
    if session.get(DatasetRecord, dataset_id, with_for_update=True) is None:
        raise Conflict("the dataset was deleted meanwhile; nothing was added", hint="Add it anew.")


def add_version(session: Session, version: DatasetVersion) -> None:
    """Let a version count. Raises Conflict where its dataset is gone."""
    lock(session, version.dataset_id)
    session.add(version)


def remove_empty(session: Session, dataset_id: str) -> None:
    """Delete a dataset whose first version never came to be."""
    record = session.get(DatasetRecord, dataset_id)
    if record is not None and not versions(session, dataset_id):
        session.delete(record)


def versions(session: Session, dataset_id: str) -> Sequence[DatasetVersion]:
    """Every version of a dataset, newest first."""
    wanted = select(DatasetVersion).where(DatasetVersion.dataset_id == dataset_id)
    return session.exec(wanted.order_by(col(DatasetVersion.number).desc())).all()


def made_by(session: Session, job_id: str) -> DatasetVersion | None:
    """The version that a job imported, if it came to be."""
    return session.exec(select(DatasetVersion).where(DatasetVersion.job_id == job_id)).first()


def newest(session: Session) -> dict[str, DatasetVersion]:
    """The newest version of every dataset that has one, by the dataset's id."""
    last = select(col(DatasetVersion.dataset_id), func.max(col(DatasetVersion.number)).label("number"))
    tops = last.group_by(col(DatasetVersion.dataset_id)).subquery()
    same = (col(DatasetVersion.dataset_id) == tops.c.dataset_id) & (col(DatasetVersion.number) == tops.c.number)
    return {each.dataset_id: each for each in session.exec(select(DatasetVersion).join(tops, same))}


def remove(session: Session, record: DatasetRecord) -> None:
    """Delete a dataset with its versions, also with one that is being stored just now."""
    session.exec(select(DatasetRecord.id).where(DatasetRecord.id == record.id).with_for_update()).first()
    session.exec(delete(DatasetVersion).where(col(DatasetVersion.dataset_id) == record.id))
    session.delete(record)

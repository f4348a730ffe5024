"""Enrolled faces and objects: a vector for each, and who of them a picture shows."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
from sqlalchemy import String, cast, func
from sqlmodel import Session, col, delete, select

from registry.access import Action, Actor, require
from registry.access.trail import trace
from registry.errors import InvalidInput, NotFound
from registry.models.answer import Answer
from registry.models.serving import Serving
from registry.models.stated import check_visible
from registry.records import Database, GalleryEntry
from registry.records.tables import UtcDateTime
from registry.runtime.card import Task

DEFAULT = "default"
MOST_ENTRIES = 10_000  # in one gallery: 20 MB of vectors of 512 values, searched in milliseconds
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_VALUE = np.dtype("<f4")


@dataclass(frozen=True, slots=True)
class Embedder:
    """Which registered model turns pictures into vectors: that version, that alias, else the champion."""

    model: str
    version: int | None = None
    alias: str | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """What is in one gallery."""

    gallery: str
    labels: int
    entries: int


@dataclass(frozen=True, slots=True)
class Identity:
    """A label with the entries that one version made of its pictures."""

    label: str
    model: str  # its name and version
    entries: int
    newest_at: datetime


@dataclass(frozen=True, slots=True)
class Match:
    """An enrolled entry and its cosine similarity with the picture, in [-1, 1]."""

    entry: GalleryEntry
    score: float


@dataclass(frozen=True, slots=True)
class Identification:
    """The picture's embedding and the entries nearest to it, best first."""

    answer: Answer
    matches: tuple[Match, ...]


class Gallery:
    """Everybody's own entries, by the name of a gallery; nobody sees another's."""

    def __init__(self, serving: Serving, database: Database) -> None:
        self._serving = serving
        self._database = database

    def enrol(
        self, actor: Actor, image: bytes | np.ndarray, embedder: Embedder, label: str, gallery: str = DEFAULT
    ) -> GalleryEntry:
        """Keep a picture's vector, not the picture, under a label; several pictures of one label are several entries.

        Raises InvalidInput (no embedder, an unusable name, a full gallery), and as `Serving.predict` does.
        """
        _check(gallery, label)
        answer = self._embed(actor, image, embedder)
        version = answer.version
        entry = GalleryEntry(
            owner_id=actor.id,
            gallery=gallery,
            label=label.strip(),
            model_name=version.name,
            model_version=version.version,
            model_sha256=version.sha256,
            vector=_vector(answer).tobytes(),
        )
        with self._database.write() as session:
            if _count(session, actor, gallery) >= MOST_ENTRIES:
                raise InvalidInput(f"gallery {gallery!r} has {MOST_ENTRIES} entries, the most that one may have")
            session.add(entry)
            details = {"label": entry.label, "model": version.name, "version": version.version}
            trace(session, actor, "gallery.enrol", f"gallery:{gallery}", {"entry": entry.id, **details})
        return entry

    def identify(
        self,
        actor: Actor,
        image: bytes | np.ndarray,
        embedder: Embedder,
        gallery: str = DEFAULT,
        *,
        most: int = 5,
        least_score: float = 0.0,
    ) -> Identification:
        """The entries enrolled with the same version that are most similar to a picture, by an exact search.

        Raises InvalidInput (no embedder), and as `Serving.predict` does.
        """
        answer = self._embed(actor, image, embedder)
        with self._database.read() as session:
            wanted = select(GalleryEntry).where(
                GalleryEntry.owner_id == actor.id,
                GalleryEntry.gallery == gallery,
                GalleryEntry.model_sha256 == answer.version.sha256,
            )
            entries = list(session.exec(wanted.order_by(col(GalleryEntry.created_at), col(GalleryEntry.id))))
        if not entries:
            return Identification(answer, ())
        vectors = np.frombuffer(b"".join(entry.vector for entry in entries), _VALUE).reshape(len(entries), -1)
        scores = np.clip(vectors @ _vector(answer), -1, 1)
        best = np.argsort(-scores, kind="stable")[:most]
        found = (Match(entries[index], float(scores[index])) for index in best)
        return Identification(answer, tuple(match for match in found if match.score >= least_score))

    def entries(
        self, actor: Actor, gallery: str = DEFAULT, *, number: int = 1, size: int = 50
    ) -> tuple[Sequence[GalleryEntry], int]:
        """One page of the actor's entries, newest first, and how many there are; `number` counts from 1."""
        require(actor, Action.PREDICT)
        with self._database.read() as session:
            wanted = select(GalleryEntry).where(GalleryEntry.owner_id == actor.id, GalleryEntry.gallery == gallery)
            newest = wanted.order_by(col(GalleryEntry.created_at).desc(), col(GalleryEntry.id))
            page = session.exec(newest.offset((number - 1) * size).limit(size))
            return list(page), _count(session, actor, gallery)

    def galleries(self, actor: Actor) -> list[Held]:
        """The actor's galleries by name, with how many labels and entries are in each."""
        require(actor, Action.PREDICT)
        labels, entries = func.count(func.distinct(GalleryEntry.label)), func.count()
        with self._database.read() as session:
            wanted = select(GalleryEntry.gallery, labels, entries).where(GalleryEntry.owner_id == actor.id)
            grouped = wanted.group_by(col(GalleryEntry.gallery)).order_by(col(GalleryEntry.gallery))
            return [Held(*row) for row in session.exec(grouped)]

    def identities(
        self, actor: Actor, gallery: str = DEFAULT, *, number: int = 1, size: int = 50
    ) -> tuple[list[Identity], int]:
        """One page of the labels in one of the actor's galleries, by name, and how many there are."""
        require(actor, Action.PREDICT)
        mine = (col(GalleryEntry.owner_id) == actor.id, col(GalleryEntry.gallery) == gallery)
        model = col(GalleryEntry.model_name) + " version " + cast(GalleryEntry.model_version, String)
        newest = func.max(col(GalleryEntry.created_at), type_=UtcDateTime())
        with self._database.read() as session:
            wanted = select(GalleryEntry.label, model.label("model"), func.count(), newest).where(*mine)
            grouped = wanted.group_by(col(GalleryEntry.label), model)
            page = grouped.order_by(col(GalleryEntry.label), model).offset((number - 1) * size).limit(size)
            total = session.exec(select(func.count()).select_from(grouped.subquery())).one()
            return [Identity(*row) for row in session.exec(page)], total

    def forget_label(self, actor: Actor, label: str, gallery: str = DEFAULT) -> int:
        """Delete every entry of one label from one of the actor's galleries; returns how many. Raises NotFound."""
        require(actor, Action.PREDICT)
        with self._database.write() as session:
            mine = (col(GalleryEntry.owner_id) == actor.id, col(GalleryEntry.gallery) == gallery)
            count = session.exec(delete(GalleryEntry).where(*mine, col(GalleryEntry.label) == label)).rowcount
            if not count:
                raise NotFound(f"your gallery {gallery[:63]!r} has no entry labelled {label[:120]!r}")
            trace(session, actor, "gallery.forget", f"gallery:{gallery}", {"label": label, "entries": count})
        return count

    def forget(self, actor: Actor, entry_id: str) -> None:
        """Delete one of the actor's entries. Raises NotFound."""
        require(actor, Action.PREDICT)
        with self._database.write() as session:
            entry = session.get(GalleryEntry, entry_id)
            if entry is None or entry.owner_id != actor.id:
                raise NotFound(f"your galleries have no entry {entry_id[:32]!r}")
            session.delete(entry)
            trace(
                session, actor, "gallery.forget", f"gallery:{entry.gallery}", {"entry": entry.id, "label": entry.label}
            )

    def _embed(self, actor: Actor, image: bytes | np.ndarray, embedder: Embedder) -> Answer:
        found = self._serving.resolve(actor, embedder.model, version=embedder.version, alias=embedder.alias)
        if found.card.task is not Task.EMBED:
            raise InvalidInput(
                f"model {found.name!r} answers task {found.card.task}; a gallery needs one that embeds",
                hint="GET /api/v1/models?task=embed lists them.",
            )
        return self._serving.predict(actor, image, model=found.name, version=found.version)


def _vector(answer: Answer) -> npt.NDArray[np.float32]:
    return np.asarray(answer.prediction.embedding, _VALUE)


def _count(session: Session, actor: Actor, gallery: str) -> int:
    wanted = select(func.count()).where(GalleryEntry.owner_id == actor.id, GalleryEntry.gallery == gallery)
    return session.exec(wanted).one()


def _check(gallery: str, label: str) -> None:
    if not _NAME.fullmatch(gallery):
        raise InvalidInput(
            f"{gallery[:80]!r} is not a gallery's name: it takes 1 to 63 letters, digits, dots, dashes and underscores"
        )
    if not 1 <= len(label.strip()) <= 120:
        raise InvalidInput("a label has 1 to 120 characters")
    check_visible("a label", label)

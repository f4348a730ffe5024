"""The history of one's own answers: kept by the pages, found again and forgotten by their owner alone."""

from collections.abc import Sequence

import cv2
import numpy as np
from sqlalchemy import func
from sqlalchemy.orm import defer
from sqlmodel import Session, col, delete, select

from registry.access import Action, Actor, require
from registry.access.live import Live
from registry.access.trail import trace
from registry.errors import NotFound
from registry.models.answer import Answer
from registry.records import Database, InferenceResult, one_at_a_time
from registry.vision.drawing import ImageRgb
from registry.vision.encoding import encode_jpeg

PICTURE_SIDE = 960  # px; the longer side of the picture that is kept
_QUALITY = 82
_LONGEST_NAME = 200


class History:
    """Everybody's own results; nobody sees another's. The setting `history_most` bounds each one's number."""

    def __init__(self, database: Database, live: Live) -> None:
        self._database, self._live = database, live

    def keep(self, actor: Actor, answer: Answer, image_name: str) -> InferenceResult | None:
        """Keep an answer with a small drawn picture, and let the oldest go; None where nothing is to be kept.

        Raises NotSignedIn, Forbidden, DatabaseUnavailable.
        """
        require(actor, Action.PREDICT)
        most = self._live.current().history_most
        if not most:
            return None
        version = answer.version
        kept = InferenceResult(
            owner_id=actor.id,
            image_name=_shown(image_name),
            model_name=version.name,
            model_version=version.version,
            task=str(version.card.task),
            summary=_shown(answer.prediction.says()),
            picture=encode_jpeg(_small(answer.plot()), _QUALITY),
            answer=answer.to_dict(),
        )
        with self._database.write() as session:
            one_at_a_time(session.connection(), f"history {actor.id}")
            session.add(kept)
            session.flush()
            _prune(session, actor, most)
        return kept

    def page(self, actor: Actor, *, number: int = 1, size: int = 50) -> tuple[Sequence[InferenceResult], int]:
        """One page of the actor's results without their `answer`, newest first, and how many there are."""
        require(actor, Action.PREDICT)
        with self._database.read() as session:
            mine = select(InferenceResult).where(InferenceResult.owner_id == actor.id)
            newest = mine.order_by(col(InferenceResult.created_at).desc(), col(InferenceResult.id))
            light = newest.options(defer(InferenceResult.answer, raiseload=True))  # type: ignore[arg-type]
            count = select(func.count()).where(col(InferenceResult.owner_id) == actor.id)
            return list(session.exec(light.offset((number - 1) * size).limit(size))), session.exec(count).one()

    def get(self, actor: Actor, result_id: str) -> InferenceResult:
        """One of the actor's results in full. Raises NotFound."""
        require(actor, Action.PREDICT)
        with self._database.read() as session:
            return _own(session, actor, result_id)

    def forget(self, actor: Actor, result_id: str) -> None:
        """Delete one of the actor's results. Raises NotFound."""
        require(actor, Action.PREDICT)
        with self._database.write() as session:
            found = _own(session, actor, result_id)
            session.delete(found)
            details = {"image": found.image_name, "model": found.model_name, "version": found.model_version}
            trace(session, actor, "history.forget", f"result:{found.id}", details)

    def clear(self, actor: Actor) -> int:
        """Delete all of the actor's results; returns how many."""
        require(actor, Action.PREDICT)
        with self._database.write() as session:
            count = session.exec(delete(InferenceResult).where(col(InferenceResult.owner_id) == actor.id)).rowcount
            trace(session, actor, "history.clear", f"user:{actor.id}", {"results": count})
        return count


def _own(session: Session, actor: Actor, result_id: str) -> InferenceResult:
    found = session.get(InferenceResult, result_id)
    if found is None or found.owner_id != actor.id:
        raise NotFound(f"your history has no result {result_id[:32]!r}")
    return found


def _prune(session: Session, actor: Actor, most: int) -> None:
    """Let go what is older than the newest `most`."""
    mine = select(InferenceResult.id).where(InferenceResult.owner_id == actor.id)
    newest = mine.order_by(col(InferenceResult.created_at).desc(), col(InferenceResult.id)).limit(most)
    kept = list(session.exec(newest))
    mine_too = col(InferenceResult.owner_id) == actor.id
    session.exec(delete(InferenceResult).where(mine_too, col(InferenceResult.id).not_in(kept)))


def _shown(text: str) -> str:
    """A text that any database takes, on one line."""
    return " ".join("".join(letter for letter in text if letter.isprintable()).split())[:_LONGEST_NAME] or "picture"


def _small(picture_rgb: ImageRgb) -> ImageRgb:
    height, width = picture_rgb.shape[:2]
    ratio = PICTURE_SIDE / max(height, width)
    if ratio >= 1:
        return picture_rgb
    size_wh = (max(round(width * ratio), 1), max(round(height * ratio), 1))
    return np.asarray(cv2.resize(picture_rgb, size_wh, interpolation=cv2.INTER_AREA))

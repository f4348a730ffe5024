"""Enrol, identify and forget: whose entries, which version's vectors, and the trail."""

import uuid

import numpy as np
import pytest
from sqlmodel import select

from registry.access import Actor
from registry.errors import Forbidden, InvalidInput, NotFound, NotSignedIn
from registry.models.gallery import Embedder, Gallery
from registry.models.publish import Draft
from registry.models.registry import ModelRegistry
from registry.models.serving import Serving
from registry.models.types import CHAMPION
from registry.records import AuditEntry, Database, Role
from registry.runtime.card import InputSpec, ModelCard
from registry.testing import onnx_models as tiny

ENGINEER = Actor("e" * 32, "ada", Role.ENGINEER)
OPERATOR = Actor("o" * 32, "olga", Role.OPERATOR)
NOBODY = Actor("anonymous", "anonymous", None, via="anonymous")
NAMED_IN_BGR = {"red": (20, 10, 200), "green": (10, 180, 30), "blue": (220, 40, 5)}


def picture(bgr: tuple[int, int, int]) -> np.ndarray:
    return np.full((24, 40, 3), bgr, np.uint8)


def publish(models: ModelRegistry, model: bytes, card: ModelCard) -> str:
    name = f"gallery-{uuid.uuid4().hex[:8]}"
    models.publish(ENGINEER, Draft(name, {"model.onnx": model}, card, alias=CHAMPION))
    return name


@pytest.fixture
def embedder(models: ModelRegistry) -> Embedder:
    return Embedder(publish(models, tiny.colour_embedder(), tiny.COLOUR_EMBED_CARD))


@pytest.fixture
def gallery(serving: Serving, database: Database) -> Gallery:
    return Gallery(serving, database)


def test_a_picture_is_recognised_by_its_direction_and_not_by_its_brightness(gallery, embedder):
    for label, bgr in NAMED_IN_BGR.items():
        gallery.enrol(OPERATOR, picture(bgr), embedder, f" {label} ")
    found = gallery.identify(OPERATOR, picture((110, 20, 2)), embedder, most=2)
    assert [match.entry.label for match in found.matches] == ["blue", "green"]
    assert found.matches[0].score == pytest.approx(1, abs=0.01)
    assert found.answer.prediction.embedding is not None


def test_scores_are_cosines(gallery, embedder):
    gallery.enrol(OPERATOR, picture((0, 0, 100)), embedder, "red")
    (match,) = gallery.identify(OPERATOR, picture((0, 50, 50)), embedder).matches
    assert match.score == pytest.approx(0.5**0.5, abs=1e-4)
    assert gallery.identify(OPERATOR, picture((0, 50, 50)), embedder, least_score=0.8).matches == ()


def test_nobody_finds_or_forgets_what_another_enrolled(gallery, embedder):
    entry = gallery.enrol(OPERATOR, picture(NAMED_IN_BGR["red"]), embedder, "red")
    assert gallery.identify(ENGINEER, picture(NAMED_IN_BGR["red"]), embedder).matches == ()
    assert gallery.entries(ENGINEER) == ([], 0)
    with pytest.raises(NotFound):
        gallery.forget(ENGINEER, entry.id)
    assert gallery.entries(OPERATOR)[1] == 1


def test_galleries_are_apart_and_vectors_of_another_version_are_not_compared(gallery, embedder, models):
    red = picture(NAMED_IN_BGR["red"])
    gallery.enrol(OPERATOR, red, embedder, "red", "line-3")
    assert gallery.identify(OPERATOR, red, embedder, "line-4").matches == ()
    larger = tiny.COLOUR_EMBED_CARD.model_copy(update={"input": InputSpec(height=48, width=48, resize="stretch")})
    other = Embedder(publish(models, tiny.colour_embedder(48), larger))
    assert gallery.identify(OPERATOR, red, other, "line-3").matches == ()
    assert len(gallery.identify(OPERATOR, red, embedder, "line-3").matches) == 1


def test_what_is_forgotten_is_gone_and_both_are_in_the_trail(gallery, embedder, database):
    entry = gallery.enrol(OPERATOR, picture(NAMED_IN_BGR["red"]), embedder, "red", "line-3")
    gallery.forget(OPERATOR, entry.id)
    assert gallery.entries(OPERATOR, "line-3") == ([], 0)
    with pytest.raises(NotFound):
        gallery.forget(OPERATOR, entry.id)
    with database.read() as session:
        rows = [row for row in session.exec(select(AuditEntry)) if row.action.startswith("gallery.")]
    assert [(row.action, row.target, row.details["label"]) for row in rows] == [
        ("gallery.enrol", "gallery:line-3", "red"),
        ("gallery.forget", "gallery:line-3", "red"),
    ]


def test_pages_go_from_the_newest_back(gallery, embedder):
    for label in ("first", "second", "third"):
        gallery.enrol(OPERATOR, picture(NAMED_IN_BGR["red"]), embedder, label)
    page, total = gallery.entries(OPERATOR, number=2, size=2)
    assert ([entry.label for entry in page], total) == (["first"], 3)


def test_a_model_that_does_not_embed_a_bad_name_and_a_stranger_are_refused(gallery, embedder, models):
    red = picture(NAMED_IN_BGR["red"])
    detector = Embedder(publish(models, tiny.blob_detector(), tiny.BLOB_CARD))
    with pytest.raises(InvalidInput, match="answers task detect"):
        gallery.enrol(OPERATOR, red, detector, "red")
    for label, name in (("red", "../x"), ("red", ""), (" ", "line-3"), ("r" * 121, "line-3")):
        with pytest.raises(InvalidInput):
            gallery.enrol(OPERATOR, red, embedder, label, name)
    with pytest.raises(NotSignedIn):
        gallery.entries(NOBODY)
    reader = Actor(OPERATOR.id, "olga", Role.OPERATOR, via="key", scopes=frozenset({"read"}))
    with pytest.raises(Forbidden):
        gallery.enrol(reader, red, embedder, "red")


def test_galleries_and_identities_are_counted_and_a_label_is_forgotten_whole(gallery, embedder, database):
    for label, name in (("red", "line-3"), ("red", "line-3"), ("blue", "line-3"), ("green", "line-4")):
        gallery.enrol(OPERATOR, picture(NAMED_IN_BGR[label]), embedder, label, name)
    gallery.enrol(ENGINEER, picture(NAMED_IN_BGR["red"]), embedder, "red", "line-3")
    held = [(each.gallery, each.labels, each.entries) for each in gallery.galleries(OPERATOR)]
    assert held == [("line-3", 2, 3), ("line-4", 1, 1)]
    found, total = gallery.identities(OPERATOR, "line-3")
    assert [(each.label, each.entries, each.model) for each in found] == [
        ("blue", 1, f"{embedder.model} version 1"),
        ("red", 2, f"{embedder.model} version 1"),
    ]
    assert (total, found[0].newest_at.tzinfo is not None) == (2, True)
    assert [each.label for each in gallery.identities(OPERATOR, "line-3", number=2, size=1)[0]] == ["red"]
    assert gallery.forget_label(OPERATOR, "red", "line-3") == 2
    with pytest.raises(NotFound):
        gallery.forget_label(OPERATOR, "red", "line-3")
    assert gallery.entries(ENGINEER, "line-3")[1] == 1, "another's entries stay"

"""The history: whose results, how many are kept, and that what is forgotten is gone."""

import io
import json

import numpy as np
import pytest
from PIL import Image
from sqlmodel import select

from registry.access import Actor
from registry.access.actor import local_actor
from registry.access.live import Live
from registry.access.people import People
from registry.access.sessions import Sessions
from registry.access.tokens import Tokens
from registry.errors import Forbidden, NotFound, NotSignedIn
from registry.models.answer import Answer
from registry.models.history import PICTURE_SIDE, History
from registry.models.types import ModelVersion
from registry.records import AuditEntry, Database, InferenceResult, Role, SettingValue, User, utc_now
from registry.runtime.predictor import Predictor
from registry.settings import Settings
from registry.testing import onnx_models as tiny

OLGA = Actor("o" * 32, "olga", Role.OPERATOR)
EVE = Actor("e" * 32, "eve", Role.ENGINEER)
NOBODY = Actor("anonymous", "anonymous", None, via="anonymous")


def answer(side: int = 64) -> Answer:
    image = np.zeros((side, side, 3), np.uint8)
    image[16:24, 8:16] = (0, 0, 255)
    prediction = Predictor(tiny.blob_detector(), tiny.BLOB_CARD).predict(image)
    version = ModelVersion("blobs", 3, "s", {}, 1, tiny.BLOB_CARD, (), utc_now(), "run", "ada")
    return Answer(version, prediction, image)


@pytest.fixture
def live(database: Database, settings: Settings) -> Live:
    return Live(database, settings)


@pytest.fixture
def history(database: Database, live: Live) -> History:
    return History(database, live)


def test_an_answer_is_kept_with_its_picture_and_found_again(history):
    given = answer()
    kept = history.keep(OLGA, given, "line 3.png")
    ((listed,), total) = history.page(OLGA)
    assert (listed.id, listed.image_name, listed.summary, total) == (kept.id, "line 3.png", "1 object", 1)
    found = history.get(OLGA, kept.id)
    assert found.answer == json.loads(json.dumps(given.to_dict()))
    assert (found.model_name, found.model_version, found.task) == ("blobs", 3, "detect")
    assert Image.open(io.BytesIO(found.picture)).format == "JPEG"


def test_a_large_picture_is_kept_small_and_a_strange_name_is_tamed(history):
    kept = history.keep(OLGA, answer(2_000), "a\x00b\nc" * 200)
    assert max(Image.open(io.BytesIO(kept.picture)).size) == PICTURE_SIDE
    assert len(kept.image_name) == 200
    assert kept.image_name.isprintable()


def test_a_list_does_not_carry_the_answers(history):
    history.keep(OLGA, answer(), "a.png")
    with pytest.raises(Exception, match="answer"):
        _ = history.page(OLGA)[0][0].answer


def test_nobody_sees_or_forgets_what_is_another_s(history):
    kept = history.keep(OLGA, answer(), "a.png")
    assert history.page(EVE) == ([], 0)
    for act in (history.get, history.forget):
        with pytest.raises(NotFound):
            act(EVE, kept.id)
    history.clear(EVE)
    assert history.page(OLGA)[1] == 1


def test_the_oldest_go_first_and_pages_go_from_the_newest_back(history, live, database):
    set_most(database, live, 3)
    for name in "abcde":
        history.keep(OLGA, answer(), name)
    history.keep(EVE, answer(), "eve's")
    page, total = history.page(OLGA, number=2, size=2)
    assert ([each.image_name for each in page], total) == (["c"], 3)
    assert [each.image_name for each in history.page(OLGA)[0]] == ["e", "d", "c"]
    assert history.page(EVE)[1] == 1


def test_nothing_is_kept_where_the_setting_says_so(history, live, database):
    set_most(database, live, 0)
    assert history.keep(OLGA, answer(), "a.png") is None
    assert history.page(OLGA) == ([], 0)


def test_what_is_forgotten_is_gone_and_in_the_trail(history, database):
    kept = history.keep(OLGA, answer(), "a.png")
    history.keep(OLGA, answer(), "b.png")
    history.forget(OLGA, kept.id)
    with pytest.raises(NotFound):
        history.get(OLGA, kept.id)
    assert history.clear(OLGA) == 1
    assert history.page(OLGA) == ([], 0)
    with database.read() as session:
        rows = [(row.action, row.actor_id) for row in session.exec(select(AuditEntry))]
    assert rows == [("history.forget", OLGA.id), ("history.clear", OLGA.id)]


def test_strangers_and_keys_without_the_scope_are_refused(history):
    with pytest.raises(NotSignedIn):
        history.page(NOBODY)
    reader = Actor(OLGA.id, "olga", Role.OPERATOR, via="key", scopes=frozenset({"read"}))
    with pytest.raises(Forbidden):
        history.clear(reader)


def test_a_deleted_user_leaves_no_history(history, database, settings, live):
    with database.write() as session:
        user = User(username="olga", username_key="olga", password_hash="x")
        session.add(user)
    history.keep(Actor(user.id, "olga", Role.OPERATOR), answer(), "a.png")
    sessions, tokens = Sessions(database, settings, live), Tokens(database, settings, live)
    People(database, sessions, tokens).delete(local_actor(), user.id)
    with database.read() as session:
        assert session.exec(select(InferenceResult)).all() == []


def set_most(database: Database, live: Live, most: int) -> None:
    with database.write() as session:
        session.merge(SettingValue(key="history_most", value=most))
    live.refresh()

"""What each role finds on a model's page, and what becomes of a press that is refused."""

import io
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.platform import Platform
from app.ui import session
from registry.access import Actor
from registry.access.actor import local_actor, of_user
from registry.models import tags
from registry.models.intake import Wanted
from registry.models.publish import Draft
from registry.models.registering import register
from registry.models.server import tracking_uri
from registry.models.types import CHAMPION
from registry.records import Role
from registry.runtime.card import MODEL_FILE
from registry.settings import Settings, load_settings
from registry.testing.onnx_models import (
    BLOB_CARD,
    BLOB_NMS_CARD,
    BLOB_SEGMENT_CARD,
    COLOURS,
    blob_detector,
    blob_detector_with_nms,
    blob_segmenter,
)
from registry.testing.requirements import require_package
from registry.training.datasets.changes import NewVersion
from registry.vision.encoding import encode_png

PASSWORD = "engine-of-analysis"
PATIENCE_S = 60
OF_EVERYBODY = ["Overview", "Versions", "Compare"]
OF_BUILDERS = [*OF_EVERYBODY, "Train"]
OF_THE_OWNER = [*OF_BUILDERS, "Optimise", "Access", "Settings"]


@pytest.fixture(scope="module")
def rooms(tmp_path_factory: pytest.TempPathFactory, mlflow_home: Settings) -> Iterator[Platform]:
    """The rooms that a server would hand to its pages."""
    home = tmp_path_factory.mktemp("pages") / "home"
    platform = Platform.open(load_settings(home=home, mlflow_tracking_uri=tracking_uri(mlflow_home)))
    platform.database.upgrade()
    session.hold(platform)
    yield platform
    platform.database.close()


@pytest.fixture(scope="module")
def people(rooms: Platform) -> dict[str, Actor]:
    """An owner, another engineer, an operator, a user and an administrator."""
    roles = {"owner": Role.ENGINEER, **{role.value: role for role in Role}}
    return {
        name: of_user(rooms.accounts.create(local_actor(), f"the-{name}", PASSWORD, role), "session")
        for name, role in roles.items()
    }


@pytest.fixture
def shared(rooms: Platform, people: dict[str, Actor], unique: str) -> str:
    """A model of three versions for everybody; the champion is the second, the third cannot be served."""
    for model in (blob_detector(), blob_detector(), blob_detector_with_nms()):
        alias = CHAMPION if model == blob_detector() else ""
        rooms.models.publish(people["owner"], Draft(unique, {MODEL_FILE: model}, BLOB_CARD, alias=alias))
    return unique


def _detail(actor: "Actor", name: str) -> None:  # a script of its own: what it uses it imports
    from app.ui import model_detail
    from app.ui.states import error_box
    from registry.errors import RegistryError

    try:
        model_detail.draw(actor, name)
    except RegistryError as error:
        error_box(error)


def _listed(actor: "Actor") -> None:
    from app.pages import models

    models._list(actor)


def _intake(actor: "Actor", upload_id: str) -> None:
    import streamlit as st

    from app.ui import upload_steps

    st.session_state["sent"] = upload_id
    upload_steps.follow(actor, "sent")


def _draw(page: Callable[..., None], *arguments: Any, tab: str = "") -> AppTest:
    drawn = AppTest.from_function(page, default_timeout=60, args=arguments)
    if tab:
        drawn.session_state[f"model.tab.{arguments[1]}"] = tab
    return drawn.run()


def _labels(drawn: AppTest) -> set[str]:
    return {button.label for button in drawn.button}


def _tabs(drawn: AppTest) -> list[str]:
    return [tab.label for tab in drawn.tabs]


def _press(drawn: AppTest, label: str) -> AppTest:
    [button] = [each for each in drawn.button if each.label == label]
    return button.click().run()


@pytest.mark.parametrize(
    ("who", "tabs"),
    [
        ("user", OF_EVERYBODY),
        ("operator", OF_EVERYBODY),
        ("engineer", OF_BUILDERS),
        ("owner", OF_THE_OWNER),
        ("admin", OF_THE_OWNER),
    ],
)
def test_only_the_owner_and_administrators_find_what_changes_a_model(
    people: dict[str, Actor], shared: str, who: str, tabs: list[str]
) -> None:
    drawn = _draw(_detail, people[who], shared, tab="Versions")
    assert not drawn.exception
    assert _tabs(drawn) == tabs
    changing = {"Promote", "Roll back to v1", "Delete"}
    assert changing & _labels(drawn) == (changing if "Settings" in tabs else set())


@pytest.mark.parametrize("who", ["user", "operator", "engineer"])
def test_a_private_model_is_not_there_for_others(
    rooms: Platform, people: dict[str, Actor], unique: str, who: str
) -> None:
    register(rooms.models, people["owner"], unique, access_level="private")
    drawn = _draw(_detail, people[who], unique)
    assert "There is no model" in drawn.error[0].value
    assert not drawn.tabs
    assert not _draw(_detail, people["owner"], unique).error


def test_a_version_that_cannot_be_served_is_told_and_moves_nothing(
    rooms: Platform, people: dict[str, Actor], shared: str
) -> None:
    drawn = _draw(_detail, people["owner"], shared, tab="Versions")
    drawn.selectbox(key=f"model.alias_version.{shared}").select(3)
    drawn = _press(drawn, "Promote")
    [said] = [box.value for box in drawn.error]
    assert "cannot be served" in said
    assert "champion stays where it is" in said
    assert rooms.models.get(people["owner"], shared).aliases == {CHAMPION: 2}


def test_a_version_that_somebody_tampered_with_is_told_and_can_be_deleted(
    rooms: Platform, people: dict[str, Actor], shared: str
) -> None:
    with rooms.models.connected() as client:
        client.set_model_version_tag(shared, "1", "nexusai.files", "[1")
    drawn = _draw(_detail, people["owner"], shared, tab="Versions")
    assert not drawn.exception
    [said] = [box.value for box in drawn.error]
    assert "Version 1 is not what was registered" in said
    assert "Roll back to v1" not in _labels(drawn)
    drawn.button(key=f"model.delete_version.{shared}.1").click().run()
    drawn = _press(drawn, "Really delete")
    assert not drawn.error
    assert list(rooms.models.numbers(people["owner"], shared)) == [3, 2]


def test_a_model_whose_versions_are_all_damaged_is_not_told_to_have_none(
    rooms: Platform, people: dict[str, Actor], shared: str
) -> None:
    with rooms.models.connected() as client:
        for number in rooms.models.numbers(people["owner"], shared):
            client.set_model_version_tag(shared, str(number), "nexusai.files", "[1")
    drawn = _draw(_detail, people["owner"], shared)
    assert not drawn.exception
    said = " ".join(each.value for each in drawn.markdown)
    assert "Damaged" in said
    assert "No version yet" not in said


def test_a_rollback_asks_back_first(rooms: Platform, people: dict[str, Actor], shared: str) -> None:
    drawn = _press(_draw(_detail, people["owner"], shared, tab="Versions"), "Roll back to v1")
    assert rooms.models.get(people["owner"], shared).aliases == {CHAMPION: 2}
    assert "Roll back to v1" not in _labels(drawn)
    drawn = _press(drawn, "Really roll back")
    assert not drawn.error
    assert rooms.models.get(people["owner"], shared).aliases == {CHAMPION: 1}
    assert any("v2 → **v1**" in each.value and "owner" in each.value for each in drawn.markdown)


def test_an_alias_of_ones_own_is_moved_and_removed(rooms: Platform, people: dict[str, Actor], shared: str) -> None:
    rooms.models.set_alias(people["owner"], shared, "line-3", 2)
    drawn = _draw(_detail, people["owner"], shared, tab="Versions")
    drawn.selectbox(key=f"model.alias.{shared}").select("line-3")
    drawn.selectbox(key=f"model.alias_version.{shared}").select(1)
    drawn = _press(drawn, "Promote")
    assert rooms.models.get(people["owner"], shared).aliases == {CHAMPION: 2, "line-3": 1}
    drawn = _press(_press(drawn, "Remove"), "Really remove")
    assert rooms.models.get(people["owner"], shared).aliases == {CHAMPION: 2}


def test_a_right_that_went_takes_its_buttons_along(rooms: Platform, people: dict[str, Actor], shared: str) -> None:
    drawn = _draw(_detail, people["owner"], shared, tab="Versions")
    drawn.selectbox(key=f"model.alias_version.{shared}").select(1)
    with rooms.models.connected() as client:
        client.set_registered_model_tag(shared, tags.OWNER_ID, people["engineer"].id)
    drawn = _press(drawn, "Promote")
    assert "Promote" not in _labels(drawn)
    assert rooms.models.get(people["owner"], shared).aliases == {CHAMPION: 2}


def test_a_grant_to_nobody_is_told_and_one_to_somebody_listed(
    rooms: Platform, people: dict[str, Actor], shared: str
) -> None:
    drawn = _draw(_detail, people["owner"], shared, tab="Access")
    drawn.text_input(key=f"model.grant.{shared}.0").input("nobody-here")
    drawn = _press(drawn, "Grant")
    assert "Nobody has the id or the name" in drawn.error[0].value
    drawn.text_input(key=f"model.grant.{shared}.0").input("the-user")
    drawn = _press(drawn, "Grant")
    assert not drawn.error
    assert people["user"].id in rooms.models.get(people["owner"], shared).granted_to
    _press(_press(drawn, "Revoke"), "Really revoke")
    assert rooms.models.get(people["owner"], shared).granted_to == frozenset()


def test_an_archived_model_says_so_and_comes_back(rooms: Platform, people: dict[str, Actor], shared: str) -> None:
    drawn = _draw(_detail, people["owner"], shared, tab="Settings")
    drawn = _press(_press(drawn, "Archive this model"), "Really archive")
    assert rooms.models.get(people["owner"], shared).archived
    assert "Try it" not in _labels(drawn)
    _press(drawn, "Bring it back")
    assert not rooms.models.get(people["owner"], shared).archived


def test_a_deletion_asks_back_first(rooms: Platform, people: dict[str, Actor], shared: str) -> None:
    drawn = _draw(_detail, people["owner"], shared, tab="Settings")
    drawn = _press(drawn, "Delete this model")
    drawn = _press(drawn, "Cancel")
    assert rooms.models.get(people["owner"], shared)
    _press(_press(drawn, "Delete this model"), "Really delete")
    assert rooms.models.list(people["admin"], search=shared, archived=None)[1] == 0


def test_the_list_is_narrowed_by_its_filters(rooms: Platform, people: dict[str, Actor], unique: str) -> None:
    register(rooms.models, people["owner"], f"{unique}-a", task="detect", access_level="premium")
    register(rooms.models, people["admin"], f"{unique}-b", task="classify")

    def names(drawn: AppTest) -> list[str]:
        shown = [each.label.replace("\\", "") for each in drawn.button if str(each.key).startswith("models.name.")]
        return [each.strip("*").removeprefix(f"{unique}-") for each in shown]

    drawn = _draw(_listed, people["admin"])
    drawn = drawn.text_input(key="models.search").input(unique).run()
    assert names(drawn) == ["a", "b"]
    assert names(drawn.selectbox(key="models.task").select("detect").run()) == ["a"]
    assert names(drawn.selectbox(key="models.task").select("").run()) == ["a", "b"]
    assert names(drawn.selectbox(key="models.access").select("premium").run()) == ["a"]
    assert names(drawn.selectbox(key="models.access").select("").run()) == ["a", "b"]
    assert names(drawn.selectbox(key="models.owner").select("the-owner").run()) == ["a"]
    assert names(drawn.selectbox(key="models.state").select(True).run()) == []
    other = _draw(_listed, people["user"])
    assert names(other.text_input(key="models.search").input(unique).run()) == ["b"]


def test_a_move_elsewhere_to_what_cannot_be_served_is_warned_of(
    rooms: Platform, people: dict[str, Actor], shared: str
) -> None:
    owner, picture = people["owner"], np.zeros((64, 64, 3), np.uint8)
    assert rooms.serving.predict(owner, picture, model=shared).version.version == 2
    assert not _draw(_detail, owner, shared, tab="Versions").warning
    rooms.models.set_alias(owner, shared, CHAMPION, 3)  # as another process or MLflow's own interface would
    deadline = time.monotonic() + PATIENCE_S
    while not any(line.problem for (name, _), line in rooms.serving.swaps().items() if name == shared):
        assert time.monotonic() < deadline
        rooms.serving.predict(owner, picture, model=shared)
    [said] = [box.value for box in _draw(_detail, owner, shared, tab="Versions").warning]
    assert said.startswith("Version 2 answers: version 3, which MLflow names, cannot be served. ")
    assert said.endswith(" Promote version 2 to have both agree, or repair version 3.")
    [stray] = rooms.serving.strays(rooms.models.get(owner, shared))
    assert (stray.alias, stray.named, stray.answers) == (CHAMPION, 3, 2)
    assert rooms.models.get(owner, shared).aliases[CHAMPION] == stray.named
    assert rooms.serving.predict(owner, picture, model=shared).version.version == stray.answers
    rooms.serving.move_alias(owner, shared, CHAMPION, 1)
    assert not _draw(_detail, owner, shared, tab="Versions").warning
    assert not rooms.serving.strays(rooms.models.get(owner, shared))


def test_an_upload_whose_alias_stayed_says_so_beside_its_success(
    rooms: Platform, people: dict[str, Actor], shared: str
) -> None:
    owner, blue = people["owner"], np.zeros((64, 64, 3), np.uint8)
    blue[:8, :8] = (255, 0, 0)
    rooms.serving.predict(owner, blue, model=shared)
    short = BLOB_NMS_CARD.model_copy(update={"labels": ("red",)})  # it names an unknown class on blue
    for card, warned in ((short, True), (BLOB_NMS_CARD, False)):
        sent = rooms.uploads.start(owner, [blob_detector_with_nms()], Wanted(shared, card))
        [thread] = [each for each in threading.enumerate() if each.name == "upload"]
        thread.join(240)
        drawn = _draw(_intake, owner, sent.id)
        assert not drawn.exception
        assert "is registered" in drawn.success[0].value
        assert [("champion stays where it is" in box.value) for box in drawn.warning] == [True] * warned
    assert rooms.models.get(owner, shared).aliases == {CHAMPION: 5}


def _outlined(*classes: str, boxes_only: bool = False) -> bytes:
    """Four pictures with an object each, outlined or boxed, two of them to learn from, as YOLO in a zip archive."""
    packed = io.BytesIO()
    row = "0.5 0.5 0.4 0.4" if boxes_only else "0.3 0.3 0.7 0.3 0.7 0.7 0.3 0.7"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("data.yaml", f"names: [{', '.join(classes)}]\n")
        for number, split in enumerate(("train", "train", "val", "test")):
            noise = np.random.default_rng(number).integers(0, 255, (32, 32, 3), np.uint8)
            archive.writestr(f"images/{split}/{number}.png", encode_png(noise))
            archive.writestr(f"labels/{split}/{number}.txt", f"0 {row}\n")
    return packed.getvalue()


def test_the_optimise_tab_offers_the_datasets_that_can_judge_a_model(
    rooms: Platform, people: dict[str, Actor], unique: str
) -> None:
    require_package("dvc", "train")
    owner, first = people["owner"], COLOURS[0]
    sent = {
        "outlines": _outlined(first),
        "boxes": _outlined(first, boxes_only=True),
        "others": _outlined("an unknown class"),
    }
    for name, archive in sent.items():
        rooms.dataset_changes.receive(owner, iter([archive]), NewVersion(f"{name}-{unique}"))
    offered = {}
    for kind, card, model in (("segment", BLOB_SEGMENT_CARD, blob_segmenter()), ("detect", BLOB_CARD, blob_detector())):
        rooms.models.publish(owner, Draft(f"{unique}-{kind}", {MODEL_FILE: model}, card, alias=CHAMPION))
        drawn = _draw(_detail, owner, f"{unique}-{kind}", tab="Optimise")
        assert not drawn.exception
        [choice] = [each for each in drawn.selectbox if each.label == "Dataset"]
        offered[kind] = {each for each in choice.options if unique in each}
    assert offered["segment"] == {f"outlines-{unique}, version 1"}
    assert offered["detect"] == {f"outlines-{unique}, version 1", f"boxes-{unique}, version 1"}

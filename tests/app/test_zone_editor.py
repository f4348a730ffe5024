"""The editor of zones, lines and rules on a camera's page."""

from collections.abc import Iterator
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from registry.access.actor import local_actor
from registry.cameras.asked import NewCamera
from registry.cameras.view import CameraView
from registry.models.publish import Draft
from registry.models.types import CHAMPION
from registry.records import Role, User
from registry.testing import onnx_models as tiny
from tests.app.conftest import Pages

LIVE, ZONES = ":material/videocam: Live", ":material/pentagon: Zones and rules"
TRIANGLE = [(0.1, 0.1), (0.6, 0.1), (0.6, 0.8)]
DOOR = {"name": "door", "points": [[0.1, 0.1], [0.6, 0.1], [0.6, 0.8]]}


def cameras() -> None:  # a script of its own: what it uses it imports
    from app.pages import cameras
    from app.ui.states import error_box
    from registry.errors import RegistryError

    try:
        cameras.draw()
    except RegistryError as error:
        error_box(error)


@pytest.fixture(scope="module")
def people(pages: Pages) -> dict[Role, User]:
    return {role: pages.person(role) for role in (Role.ENGINEER,)}


@pytest.fixture(autouse=True)
def nothing_left(pages: Pages) -> Iterator[None]:
    """Every test begins without cameras."""
    yield
    for camera in pages.platform.cameras.page(local_actor())[0]:
        pages.platform.cameras.delete(local_actor(), camera.id)


def add(pages: Pages, **fields: Any) -> CameraView:
    asked = NewCamera.model_validate({"name": "Gate", "url": "rtsp://10.0.0.7/live", "start": False} | fields)
    return pages.platform.cameras.create(local_actor(), asked)


def look(drawn: AppTest, view: str) -> None:
    drawn.segmented_control(key="camera.view").set_value(view).run()


def said(drawn: AppTest) -> str:
    return (
        " ".join(str(each.value) for each in (*drawn.error, *drawn.warning, *drawn.markdown))
        .replace("\\", "")
        .replace("\u2060", "")
    )


SHAPES = {
    "fits": ([(0.1, 0.1), (0.6, 0.1), (0.6, 0.8)], "door", ""),
    "crosses itself": ([(0.1, 0.1), (0.6, 0.8), (0.6, 0.1), (0.1, 0.8)], "door", "neither cross nor touch"),
    "no name": ([(0.1, 0.1), (0.6, 0.1), (0.6, 0.8)], "", "at least 1 character"),
}


@pytest.mark.parametrize("case", SHAPES)
def test_a_zone_is_drawn_and_saved_and_a_wrong_one_is_told_beside_its_name(
    pages: Pages, people: dict[Role, User], case: str
) -> None:
    points, name, refusal = SHAPES[case]
    camera = add(pages)
    drawn = pages.draw(cameras, people[Role.ENGINEER], camera=camera.id)
    look(drawn, ZONES)
    drawn.session_state["zones.drafts"][camera.id].points = list(points)
    drawn.run()
    drawn.text_input(key="zones.name.0").set_value(name)
    drawn.button(key="zones.add").click().run()
    assert refusal in said(drawn)
    if refusal:
        assert drawn.button(key="zones.save").disabled
        drawn.button(key="zones.clear").click().run()
        assert refusal not in said(drawn)
        return
    drawn.button(key="zones.save").click().run()
    stored = pages.platform.cameras.get(local_actor(), camera.id).record
    assert [zone["name"] for zone in stored.analysis["zones"]] == ["door"]
    assert drawn.button(key="zones.save").disabled


def test_what_is_not_saved_waits_and_says_so_while_its_person_looks_elsewhere(
    pages: Pages, people: dict[Role, User]
) -> None:
    gate, yard = add(pages), add(pages, name="Yard")
    drawn = pages.draw(cameras, people[Role.ENGINEER], camera=gate.id)
    look(drawn, ZONES)
    drawn.session_state["zones.drafts"][gate.id].points = list(TRIANGLE)
    drawn.run()
    drawn.text_input(key="zones.name.0").set_value("door")
    drawn.button(key="zones.add").click().run()
    look(drawn, LIVE)
    assert "changes that are not saved" in said(drawn)
    drawn.query_params["camera"] = yard.id
    drawn.run()
    assert "changes that are not saved" not in said(drawn)
    look(drawn, ZONES)
    drawn.query_params["camera"] = gate.id
    drawn.run()
    drawn.button(key="zones.save").click().run()
    assert [zone["name"] for zone in stored(pages, gate)["zones"]] == ["door"]
    look(drawn, LIVE)
    assert "changes that are not saved" not in said(drawn)


def test_how_many_looks_a_zone_or_a_line_takes_is_set_beside_it(pages: Pages, people: dict[Role, User]) -> None:
    line = {"name": "way", "start": [0.1, 0.5], "end": [0.9, 0.5]}
    camera = add(pages, analysis={"zones": [DOOR], "lines": [line]})
    drawn = pages.draw(cameras, people[Role.ENGINEER], camera=camera.id)
    look(drawn, ZONES)
    for key, before in (("zones.zone.0.door", 3), ("zones.line.0.way", 2)):
        assert drawn.number_input(key=f"{key}.inertia").value == before
        drawn.number_input(key=f"{key}.inertia").set_value(7)
        drawn.button(key=f"{key}.apply").click().run()
    drawn.button(key="zones.save").click().run()
    after = stored(pages, camera)
    assert (after["zones"][0]["inertia"], after["lines"][0]["inertia"]) == (7, 7)


def test_a_class_that_the_model_does_not_know_is_told_beside_its_rule(pages: Pages, people: dict[Role, User]) -> None:
    pages.platform.models.publish(
        local_actor(), Draft("blobs", {"model.onnx": tiny.blob_detector()}, tiny.BLOB_CARD, alias=CHAMPION)
    )
    known = tiny.BLOB_CARD.labels[0]
    rules = [{"name": "typo", "labels": ["blobb"]}, {"name": "fine", "labels": [known]}]
    camera = add(pages, model="blobs", analysis={"rules": rules})  # taken: another version may know it
    drawn = pages.draw(cameras, people[Role.ENGINEER], camera=camera.id)
    look(drawn, ZONES)
    assert said(drawn).count("The model knows no") == 1
    assert "The model knows no blobb" in said(drawn)
    drawn.button(key="zones.rule.0").click().run()
    assert any("The model knows no blobb" in each.value for each in drawn.warning)


def stored(pages: Pages, camera: CameraView) -> dict[str, Any]:
    return pages.platform.cameras.get(local_actor(), camera.id).record.analysis

"""The Gallery page: enrolling with several pictures, identifying, forgetting; each person's own."""

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from registry.access.actor import local_actor, of_user
from registry.models.publish import Draft
from registry.models.types import CHAMPION
from registry.records import Role
from registry.testing import onnx_models as tiny
from registry.vision.encoding import encode_png
from tests.app.conftest import Pages

BROKEN = ("broken.jpg", b"\xff\xd8\xff nothing", "image/jpeg")


def page() -> None:  # a script of its own: what it uses it imports
    from app.pages import gallery
    from app.ui.states import error_box
    from registry.errors import RegistryError

    try:
        gallery.draw()
    except RegistryError as error:
        error_box(error)


def colour(name: str, rgb: tuple[int, int, int]) -> tuple[str, bytes, str]:
    return name, encode_png(np.full((24, 40, 3), rgb, np.uint8)), "image/png"


RED, DARK_RED, BLUE = colour("red.png", (200, 10, 20)), colour("dark.png", (90, 5, 9)), colour("blue.png", (5, 40, 220))


@pytest.mark.parametrize(
    ("role", "told", "leads_on"), [(Role.ENGINEER, "catalogue", True), (Role.USER, "engineer", False)]
)
def test_without_a_model_that_embeds_the_page_says_what_to_do(
    pages: Pages, role: Role, told: str, leads_on: bool
) -> None:
    drawn = pages.draw(page, pages.person(role))
    assert told in said(drawn)
    assert ("gallery.add_model" in [each.key for each in drawn.button]) is leads_on


@pytest.fixture(scope="module")
def embedder(pages: Pages) -> str:
    draft = Draft("page-embedder", {"model.onnx": tiny.colour_embedder()}, tiny.COLOUR_EMBED_CARD, alias=CHAMPION)
    pages.platform.models.publish(local_actor(), draft)
    return draft.name


def enrol(drawn: AppTest, label: str, *files: tuple[str, bytes, str]) -> AppTest:
    turn = drawn.session_state.get("gallery.enrol_turn", 0)
    drawn.text_input(key=f"gallery.label.{turn}").set_value(label)
    drawn.file_uploader(key=f"gallery.enrol.{turn}.files").set_value(list(files)).run()
    return drawn.button(key="gallery.enrol").click().run()


def said(drawn: AppTest) -> str:
    return " ".join(each.value for each in [*drawn.markdown, *drawn.error])


@pytest.mark.parametrize("role", list(Role))
def test_every_role_enrols_and_finds_again(pages: Pages, embedder: str, role: Role) -> None:
    drawn = pages.draw(page, pages.person(role), model=embedder)
    assert "Nobody yet" in said(drawn)
    drawn = enrol(drawn, "Ruby", RED, DARK_RED)
    drawn = enrol(drawn, "Azure", BLUE)
    assert not drawn.exception
    assert "2 identities" in said(drawn)
    drawn.segmented_control(key="gallery.identify.source").set_value("files").run()
    drawn.file_uploader(key="gallery.identify.files").set_value([colour("new.png", (150, 12, 16)), BROKEN]).run()
    drawn = drawn.button(key="gallery.identify").click().run()
    best = drawn.get("progress")[0].proto.text
    assert best.startswith("Ruby")
    assert "broken\\.jpg" in said(drawn)


def test_a_picture_that_cannot_be_read_is_named_and_the_rest_is_enrolled(pages: Pages, embedder: str) -> None:
    fay = pages.person(Role.USER)
    drawn = enrol(pages.draw(page, fay, model=embedder), "Ruby", RED, BROKEN)
    assert "broken\\.jpg" in said(drawn)
    assert pages.platform.gallery.entries(of_user(fay, "session"))[1] == 1


def test_a_name_is_asked_for(pages: Pages, embedder: str) -> None:
    fay = pages.person(Role.USER)
    drawn = enrol(pages.draw(page, fay, model=embedder), "  ", RED)
    assert "1 to 120 characters" in said(drawn)
    assert pages.platform.gallery.entries(of_user(fay, "session"))[1] == 0


def test_an_identity_is_deleted_after_a_question_and_nobody_else_sees_it(pages: Pages, embedder: str) -> None:
    fay = pages.person(Role.USER)
    drawn = enrol(pages.draw(page, fay, model=embedder), "Ruby", RED, DARK_RED)
    assert "Ruby" not in said(pages.draw(page, pages.person(Role.ADMIN), model=embedder))
    key = f"gallery.forget.default.Ruby.{embedder} version 1"
    drawn = drawn.button(key=key).click().run()
    assert pages.platform.gallery.entries(of_user(fay, "session"))[1] == 2
    drawn = drawn.button(key=f"{key}.really").click().run()
    assert pages.platform.gallery.entries(of_user(fay, "session"))[1] == 0
    assert "Nobody yet" in said(drawn)


def test_a_new_gallery_begins_with_its_first_entry(pages: Pages, embedder: str) -> None:
    fay = pages.person(Role.USER)
    drawn = pages.draw(page, fay, model=embedder)
    which = next(each for each in drawn.selectbox if each.label == "Gallery")
    drawn = which.select("\0new").run()
    drawn.text_input(key="gallery.new").set_value("line 3").run()
    drawn = enrol(drawn, "Ruby", RED)
    assert "is not a gallery" in said(drawn)
    drawn.text_input(key="gallery.new").set_value("line-3").run()
    drawn = drawn.button(key="gallery.enrol").click().run()
    assert not drawn.exception
    assert [each.gallery for each in pages.platform.gallery.galleries(of_user(fay, "session"))] == ["line-3"]
    assert "Ruby" in said(drawn)


def test_a_stranger_gets_nothing(pages: Pages) -> None:
    drawn = pages.draw(page, None)
    assert "signed\\-in" in said(drawn)
    assert not drawn.button

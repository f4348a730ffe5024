"""The Inference page: who may use what, several pictures, sliders without another run, comparison, history."""

import numpy as np
import pytest
from sqlmodel import select
from streamlit.testing.v1 import AppTest

from app.ui.marker import Mark, _mark
from app.ui.prompting import _Marks
from registry.access.actor import local_actor, of_user
from registry.models.files import sha256_of
from registry.models.publish import Draft
from registry.models.types import CHAMPION
from registry.records import InferenceResult, Role
from registry.runtime.card import ModelCard, Thresholds
from registry.runtime.prompts import MOST_PROMPTS
from registry.testing import onnx_models as tiny
from registry.testing.prompt_models import PROMPT_CARD, colour_decoder, colour_encoder
from registry.vision.encoding import encode_png
from tests.app.conftest import Pages

BLACK = encode_png(np.zeros((64, 64, 3), np.uint8))
PAIR = {"encoder.onnx": colour_encoder(), "decoder.onnx": colour_decoder()}


def page() -> None:  # a script of its own: what it uses it imports
    from app.pages import inference
    from app.ui.states import error_box
    from registry.errors import RegistryError

    try:
        inference.draw()
    except RegistryError as error:
        error_box(error)


def png(seed: int) -> bytes:
    cells = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), np.uint8)
    return encode_png(cells.repeat(8, axis=0).repeat(8, axis=1))


def publish(pages: Pages, name: str, card: ModelCard, files: dict[str, bytes], level: str = "authenticated") -> str:
    draft = Draft(name, files, card, access_level=level, alias=CHAMPION)
    pages.platform.models.publish(local_actor(), draft)
    return name


@pytest.fixture
def detector(pages: Pages, unique: str) -> str:
    """Two versions: the second and champion asks for more confidence."""
    publish(pages, unique, tiny.BLOB_CARD, {"model.onnx": tiny.blob_detector()})
    stricter = tiny.BLOB_CARD.model_copy(update={"thresholds": Thresholds(confidence=0.8)})
    return publish(pages, unique, stricter, {"model.onnx": tiny.blob_detector()})


def upload(drawn: AppTest, *files: tuple[str, bytes]) -> AppTest:
    drawn.segmented_control(key="picture.source").set_value("files").run()
    sent = [(name, data, "image/png") for name, data in files]
    return drawn.file_uploader(key="picture.files").set_value(sent).run()


def run(drawn: AppTest) -> AppTest:
    return drawn.button(key="inference.run").click().run()


def runs(pages: Pages) -> float:
    samples = [each for metric in pages.platform.serving.metrics.runs.collect() for each in metric.samples]
    return sum(each.value for each in samples if each.name.endswith("_total"))


def metric(drawn: AppTest, label: str) -> str:
    [found] = [each.value for each in drawn.metric if each.label == label]
    return str(found)


def errors(drawn: AppTest) -> str:
    return " ".join(each.value for each in drawn.error)


@pytest.mark.parametrize("role", list(Role))
def test_every_role_may_run_what_it_may_see(pages: Pages, detector: str, role: Role) -> None:
    hidden = publish(pages, f"{detector}-x", tiny.BLOB_CARD, {"model.onnx": tiny.blob_detector()}, "private")
    drawn = pages.draw(page, pages.person(role), model=detector)
    assert not drawn.exception
    offered = drawn.selectbox(key=f"inference.model.{detector}").options
    assert any(each.startswith(f"{detector} ") for each in offered)
    assert any(each.startswith(f"{hidden} ") for each in offered) == (role is Role.ADMIN)
    drawn = run(upload(drawn, ("a.png", png(1))))
    assert not drawn.exception
    assert int(metric(drawn, "Objects")) > 0


def test_a_stranger_gets_nothing(pages: Pages) -> None:
    drawn = pages.draw(page, None)
    assert "signed\\-in" in errors(drawn)
    assert not drawn.button


def test_a_model_withdrawn_meanwhile_is_refused_and_nothing_is_kept(pages: Pages, detector: str) -> None:
    fay = pages.person(Role.USER)
    drawn = upload(pages.draw(page, fay, model=detector), ("a.png", png(1)))
    pages.platform.model_changes.update(local_actor(), detector, access_level="private")
    with pytest.MonkeyPatch.context() as patch:  # the list was drawn before; the press comes after
        listed = pages.platform.models.list(local_actor(), size=500)
        patch.setattr(pages.platform.models, "list", lambda *_args, **_named: listed)
        drawn = run(drawn)
    assert "may not see it" in errors(drawn)
    assert pages.platform.history.page(of_user(fay, "session")) == ([], 0)


def test_several_pictures_have_a_result_each_and_a_broken_one_is_named(pages: Pages, detector: str) -> None:
    drawn = pages.draw(page, pages.person(Role.USER), model=detector)
    files = (("a.png", png(1)), ("broken *.jpg", b"\xff\xd8\xff nothing"), ("c.png", BLACK))
    drawn = run(upload(drawn, *files))
    assert "broken \\*\\.jpg" in errors(drawn)
    assert "Send a complete JPEG" in errors(drawn), "what to do about it"
    assert any("1 of 2" in each.value for each in drawn.markdown)
    assert metric(drawn, "Objects") != "0"
    drawn = drawn.button(key="inference.picture.next").click().run()
    assert any(each.value == "**c\\.png**" for each in drawn.markdown)
    assert metric(drawn, "Objects") == "0"
    assert {each.label for each in drawn.download_button} == {"JSON", "CSV", "PNG", "JPEG", "All as ZIP"}


def test_too_many_pictures_are_refused_before_anything_runs(pages: Pages, detector: str) -> None:
    drawn = upload(pages.draw(page, pages.person(Role.USER), model=detector), *[("a.png", png(1))] * 21)
    assert "at most 20" in drawn.warning[0].value
    assert drawn.button(key="inference.run").disabled


def test_sliders_read_the_run_again_and_the_model_rests(pages: Pages, detector: str) -> None:
    fay = pages.person(Role.USER)
    drawn = run(upload(pages.draw(page, fay, model=detector), ("a.png", png(1))))
    before, counts = runs(pages), []
    sliders = {each.label: each for each in drawn.slider}
    assert (sliders["Confidence"].value, sliders["Confidence"].min) == (0.8, 0.01)
    for confidence in (0.01, 0.5, 0.95):
        drawn = next(each for each in drawn.slider if each.label == "Confidence").set_value(confidence).run()
        asked = pages.platform.serving.keep_run(of_user(fay, "session"), png(1), model=detector).answer(confidence)
        counts.append(int(metric(drawn, "Objects")))
        assert counts[-1] == len(asked.prediction.detections)
    assert runs(pages) == before + 3, "only the three runs of this test itself"
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[1]
    drawn = next(each for each in drawn.slider if each.label == "Confidence").set_value(0.01).run()
    drawn = next(each for each in drawn.slider if each.label == "Most objects").set_value(3).run()
    assert metric(drawn, "Objects") == "3"


def test_two_versions_are_compared(pages: Pages, detector: str) -> None:
    drawn = pages.draw(page, pages.person(Role.USER), model=detector)
    drawn = upload(drawn, ("a.png", png(1)))
    drawn = drawn.toggle(key="inference.compare").set_value(True).run()
    chosen = drawn.selectbox(key=f"inference.second.which.{detector}")
    assert chosen.value == 1, "begins with another version than the first"
    drawn = run(drawn)
    for mode in ("overlay", "blink", "side"):
        drawn = drawn.segmented_control(key="inference.mode").set_value(mode).run()
        assert not drawn.exception
        assert any("found by both" in each.value for each in drawn.markdown)
    assert [tab.label for tab in drawn.tabs] == [
        f"{name} v{n}".replace("-", "\\-") for name, n in ((detector, 2), (detector, 1))
    ]


def test_what_was_answered_is_in_the_history_of_its_owner_alone(pages: Pages, detector: str) -> None:
    fay = pages.person(Role.USER)
    run(upload(pages.draw(page, fay, model=detector), ("a.png", png(1)), ("b.png", png(2))))
    drawn = pages.draw(page, fay, view="history")
    kept, _ = pages.platform.history.page(of_user(fay, "session"))
    assert [each.image_name for each in kept] == ["b.png", "a.png"]
    opened = drawn.button(key=f"history.open.{kept[0].id}").click().run()
    assert opened.title[0].value == "b\\.png"
    stranger = pages.draw(page, pages.person(Role.ADMIN), view="history", result=kept[0].id)
    assert "has no result" in errors(stranger)
    for key in ("forget." + kept[0].id, "forget." + kept[0].id + ".really"):
        opened = opened.button(key=f"history.{key}").click().run()
    assert pages.platform.history.page(of_user(fay, "session"))[1] == 1
    drawn = pages.draw(page, fay, view="history")
    for key in ("clear", "clear.really"):
        drawn = drawn.button(key=f"history.{key}").click().run()
    assert pages.platform.history.page(of_user(fay, "session")) == ([], 0)


@pytest.mark.parametrize(
    ("card", "model", "labels"),
    [
        (tiny.BLOB_NMS_CARD, tiny.blob_detector_with_nms(), {"Confidence", "Most objects"}),
        (tiny.BLOB_SEGMENT_CARD, tiny.blob_segmenter(), {"Confidence", "Overlap (IoU)", "Most objects"}),
        (tiny.BLOB_POSE_CARD, tiny.blob_poser(), {"Confidence", "Overlap (IoU)", "Most objects"}),
        (tiny.COLOUR_CARD, tiny.colour_classifier(), {"Confidence", "Classes"}),
        (tiny.COLOUR_EMBED_CARD, tiny.colour_embedder(), set()),
    ],
    ids=["yolo-nms", "segment", "pose", "classify", "embed"],
)
def test_every_task_is_shown_with_the_sliders_that_play_a_part(
    pages: Pages, unique: str, card: ModelCard, model: bytes, labels: set[str]
) -> None:
    publish(pages, unique, card, {"model.onnx": model})
    drawn = run(upload(pages.draw(page, pages.person(Role.USER), model=unique), ("a.png", png(1))))
    assert not drawn.exception
    assert not drawn.error
    assert {each.label for each in drawn.slider} == labels


class TestPrompts:
    @pytest.fixture
    def drawn(self, pages: Pages, unique: str) -> AppTest:
        publish(pages, unique, PROMPT_CARD, PAIR)
        return upload(pages.draw(page, pages.person(Role.USER), model=unique), ("a.png", png(1)))

    def kept(self, pages: Pages, drawn: AppTest) -> list[str]:
        with pages.platform.database.read() as session:
            mine = select(InferenceResult.summary).where(InferenceResult.owner_id == drawn.user["id"])
            return list(session.exec(mine))

    def test_without_a_mark_the_page_says_what_to_do(self, drawn: AppTest) -> None:
        assert any("Mark an object" in each.value for each in drawn.subheader)
        assert drawn.button(key="prompting.undo").disabled
        assert all(each.key != "inference.run" for each in drawn.button)

    def test_marks_are_answered_taken_back_and_kept_on_demand(self, drawn: AppTest, pages: Pages) -> None:
        marks = _Marks()
        marks.add(Mark(1, point=(20, 12, True)), beside=False)
        marks.add(Mark(2, box_xyxy=(8, 8, 40, 40)), beside=False)
        drawn.session_state["prompting.marks"] = (sha256_of(png(1)), marks)
        drawn = drawn.run()
        assert not drawn.exception
        assert any("2 objects" in each.value for each in drawn.subheader)
        drawn = drawn.button(key="prompting.undo").click().run()
        assert any("1 object" in each.value for each in drawn.subheader)
        assert not self.kept(pages, drawn), "a mark is not worth an entry: one is made when asked for"
        drawn = drawn.button(key="prompting.keep").click().run()
        assert self.kept(pages, drawn) == ["1 object"]
        drawn = drawn.button(key="prompting.clear").click().run()
        assert any("Mark an object" in each.value for each in drawn.subheader)

    def test_a_click_beside_alone_asks_nothing(self) -> None:
        marks = _Marks()
        marks.add(Mark(1, point=(20, 12, True)), beside=True)
        assert marks.prompts() is None
        marks.add(Mark(2, point=(21, 12, True)), beside=False)
        marks.add(Mark(3, point=(22, 12, False)), beside=False)
        assert [point[2] for point in marks.prompts().points] == [0, 1, 0]

    def test_a_mark_is_taken_in_once(self) -> None:
        marks = _Marks()
        assert marks.add(Mark(5, point=(20, 12, True)), beside=False)
        assert not marks.add(Mark(5, point=(20, 12, True)), beside=False)
        assert not marks.add(None, beside=False)
        assert len(marks.made) == 1

    def test_no_more_marks_are_taken_than_a_prompt_may_hold(self) -> None:
        marks = _Marks()
        for at in range(1, MOST_PROMPTS + 5):
            marks.add(Mark(at, point=(1, 1, True)), beside=False)
        assert len(marks.prompts().points) == MOST_PROMPTS


@pytest.mark.parametrize(
    ("sent", "mark"),
    [
        ({"point": [3, 4.5, 1]}, Mark(7, point=(3, 4.5, True))),
        ({"point": [0, 20, 0]}, Mark(7, point=(0, 20, False))),
        ({"box": [1, 2, 30, 20]}, Mark(7, box_xyxy=(1, 2, 30, 20))),
        ({"box": [30, 2, 1, 20]}, None),
        ({"box": [1, 2, 31, 20]}, None),
        ({"point": [31, 4, 1]}, None),
        ({"point": [float("nan"), 4, 1]}, None),
        ({"point": ["1", 4, 1]}, None),
        ({"point": [1, 4]}, None),
        ({"box": [1, 2]}, None),
        ({}, None),
        ("point", None),
        (None, None),
    ],
)
def test_only_marks_within_the_picture_are_believed(sent: object, mark: Mark | None) -> None:
    state = {"mark": {**sent, "at": 7} if isinstance(sent, dict) else sent}
    assert _mark(state, (30, 20)) == mark

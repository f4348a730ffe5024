"""The form that starts the analysis of a video: what is asked in vain is told on the page."""

import json

import pytest

from registry.access.actor import local_actor
from registry.models.publish import Draft
from registry.models.types import CHAMPION
from registry.records import Role
from registry.testing import onnx_models as tiny
from registry.testing.odd_videos import tiny_video
from tests.app.conftest import Pages

SQUARE = [[0, 0], [1, 0], [1, 1]]


def page() -> None:  # a script of its own: what it uses it imports
    from app.ui import video_form
    from app.ui.session import required
    from registry.access import Action

    video_form.draw(required(Action.READ_JOB))


@pytest.mark.parametrize(
    ("places", "told"),
    [
        ({"zones": [{"name": f"z{number}", "polygon": SQUARE} for number in range(17)]}, "at most 16"),
        ({"lines": [{"name": f"l{number}", "start": [0, 0], "end": [1, 1]} for number in range(17)]}, "at most 16"),
        ({"zones": [{"name": "", "polygon": SQUARE}]}, "at least 1"),
        ({"zones": 7}, "zones"),
    ],
    ids=["zones", "lines", "no name", "no list"],
)
def test_places_that_cannot_be_are_told(pages: Pages, unique: str, places: object, told: str) -> None:
    draft = Draft(unique, {"model.onnx": tiny.blob_detector()}, tiny.BLOB_CARD, alias=CHAMPION)
    pages.platform.models.publish(local_actor(), draft)
    drawn = pages.draw(page, pages.person(Role.USER))
    drawn.file_uploader(key="video.file").set_value(("a.mp4", tiny_video(), "video/mp4"))
    drawn.text_area(key="video.places").set_value(json.dumps(places))
    drawn.button[0].click().run()
    assert not drawn.exception
    assert told in str([each.value for each in (*drawn.error, *drawn.markdown)])
    assert pages.platform.jobs.page(local_actor()) == ([], 0)

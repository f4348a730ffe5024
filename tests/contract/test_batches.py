"""What a batch over HTTP takes: how many files, and which fields."""

import httpx
import numpy as np
import pytest

from registry.records import Role
from registry.vision.encoding import encode_png
from tests.contract.conftest import House, refusal


def _send(house: House, model: str, count: int) -> httpx.Response:
    pictures = [encode_png(np.full((8, 8, 3), level, np.uint8)) for level in range(count)]
    files = [("files", (f"{number}.png", data)) for number, data in enumerate(pictures)]
    headers = house.bearers[Role.USER]
    return house.client.post("/api/v1/inference/batch", files=files, data={"model": model}, headers=headers)


@pytest.mark.parametrize(("path", "file"), [("batch", "files"), ("predict", "file"), ("video", "file")])
def test_a_field_of_the_form_that_means_nothing_is_refused_by_name(house: House, path: str, file: str) -> None:
    picture = encode_png(np.zeros((8, 8, 3), np.uint8))
    answer = house.client.post(
        f"/api/v1/inference/{path}",
        files=[(file, ("a.png", picture))],
        data={"model": "any", "annotated": "true"},
        headers=house.bearers[Role.USER],
    )
    refusal(answer, 422, "invalid_input")
    assert "annotated: " in answer.json()["error"]["message"]


def test_a_hundred_files_are_taken_and_one_more_is_refused(house: House) -> None:
    model = house.model("batches-detector", house.actor(Role.ADMIN), "authenticated")
    taken = _send(house, model, 100)
    assert (taken.status_code, taken.json()["total"]) == (202, 100), taken.text
    before = set(house.platform.storage.keys("jobs/"))
    refused = _send(house, model, 101)
    refusal(refused, 422, "invalid_input")
    assert "101 files were sent, at most 100" in refused.json()["error"]["message"]
    assert set(house.platform.storage.keys("jobs/")) == before

"""How many files one batch over HTTP may have."""

import httpx
import numpy as np

from registry.records import Role
from registry.vision.encoding import encode_png
from tests.contract.conftest import House, refusal


def _send(house: House, model: str, count: int) -> httpx.Response:
    pictures = [encode_png(np.full((8, 8, 3), level, np.uint8)) for level in range(count)]
    files = [("files", (f"{number}.png", data)) for number, data in enumerate(pictures)]
    headers = house.bearers[Role.USER]
    return house.client.post("/api/v1/inference/batch", files=files, data={"model": model}, headers=headers)


def test_a_hundred_files_are_taken_and_one_more_is_refused(house: House) -> None:
    model = house.model("batches-detector", house.actor(Role.ADMIN), "authenticated")
    taken = _send(house, model, 100)
    assert (taken.status_code, taken.json()["total"]) == (202, 100), taken.text
    before = set(house.platform.storage.keys("jobs/"))
    refused = _send(house, model, 101)
    refusal(refused, 422, "invalid_input")
    assert "101 files were sent, at most 100" in refused.json()["error"]["message"]
    assert set(house.platform.storage.keys("jobs/")) == before

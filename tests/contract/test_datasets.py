"""Datasets over HTTP, as somebody uses them: import, look, divide, compare, export, delete."""

import io
import json
import zipfile
from pathlib import Path

import cv2
import httpx
import numpy as np

from registry.records import Role
from registry.settings import PROJECT_ROOT
from registry.training.datasets.sample import sample_id
from tests.contract.conftest import House, refusal

SAMPLES = PROJECT_ROOT / "data" / "samples"
BASE = "/api/v1/datasets"


def digits(*names: str) -> bytes:
    """The project's own sample pictures with their digits as COCO."""
    truth = json.loads((SAMPLES / "truth.json").read_text("utf-8"))
    images, boxes = [], []
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number, name in enumerate(names or sorted(truth)):
            archive.write(SAMPLES / name, f"images/{name}")
            images.append({"id": number, "file_name": name})
            for (x1, y1, x2, y2), label in zip(truth[name]["boxes"], truth[name]["labels"], strict=True):
                boxes.append({"image_id": number, "category_id": label, "bbox": [x1, y1, x2 - x1, y2 - y1]})
        categories = [{"id": digit, "name": str(digit)} for digit in range(10)]
        document = {"images": images, "annotations": boxes, "categories": categories}
        archive.writestr("annotations/instances_train.json", json.dumps(document))
    return out.getvalue()


def send(house: House, data: bytes, role: Role = Role.ENGINEER, key: str = "", **fields: str) -> httpx.Response:
    headers = house.bearers[role] | ({"Idempotency-Key": key} if key else {})
    return house.client.post(BASE, files={"file": ("any.zip", data)}, data=fields, headers=headers)


def test_an_import_may_be_a_job(house: House) -> None:
    files = {"file": ("digits.zip", digits())}
    sent = house.client.post(
        f"{BASE}/imports", files=files, data={"name": "of-a-job"}, headers=house.bearers[Role.ENGINEER]
    )
    assert sent.status_code == 202, sent.text
    job = sent.json()
    assert (job["kind"], job["state"], job["parameters"]["file"]) == ("import", "queued", "digits.zip")
    followed = house.client.get(sent.headers["location"], headers=house.bearers[Role.ENGINEER])
    assert followed.json()["id"] == job["id"]
    for place in ("", "/imports"):
        bad_plan = {"name": "of-a-job", "split": '{"train": 2}'}
        refused = house.client.post(f"{BASE}{place}", files=files, data=bad_plan, headers=house.bearers[Role.ENGINEER])
        refusal(refused, 422, "invalid_input")
    no_archive = {"file": ("digits.zip", b"no archive")}
    refused = house.client.post(
        f"{BASE}/imports", files=no_archive, data={"name": "none"}, headers=house.bearers[Role.ENGINEER]
    )
    refusal(refused, 422, "archive_invalid")


def get(house: House, path: str, role: Role = Role.ENGINEER, **query: object) -> httpx.Response:
    return house.client.get(f"{BASE}{path}", params=query, headers=house.bearers[role])  # type: ignore[arg-type]


def test_a_dataset_lives_over_http(house: House, tmp_path: Path) -> None:
    data = digits()
    first = send(house, data, name="digits", description="six scenes", key="order-1")
    assert first.status_code == 201, first.text
    body = first.json()
    assert (body["dataset"]["task"], body["version"]["version"], body["report"]["images"]) == ("detect", 1, 6)
    again = send(house, data, name="digits", description="six scenes", key="order-1")
    assert again.headers["idempotency-replayed"] == "true"
    same = send(house, data, name="digits", description="six scenes")
    assert (same.status_code, same.json()["version"], same.json()["report"]["equals_version"]) == (
        200,
        body["version"],
        1,
    )
    assert get(house, "/digits/versions").json()["total"] == 1

    listed = get(house, "/digits/versions/1/samples", split="train", label="7", size=2).json()
    assert len(listed["items"]) == min(listed["total"], 2)
    assert all("7" in {item["label"] for item in row["objects"]} for row in listed["items"])
    place = f"/digits/versions/1/samples/{sample_id('pagoda-1280.jpg')}"
    assert get(house, place).json()["file"] == "pagoda-1280.jpg"
    plain = get(house, f"{place}/image")
    assert (plain.headers["content-type"], plain.content) == ("image/jpeg", (SAMPLES / "pagoda-1280.jpg").read_bytes())
    drawn = cv2.imdecode(np.frombuffer(get(house, f"{place}/image", annotated=True, size=640).content, np.uint8), 1)
    assert drawn.shape == (360, 640, 3)

    figures = get(house, "/digits/versions/1/statistics").json()
    assert (figures["images"], figures["objects"]) == (6, body["version"]["objects"])

    divided = house.client.post(
        f"{BASE}/digits/versions/1/split", json={"seed": 1}, headers=house.bearers[Role.ENGINEER]
    ).json()
    assert (divided["version"], divided["parent"], sum(divided["splits"].values())) == (2, 1, 6)
    found = get(house, "/digits/diff", **{"from": 1, "to": 2}).json()
    assert (found["images_added"], found["images_removed"]) == (0, 0)
    assert found["images_changed"] == len(found["changed"])

    archive = get(house, "/digits/versions/2/export", format="yolo")
    assert archive.headers["content-type"] == "application/zip"
    names = zipfile.ZipFile(io.BytesIO(archive.content)).namelist()
    assert {"data.yaml", "samples.csv"} <= set(names)
    copied = send(house, archive.content, name="digits-copy").json()
    assert (copied["report"]["format"], copied["report"]["counts"]) == ("yolo", {})
    assert copied["version"]["sha256"] == divided["sha256"]  # the same annotations, to the last digit

    gone = house.client.delete(f"{BASE}/digits", headers=house.bearers[Role.ENGINEER])
    assert gone.status_code == 204
    refusal(get(house, "/digits"), 404, "dataset_not_found")


def test_what_cannot_be_used_is_refused_with_the_reason(house: House) -> None:
    evil = io.BytesIO()
    with zipfile.ZipFile(evil, "w") as archive:
        archive.writestr("../../evil.png", b"x")
    refused = refusal(send(house, evil.getvalue(), name="evil"), 422, "dataset_invalid")
    assert "leads out" in str(refused["message"])
    refusal(send(house, b"no zip", name="evil"), 422, "dataset_invalid")
    refusal(send(house, digits("paper-192.jpg"), name="../evil"), 422, "invalid_input")
    refusal(send(house, digits("paper-192.jpg"), name="x", split='{"train": 2}'), 422, "invalid_input")
    refusal(send(house, digits("paper-192.jpg"), name="x", task="dream"), 422, "invalid_input")
    refusal(get(house, "/evil"), 404, "dataset_not_found")


def test_what_is_asked_of_a_version_is_checked(house: House) -> None:
    assert send(house, digits("paper-192.jpg"), name="paper").status_code == 201
    refusal(get(house, "/paper/versions/9/samples"), 404, "version_not_found")
    refusal(get(house, "/paper/versions/1/samples", label="nothing"), 422, "invalid_input")
    refusal(get(house, "/paper/versions/1/samples", problem="nothing"), 422, "invalid_input")
    refusal(get(house, "/paper/versions/1/samples/none"), 404, "dataset_not_found")
    refusal(get(house, "/paper/versions/1/export", format="folders"), 422, "invalid_input")
    refusal(get(house, "/paper/versions/1/export", format="tar"), 422, "invalid_input")


def test_a_batch_reads_a_version_and_takes_one_source_alone(house: House, unique: str) -> None:
    send(house, digits("pagoda-1280.jpg"), name=unique)
    model = house.model(f"{unique}-model", house.actor(Role.ENGINEER), "authenticated")

    def start(role: Role = Role.ENGINEER, **fields: str) -> httpx.Response:
        data = {"model": model} | fields
        return house.client.post("/api/v1/inference/batch", data=data, headers=house.bearers[role])

    started = start(dataset=unique)
    assert started.status_code == 202, started.text
    assert (started.json()["parameters"]["source"], started.json()["total"]) == (f"dataset:{unique}/1", 1)
    assert start(dataset=f"{unique}/1").json()["id"] == started.json()["id"]
    kept = refusal(house.client.delete(f"{BASE}/{unique}", headers=house.bearers[Role.ENGINEER]), 409, "conflict")
    assert f"in use: batch job {started.json()['id'][:8]} of " in str(kept["message"])
    refusal(start(dataset=f"{unique}/9"), 404, "version_not_found")
    refusal(start(dataset="nobody-has-it"), 404, "dataset_not_found")
    refusal(start(dataset=unique, folder="/srv"), 422, "invalid_input")
    refusal(start(), 422, "invalid_input")

"""Videos over HTTP: both kinds of body, what is refused, and results in parts as a player asks for them."""

import json
import os
from typing import Any

import httpx
import pytest

from registry.jobs.files import JobFiles
from registry.records import Job, JobState, Role, jobs
from registry.storage import S3Storage
from registry.testing.odd_videos import tiny_video
from tests.contract.conftest import House, refusal
from tests.registry.s3_service import BUCKET, Service, cutting_wire

ZONES = [{"name": "gate", "polygon": [[0, 0], [1, 0], [1, 1]]}]


@pytest.fixture(scope="module")
def model(house: House) -> str:
    return house.model("videos-detector", house.actor(Role.ADMIN), "authenticated")


def _send(house: House, fields: dict[str, str], data: bytes = b"", name: str = "../a\u202e.mp4") -> httpx.Response:
    files = {"file": (name, data or tiny_video())}
    headers = house.bearers[Role.USER]
    return house.client.post("/api/v1/inference/video", files=files, data=fields, headers=headers)


def _ask(house: House, body: Any, role: Role = Role.ADMIN) -> httpx.Response:
    return house.client.post("/api/v1/inference/video", json=body, headers=house.bearers[role])


def test_a_sent_video_becomes_a_job_with_what_was_asked(house: House, model: str) -> None:
    fields = {"model": model, "zones": json.dumps(ZONES), "draw": '["boxes"]', "track": "false", "fps": "2.5"}
    answer = _send(house, fields)
    assert answer.status_code == 202, answer.text
    job = answer.json()
    assert (job["kind"], job["state"], answer.headers["location"]) == (
        "video", "queued", f"/api/v1/inference/jobs/{job['id']}",
    )  # fmt: skip
    told = job["parameters"]
    assert (told["name"], told["source"], told["version"]) == ("a\u202e.mp4".replace("\u202e", ""), "upload", 1)
    assert (told["zones"], told["draw"], told["track"], told["fps"]) == (ZONES, ["boxes"], False, 2.5)
    assert _send(house, fields).json()["id"] == job["id"]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"zones": "[{"}, "invalid_input"),
        ({"zones": '[{"name": "z", "polygon": [[0, 0], [2, 0], [1, 1]]}]'}, "zone_invalid"),
        ({"lines": '[{"name": "l", "start": [0, 0]}]'}, "invalid_input"),
        ({"lines": '[{"name": "l", "start": [0, 0], "end": [1, 1]}]', "track": "false"}, "zone_invalid"),
        ({"draw": '["moustaches"]'}, "invalid_input"),
        ({"every": "0"}, "invalid_input"),
        ({"fps": "nan"}, "invalid_input"),
        ({"confidence": "7"}, "invalid_input"),
        ({"colour": "red"}, "invalid_input"),
        ({"model": ""}, "invalid_input"),
    ],
)
def test_what_is_asked_out_of_bounds_is_refused(house: House, model: str, fields: dict[str, str], code: str) -> None:
    refusal(_send(house, {"model": model, **fields}), 422, code)


@pytest.mark.parametrize("data", [b"\x89PNG\r\n\x1a\n" + bytes(2_000), b"x", b"#EXTM3U\nfile:///etc/passwd\n" * 80])
def test_what_is_no_video_is_refused_and_not_kept(house: House, model: str, data: bytes) -> None:
    before = set(house.platform.storage.keys())
    refusal(_send(house, {"model": model}, data), 422, "video_unreadable")
    assert set(house.platform.storage.keys()) == before


def test_a_body_of_neither_kind_is_refused(house: House, model: str) -> None:
    for body in (
        [],
        "x",
        {"model": model},
        {"path": "/a.mp4"},
        {"model": model, "path": 7},
        {"model": model, "camera": "c"},
    ):
        assert _ask(house, body).status_code == 422
    headers = house.bearers[Role.USER] | {"content-type": "application/json"}
    for content in (b"{", b"\xff", b"[" * 100_000):
        answer = house.client.post("/api/v1/inference/video", content=content, headers=headers)
        assert answer.status_code == 422
    large = house.client.post("/api/v1/inference/video", content=b" " * (1 << 20), headers=headers)
    refusal(large, 413, "upload_too_large")
    without = house.client.post("/api/v1/inference/video", data={"model": model}, headers=house.bearers[Role.USER])
    refusal(without, 422, "invalid_input")


def test_a_file_on_the_server_has_to_lie_where_jobs_may_read(house: House, model: str) -> None:
    refusal(_ask(house, {"model": model, "path": "/etc/passwd"}), 404, "not_found")
    refusal(_ask(house, {"model": model, "path": "/etc/passwd"}, Role.USER), 403, "forbidden")


@pytest.fixture(scope="module")
def film(house: House, model: str) -> str:
    """The address of a result of 10 bytes."""
    job: str = _send(house, {"model": model, "every": "7"}).json()["id"]
    size = JobFiles(house.platform.storage, job).put("results", "0/annotated.mp4", b"0123456789")
    result = {"files": [{"name": "annotated.mp4", "key": "0/annotated.mp4", "size_bytes": size}]}
    with house.platform.database.write() as session:
        assert session.get(Job, job) is not None
        jobs.end(session, job, 0, JobState.SUCCEEDED, result=result)
    return f"/api/v1/inference/jobs/{job}/results/annotated.mp4"


@pytest.mark.parametrize(
    ("asked", "status", "content", "told"),
    [
        ("", 200, b"0123456789", None),
        ("bytes=0-", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
        ("bytes=8-99", 206, b"89", "bytes 8-9/10"),
        ("bytes=-3", 206, b"789", "bytes 7-9/10"),
        ("bytes=10-", 416, b"", "bytes */10"),
        ("bytes=5-2", 416, b"", "bytes */10"),
        ("bytes=-0", 416, b"", "bytes */10"),
        ("bytes=0-1,3-4", 200, b"0123456789", None),  # several parts: the whole
        ("lines=0-1", 200, b"0123456789", None),
    ],
)
def test_a_result_is_given_in_the_part_that_is_asked_for(
    house: House, film: str, asked: str, status: int, content: bytes, told: str | None
) -> None:
    headers = house.bearers[Role.USER] | ({"range": asked} if asked else {})
    answer = house.client.get(film, headers=headers)
    assert (answer.status_code, answer.headers.get("content-range")) == (status, told)
    if status != httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
        assert answer.content == content
        assert (answer.headers["content-type"], answer.headers["accept-ranges"]) == ("video/mp4", "bytes")
    refusal(house.client.get(film, headers=house.bearers[Role.OPERATOR]), 404, "job_not_found")


def test_of_a_result_in_a_bucket_no_more_than_about_the_part_is_fetched(
    house: House, film: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "of-tests")
    service, content, headers = Service(), os.urandom(12 << 20), house.bearers[Role.USER]
    service.start()
    try:
        httpx.put(f"{service.url}/{BUCKET}", timeout=60).raise_for_status()
        with cutting_wire(service.port, after=1 << 40) as (port, carried):
            bucket = S3Storage(BUCKET, endpoint=f"http://127.0.0.1:{port}")
            JobFiles(bucket, film.split("/")[5]).put("results", "0/annotated.mp4", content)
            monkeypatch.setattr(house.platform.jobs, "storage", bucket)
            answer = house.client.get(film, headers={**headers, "range": "bytes=7000000-7000999"})
            assert (answer.status_code, answer.content) == (206, content[7_000_000:7_001_000])
            assert sum(carried) < 1 << 20
            assert house.client.get(film, headers=headers).content == content
    finally:
        service.stop()

"""Recordings over HTTP: parts of films, hostile times, nothing left behind."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from registry.records import RecordingSegment, Role
from registry.testing.films import keep_recorded, recorded_film
from tests.contract.conftest import House, refusal

AT = datetime(2026, 6, 1, 8, tzinfo=UTC)


@pytest.fixture(scope="module")
def recording(house: House) -> RecordingSegment:
    """Two seconds of a camera that is gone."""
    file = house.platform.settings.recordings / "parts" / "1.mp4"
    file.parent.mkdir(parents=True)
    file.write_bytes(recorded_film())
    times = {"started_at": AT, "ended_at": AT + timedelta(seconds=2)}
    row = RecordingSegment(
        camera_id="parts", camera_name="parts", path="parts/1.mp4", size_bytes=1, codec="h264", **times
    )
    with house.platform.database.write() as session:
        session.add(row)
    return row


def _get(house: House, path: str, part: str = "", **asked: str) -> httpx.Response:
    headers = house.bearers[Role.OPERATOR] | ({"range": part} if part else {})
    return house.client.get(f"/api/v1{path}", params=asked, headers=headers)


def test_films_are_answered_in_parts_and_leave_no_file(house: House, recording: RecordingSegment) -> None:
    span = {"from": AT.isoformat(), "to": (AT + timedelta(seconds=1)).isoformat()}
    for path, asked in ((f"/recordings/{recording.id}", {}), ("/cameras/parts/recording", span)):
        whole = _get(house, path, **asked)
        assert whole.status_code == 200, whole.text
        size = len(whole.content)
        for part, status, content in (
            ("bytes=4-7", 206, whole.content[4:8]),
            (f"bytes={size}-", 416, b""),
            ("bytes=x-y", 200, whole.content),
            ("pages=1-2", 200, whole.content),
        ):
            answer = _get(house, path, part, **asked)
            assert (answer.status_code, answer.content) == (status, content), (path, part)
    scratch = house.platform.settings.recordings / ".scratch"
    assert [each for each in scratch.rglob("*") if each.is_file()] == []


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        ("2026-06-01T08:00:00Z", "9999-12-31T23:59:30Z"),
        ("0001-01-01T00:00:00+14:00", "2026-06-01T08:00:00Z"),
        ("9999-12-31T23:59:30-14:00", "9999-12-31T23:59:31-14:00"),
    ],
)
def test_times_that_nobody_can_reckon_with_are_refused(house: House, begin: str, end: str) -> None:
    for path in ("/recordings", "/cameras/parts/recording"):
        refusal(_get(house, path, **{"from": begin, "to": end}), 422, "invalid_input")
    body = {"model": "none", "camera": "parts", "from": begin, "to": end}
    answer = house.client.post("/api/v1/inference/video", json=body, headers=house.bearers[Role.OPERATOR])
    refusal(answer, 422, "invalid_input")


def test_a_recording_says_nothing_of_hosts_and_paths(house: House, recording: RecordingSegment) -> None:
    (told,) = _get(house, "/recordings", camera="parts").json()["items"]
    assert not {"host", "path"} & told.keys()


def test_what_a_camera_recorded_becomes_a_video_job(house: House) -> None:
    model = house.model("recorded-detector", house.actor(Role.ADMIN), "authenticated")
    begun = AT + timedelta(days=1)
    for seconds in (0, 2, 600):
        moment = begun + timedelta(seconds=seconds)
        keep_recorded(house.platform.database, house.platform.settings.recordings, "filmed-1", "Yard", moment)
    asked = {"model": model, "camera": "filmed-1", "from": begun.isoformat(), "to": "2026-06-02T08:11:00Z", "fps": 2}
    headers = house.bearers[Role.OPERATOR]
    answer = house.client.post("/api/v1/inference/video", json=asked, headers=headers)
    assert answer.status_code == 202, answer.text
    told = answer.json()
    assert (told["kind"], told["parameters"]["name"]) == ("video", "Yard 2026-06-02 08.00.00 UTC.mp4")
    again = house.client.post("/api/v1/inference/video", json=asked, headers=headers)
    assert again.json()["id"] == told["id"]
    late = asked | {"from": "2026-06-02T09:00:00Z", "to": "2026-06-02T09:01:00Z"}
    refusal(house.client.post("/api/v1/inference/video", json=late, headers=headers), 404, "camera_not_found")
    for wrong in ({"to": None}, {"to": "2026-06-02T07:00:00Z"}, {"to": "2026-06-04T09:00:00Z"}, {"path": "/srv/a.mp4"}):
        refusal(house.client.post("/api/v1/inference/video", json=asked | wrong, headers=headers), 422, "invalid_input")
    for file in (house.platform.settings.recordings / "filmed-1").iterdir():
        file.unlink()
    gone = house.client.post("/api/v1/inference/video", json=asked | {"fps": 1}, headers=headers)
    refusal(gone, 404, "recording_not_found")

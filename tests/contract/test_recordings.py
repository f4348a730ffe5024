"""Recordings over HTTP: parts of films, hostile times, nothing left behind."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from registry.records import RecordingSegment, Role
from registry.testing.films import recorded_film
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

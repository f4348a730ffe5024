"""Cameras over HTTP: hostile addresses, secrets, settings, events with their pictures, keys."""

import csv
import io
import json
import logging
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from sqlmodel import select

from registry.records import AuditEntry, CameraEvent, Role
from tests.contract.asking_cameras import camera_event
from tests.contract.conftest import House, refusal

SECRET = "hunter2-s3cret"


@pytest.fixture
def client(house: House) -> Iterator[httpx.Client]:
    """An engineer's."""
    headers = house.sign_in(house.people[Role.ENGINEER])
    with httpx.Client(base_url=f"{house.client.base_url}/api/v1", headers=headers, timeout=60) as made:
        yield made


def _body(house: House, **fields: Any) -> dict[str, Any]:
    return {"name": f"cam {house.count()}", "url": "rtsp://10.99.0.7/live", "start": False} | fields


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("file:///etc/passwd", "camera_address_refused"),
        ("file://localhost/etc/passwd", "camera_source_invalid"),
        ("concat:/etc/passwd|/etc/group", "camera_source_invalid"),
        ("subfile,,start,0,end,99,,:/etc/passwd", "camera_source_invalid"),
        ("rtmp://10.0.0.7/live", "camera_source_invalid"),
        ("pipe:0", "camera_source_invalid"),
        ("device:/dev/video0", "camera_address_refused"),
        ("device:/dev/sda", "camera_source_invalid"),
        ("rtsp://2130706433/", "camera_source_invalid"),  # 127.0.0.1 as one number
        ("rtsp://0x7f.1/", "camera_source_invalid"),
        ("rtsp://0177.0.0.1/", "camera_source_invalid"),
        ("rtsp://10.0.0.7@10.0.0.8@127.0.0.1/", "camera_source_invalid"),
        ("rtsp://10.0.0.7\\@127.0.0.1/", "camera_source_invalid"),
        ("rtsp://10.0.0.7#@127.0.0.1/", "camera_source_invalid"),
        ("rtsp://10.0.0.7/a\r\nDESCRIBE rtsp://127.0.0.1/", "camera_source_invalid"),
        ("rtsp://10.0.0.7/%0d%0aHost:%20x", "camera_source_invalid"),
        ("rtsp://10.0.0.7/../../x", "camera_source_invalid"),
        ("rtsp://10.0.0.7:99999/", "camera_source_invalid"),
        ("rtsp://[::1%25lo]/", "camera_source_invalid"),
        ("rtsp://", "camera_source_invalid"),
        ("x" * 2_001, "invalid_input"),
        ("", "invalid_input"),
    ],
)
def test_an_address_people_attack_with_is_refused(house: House, client: httpx.Client, url: str, code: str) -> None:
    refusal(client.post("/cameras", json=_body(house, url=url)), 422, code)
    refusal(client.post("/cameras/test", json={"url": url}), 422, code)


@pytest.mark.parametrize(
    "url", ["rtsp://169.254.169.254/live", "rtsp://255.255.255.255/", "http://8.8.8.8/video", "rtsps://[fe80::1]/live"]
)
def test_an_address_that_nothing_would_connect_to_is_no_cameras(house: House, client: httpx.Client, url: str) -> None:
    refusal(client.post("/cameras", json=_body(house, url=url)), 422, "camera_address_refused")
    assert client.post("/cameras/test", json={"url": url}).raise_for_status().json()["reason"] == "address_refused"


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "[::1]", "169.254.169.254", "[fe80::1]", "[::ffff:10.0.0.7]", "224.0.0.1", "0.0.0.0", "8.8.8.8"],
)
def test_an_address_that_no_camera_may_have_is_not_connected_to(client: httpx.Client, host: str) -> None:
    told = client.post("/cameras/test", json={"url": f"http://{host}:8501/"}).raise_for_status().json()
    assert (told["ok"], told["reason"]) == (False, "address_refused")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": ""}, "name"),
        ({"name": "a\u0000b"}, "name"),
        ({"name": "\ud800"}, ""),
        ({"colour": "red"}, "colour"),
        ({"analysis": {"colour": "red"}}, "analysis.colour"),
        ({"analysed_fps": 61}, "analysed_fps"),
        ({"version": 2**31}, "version"),
        ({"group_id": "x" * 33}, "group_id"),
        ({"recording": {"mode": "events", "retention_days": {"events": -1}}}, "events"),
        ({"zones": [{"name": "z", "points": [[0, 0], [1, 1], [1, 0], [0, 1]]}]}, "cross"),
        ({"zones": [{"name": "z", "points": [[0, 0], [2, 0], [1, 1]]}]}, "not inside"),
        ({"zones": [{"name": "z", "points": "M0 0L1 1"}]}, "points"),
        ({"analysis": {"rules": [{"name": "r", "zones": ["cellar"]}]}}, "cellar"),
        ({"model": "no-such-model-here"}, "no-such-model-here"),
        ({"alias": "champion"}, "model"),
        ({"username": "a\nb"}, "username"),
    ],
)
def test_what_no_camera_can_be_is_refused_and_leaves_nothing(
    house: House, client: httpx.Client, fields: dict[str, Any], said: str
) -> None:
    before = client.get("/cameras").json()["total"]
    content = json.dumps(_body(house) | fields)
    response = client.post("/cameras", content=content, headers={"content-type": "application/json"})
    assert response.status_code in {400, 404, 422}, response.text
    assert said in response.text
    assert client.get("/cameras").json()["total"] == before


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://10.99.0.5/videostream.cgi?loginuse=hunter2&loginpas=hunter2", "cgi?loginuse=***&loginpas=***"),
        ("http://10.99.0.5/video?usr=hunter2&psw=hunter2&pw=hunter2&channel=1", "usr=***&psw=***&pw=***&channel=1"),
        ("rtsps://10.99.0.5:7441/hunter2Qz81kPx0w?enableSrtp", "7441/***?enableSrtp"),
    ],
)
def test_a_secret_under_any_name_is_in_no_answer_and_in_no_table(
    house: House, client: httpx.Client, url: str, shown: str
) -> None:
    camera = client.post("/cameras", json=_body(house, url=url)).raise_for_status().json()
    operator = {"headers": house.sign_in(house.people[Role.OPERATOR])}
    path = f"/cameras/{camera['id']}"
    answers = [camera, client.get(path).json(), client.get(path, **operator).json()]
    answers += client.get("/cameras", params={"size": 100}, **operator).json()["items"]
    assert "hunter2" not in json.dumps(answers)
    assert all(each["url"].endswith(shown) for each in answers[:3])
    assert client.put(path, json={"url": camera["url"], "analysed_fps": 2}).json()["url"] == camera["url"]
    with house.platform.database.read() as session:
        assert "hunter2" not in str(session.connection().exec_driver_sql("SELECT * FROM cameras").all())


def test_a_password_is_stored_sealed_and_told_to_nobody(
    house: House, client: httpx.Client, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    url = f"http://10.99.0.7/video?password={SECRET}&channel=1"
    made = client.post("/cameras", json=_body(house, url=url, username="bob", password=SECRET))
    camera = made.raise_for_status().json()
    assert camera["url"] == "http://10.99.0.7:80/video?password=***&channel=1"
    assert camera["has_credentials"]
    path = f"/cameras/{camera['id']}"
    answers = (
        made,
        client.get(path),
        client.get("/cameras"),
        client.put(path, json={"analysed_fps": 2}),
        client.post(f"{path}/start"),
        client.put(path, json={"url": f"http://10.99.0.8/video?password={SECRET}"}),  # refused: another host
        client.put(path, json={"url": f"http://10.99.0.7/{SECRET}\n"}),
        client.put(path, json={"password": f"{SECRET}\n"}),
        client.put(path, json={"password": SECRET, "colour": SECRET}),
        client.post("/cameras", json=_body(house, url=f"rtsp://bob:{SECRET}@/x")),
        client.post("/cameras", json=_body(house, url=f"rtsp://bob:{SECRET}@127.0.0.1:x/")),
        client.post(f"{path}/stop"),
        client.delete(path),
    )
    assert [answer.status_code for answer in answers] == [201, 200, 200, 200, 200, *[422] * 6, 200, 204]
    with house.platform.database.read() as session:
        trail = [str(entry.model_dump()) for entry in session.exec(select(AuditEntry)).all()]
    said = capfd.readouterr()
    assert SECRET not in "".join([*(answer.text for answer in answers), *trail, caplog.text, said.out, said.err])
    database = house.platform.settings.home / "nexusai.db"
    stored = b"".join(file.read_bytes() for file in database.parent.glob("nexusai.db*"))
    assert SECRET.encode() not in stored


def test_another_host_wants_the_password_again(house: House, client: httpx.Client) -> None:
    camera = client.post("/cameras", json=_body(house, username="bob", password=SECRET)).json()
    path = f"/cameras/{camera['id']}"
    error = refusal(client.put(path, json={"url": "rtsp://10.99.0.66/live"}), 422, "invalid_input")
    assert error["details"] == {"field": "password"}
    assert client.get(path).json() == camera
    moved = client.put(path, json={"url": "rtsp://10.99.0.66/live", "username": "bob", "password": "new"})
    assert moved.raise_for_status().json()["url"] == "rtsp://10.99.0.66:554/live"
    refusal(client.put(path, json={"name": "late", "revision": 1}), 409, "conflict")


def test_a_camera_is_changed_part_by_part(house: House, client: httpx.Client) -> None:
    zone = {"name": "door", "points": [[0.1, 0.1], [0.9, 0.1], [0.5, 0.9]]}
    camera = client.post("/cameras", json=_body(house, zones=[zone])).raise_for_status().json()
    path = f"/cameras/{camera['id']}"
    rule = {"name": "in the door", "zones": ["door"], "labels": ["person"]}
    client.put(path, json={"analysis": {"rules": [rule], "motion": {"sensitivity": 0.9}}}).raise_for_status()
    client.put(path, json={"recording": {"mode": "events"}}).raise_for_status()
    told = client.get(path).json()
    assert [each["name"] for each in told["zones"]] == ["door"]
    assert (told["analysis"]["motion"]["sensitivity"], told["recording"]["mode"]) == (0.9, "events")
    assert told["revision"] == 3
    refusal(client.put(path, json={"zones": []}), 422, "zone_invalid")  # a rule needs it


def test_events_with_their_pictures_and_a_film_in_parts(house: House, client: httpx.Client) -> None:
    label = f"thing-{house.count()}"
    event_id = camera_event(house, label=label, track={"path": [[0.0, 0.5, 0.5]]}, zones=["door"])
    camera_event(house, label=f"{label}-2")
    page = client.get("/camera-events", params={"label": label, "zone": "door"}).raise_for_status().json()
    assert [each["id"] for each in page["items"]] == [event_id]
    assert "events/" not in page["items"][0]["links"]["snapshot"].removeprefix("/api/v1/camera-events/")
    assert client.get(f"/camera-events/{event_id}").json()["track"] == {"path": [[0.0, 0.5, 0.5]]}
    links = page["items"][0]["links"]
    root = str(house.client.base_url)
    snapshot = client.get(f"{root}{links['snapshot']}")
    assert (snapshot.headers["content-type"], snapshot.content[:2]) == ("image/jpeg", b"\xff\xd8")
    film = f"{root}{links['clip']}"
    assert client.get(film).content == b"0123456789ab"
    for asked, status, content, told in (
        ("bytes=0-3", 206, b"0123", "bytes 0-3/12"),
        ("bytes=8-", 206, b"89ab", "bytes 8-11/12"),
        ("bytes=-2", 206, b"ab", "bytes 10-11/12"),
        ("bytes=4-99", 206, b"456789ab", "bytes 4-11/12"),
        ("bytes=12-", 416, b"", "bytes */12"),
        ("bytes=a-b", 200, b"0123456789ab", None),
        ("bytes=0-1,4-5", 200, b"0123456789ab", None),
        ("bytes=-", 200, b"0123456789ab", None),
    ):
        part = client.get(film, headers={"range": asked})
        assert (part.status_code, part.content, part.headers.get("content-range")) == (status, content, told), asked
    assert httpx.get(film, timeout=60).status_code == 401
    counts = client.get("/camera-events/counts", params={"label": label}).raise_for_status().json()
    assert [each["events"] for each in counts["items"]] == [1]
    lines = list(csv.DictReader(io.StringIO(client.get("/camera-events/export", params={"label": label}).text)))
    assert [line["id"] for line in lines] == [event_id]
    client.delete(f"/camera-events/{event_id}").raise_for_status()
    refusal(client.get(f"/camera-events/{event_id}/snapshot"), 404, "event_not_found")


def test_the_events_of_one_camera(house: House, client: httpx.Client) -> None:
    camera = client.post("/cameras", json=_body(house)).json()
    first, second = (camera_event(house, camera_id=camera["id"], label=label) for label in ("a", "b"))
    camera_event(house, label="a")
    path = f"/cameras/{camera['id']}/events"
    assert {each["id"] for each in client.get(path).json()["items"]} == {first, second}
    assert [each["id"] for each in client.get(path, params={"label": "b"}).json()["items"]] == [second]
    client.delete(f"/cameras/{camera['id']}").raise_for_status()
    refusal(client.get(path), 404, "camera_not_found")
    with house.platform.database.read() as session:
        assert session.get(CameraEvent, first) is not None  # what happened stays


@pytest.mark.parametrize(
    ("scopes", "reads", "changes"),
    [(["cameras"], 200, 201), (["admin"], 200, 201), (["read"], 403, 403), (["predict", "models"], 403, 403)],
)
def test_a_key_needs_the_scope_of_cameras(house: House, scopes: list[str], reads: int, changes: int) -> None:
    actor = house.actor(Role.ENGINEER)
    key = house.platform.keys.make(actor, "cams", scopes).secret
    headers = {"X-API-Key": key}
    for path in ("/cameras", "/camera-events", "/camera-groups"):
        assert house.client.get(f"/api/v1{path}", headers=headers).status_code == reads
    assert house.client.post("/api/v1/cameras", json=_body(house), headers=headers).status_code == changes


def test_a_film_of_the_home_may_play(house: House, client: httpx.Client) -> None:
    folder = house.platform.settings.films_dir
    folder.mkdir(exist_ok=True)
    (folder / "a film.mp4").write_bytes(b"x")
    (folder / "away.mp4").symlink_to("/etc/passwd")
    made = client.post("/cameras", json=_body(house, url=f"file://{quote(str(folder))}/a%20film.mp4"))
    assert made.raise_for_status().json()["url"].endswith("/a%20film.mp4")
    for url in (f"file://{folder}/away.mp4", f"file://{folder}/../nexusai.db", f"file://{folder}/%2e%2e/nexusai.db"):
        refusal(client.post("/cameras", json=_body(house, url=url)), 422, "camera_address_refused")

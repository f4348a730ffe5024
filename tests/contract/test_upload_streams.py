"""Uploads as they travel: straight into quarantine, and nothing half-written whatever becomes of the sender."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from registry.access.actor import of_user
from registry.models import quarantine
from registry.records import AuditEntry, Role, SettingValue
from registry.testing.onnx_models import blob_detector
from tests.contract.conftest import House, refusal

URL = "/api/v1/models/upload"
BOUNDARY = "nexus"
HEADERS = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}


def _field(name: str, value: str) -> bytes:
    return f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()


def _file(data: bytes, filename: str = "m.onnx") -> bytes:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n\r\n'
    return head.encode() + data + b"\r\n"


END = f"--{BOUNDARY}--\r\n".encode()


@pytest.fixture
def waiting(house: House) -> Callable[[], list[Path]]:
    """The files in quarantine that have no record: those that are arriving, or were left."""
    root = house.platform.uploads.quarantine.root
    return lambda: [path for path in root.glob("*/model") if not (path.parent / "upload.json").exists()]


@pytest.fixture
def engineer(house: House) -> dict[str, str]:
    """A token of somebody who may publish and has nothing on the way."""
    return house.sign_in(house.somebody(Role.ENGINEER))


def _ended(house: House, headers: dict[str, str], location: str) -> dict[str, Any]:
    for thread in threading.enumerate():  # the server is in this process
        if thread.name == "upload":
            thread.join(120)
    upload: dict[str, Any] = house.client.get(location, headers=headers).raise_for_status().json()["upload"]
    return upload


def _send(house: House, headers: dict[str, str], body: bytes | Iterator[bytes]) -> httpx.Response:
    return house.client.post(URL, content=body, headers=HEADERS | headers)


def test_the_file_goes_into_quarantine_while_it_arrives(
    house: House,
    engineer: dict[str, str],
    waiting: Callable[[], list[Path]],
    until: Callable[[Callable[[], bool]], bool],
) -> None:
    seen: list[bool] = []

    def body() -> Iterator[bytes]:
        yield _field("name", "streamed") + _file(bytes(3 << 20))[:-2]
        seen.append(until(lambda: any(path.stat().st_size > 1 << 20 for path in waiting())))
        yield b"\r\n" + END

    assert _send(house, engineer, body()).status_code == 202
    assert seen == [True]


def test_fields_may_come_after_the_file_and_the_file_name_plays_no_part(house: House, engineer: dict[str, str]) -> None:
    for filename in ("a" * 3_000, "../../etc/passwd", "model.exe", ""):
        body = _file(blob_detector(), filename) + _field("name", "any-name") + _field("card", "") + END
        answer = _send(house, engineer, body)
        assert answer.status_code == 202, answer.text
        assert _ended(house, engineer, answer.headers["location"])["state"] == "registered"


def test_a_sender_who_goes_away_leaves_nothing_but_a_row(
    house: House,
    engineer: dict[str, str],
    waiting: Callable[[], list[Path]],
    until: Callable[[Callable[[], bool]], bool],
) -> None:
    assert house.client.base_url.port
    with socket.create_connection(("127.0.0.1", house.client.base_url.port)) as sender:
        head = f"POST {URL} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9000000\r\n"
        lines = "".join(f"{name}: {value}\r\n" for name, value in (HEADERS | engineer).items())
        sender.sendall(f"{head}{lines}\r\n".encode() + _field("name", "half") + _file(bytes(2 << 20)))
        assert until(lambda: bool(waiting()))
    assert until(lambda: not waiting())

    def told() -> bool:
        with house.platform.database.read() as session:
            rows = session.query(AuditEntry).where(AuditEntry.action == "model.reject").all()  # type: ignore[attr-defined]
        return any(row.outcome == "failed" and row.details["reason"] == "it did not arrive whole" for row in rows)

    assert until(told)


def test_fields_before_the_file_are_refused_before_it_is_received(
    house: House, engineer: dict[str, str], waiting: Callable[[], list[Path]]
) -> None:
    house.model("Early-Bolts", house.actor(Role.ENGINEER), "private")
    begun = _field("name", "early-bolts") + _file(bytes(1 << 20))
    assert house.client.base_url.port
    with socket.create_connection(("127.0.0.1", house.client.base_url.port), timeout=60) as sender:
        head = f"POST {URL} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9000000\r\n"
        lines = "".join(f"{name}: {value}\r\n" for name, value in (HEADERS | engineer).items())
        sender.sendall(f"{head}{lines}\r\n".encode() + begun)
        answer = sender.recv(4096)
    assert answer.startswith(b"HTTP/1.1 409"), answer
    assert not waiting()


def test_fields_alone_are_looked_at_before_the_file_is_missed(house: House, engineer: dict[str, str]) -> None:
    house.model("Alone-Bolts", house.actor(Role.ENGINEER), "private")
    refusal(_send(house, engineer, _field("name", "alone-bolts") + END), 409, "name_taken")
    hidden = _field("name", "alone") + _field("description", "un\u200bseen") + END
    assert "U+200B" in str(refusal(_send(house, engineer, hidden), 422, "invalid_input")["message"])
    error = refusal(_send(house, engineer, _field("name", "alone") + END), 422, "invalid_input")
    assert error["details"] == {"field": "file"}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (_field("name", "x") + END, "no file"),
        (_file(b"a") + _file(b"b") + _field("name", "x") + END, "two files"),
        (_field("name", "x") + _file(b"abc"), "cut short"),
        (b"no form at all", "form"),
        (b"", "cut short"),
        (b"".join(_field(f"f{index}", "x") for index in range(40)) + _file(b"a") + END, "more than 16 fields"),
        (_file(b"a") + END, "body.name"),
        (_file(b"a") + _field("name", "n" * 64) + END, "body.name"),
        (_file(b"a") + _field("name", "catalogue") + END, "address of the API"),
        (_file(b"a") + _field("name", "../x") + END, "not a model's name"),
        (_file(b"a") + _field("name", "x") + _field("access_level", "all") + END, "access_level"),
        (_file(b"a") + _field("name", "x") + _field("card", "{}") + END, "card field task"),
    ],
)
def test_a_form_that_cannot_be_used_is_refused_and_leaves_nothing(
    body: bytes, said: str, house: House, engineer: dict[str, str], waiting: Callable[[], list[Path]]
) -> None:
    answer = _send(house, engineer, body)
    assert answer.status_code == 422, answer.text
    assert said in answer.json()["error"]["message"]
    assert not waiting()


def test_another_content_type_is_refused(house: House, engineer: dict[str, str]) -> None:
    answer = house.client.post(URL, json={"name": "x"}, headers=engineer)
    assert "multipart/form-data" in str(refusal(answer, 422, "invalid_input")["message"])


def test_fields_without_end_are_cut_off(house: House, engineer: dict[str, str]) -> None:
    refusal(_send(house, engineer, _field("card", "x" * (5 << 20)) + END), 413, "upload_too_large")


def test_an_empty_file_is_rejected_with_the_reason(house: House, engineer: dict[str, str]) -> None:
    answer = _send(house, engineer, _file(b"") + _field("name", "empty") + END)
    upload = _ended(house, engineer, answer.headers["location"])
    assert upload["error"]["message"] == "the file has 0 bytes"


def test_a_file_above_the_limit_is_cut_off(
    house: House, engineer: dict[str, str], waiting: Callable[[], list[Path]]
) -> None:
    with _live(house, upload_max_mb=1):
        answer = _send(house, engineer, _field("name", "big") + _file(bytes(3 << 20)) + END)
        refusal(answer, 413, "upload_too_large")

        def undeclared() -> Iterator[bytes]:
            yield _field("name", "big")
            yield _file(bytes(3 << 20)) + END

        refusal(_send(house, engineer, undeclared()), 413, "upload_too_large")
        assert not waiting()


def test_a_full_disk_is_told(
    house: House, engineer: dict[str, str], waiting: Callable[[], list[Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quarantine, "RESERVE_BYTES", 1 << 60)
    answer = _send(house, engineer, _field("name", "full") + _file(b"x") + END)
    assert "full" in str(refusal(answer, 503, "storage_unavailable")["message"])
    assert not waiting()


def test_who_has_used_up_the_quota_keeps_no_more(
    house: House, engineer: dict[str, str], waiting: Callable[[], list[Path]]
) -> None:
    with _live(house, publish_quota_mb=1):
        answer = _send(house, engineer, _field("name", "greedy") + _file(bytes(2 << 20)) + END)
        error = refusal(answer, 413, "quota_exceeded")
        assert "quota of 1 MiB" in str(error["message"])
        assert "Delete versions" in str(error["hint"])
        assert not waiting()
        other = house.sign_in(house.somebody(Role.ENGINEER))  # everybody has their own
        assert _send(house, other, _field("name", "modest") + _file(b"x") + END).status_code == 202


def test_what_is_published_counts(house: House) -> None:
    person = house.somebody(Role.ENGINEER)
    headers = house.sign_in(person)
    answer = _send(house, headers, _field("name", "counted") + _file(blob_detector()) + END)
    assert _ended(house, headers, answer.headers["location"])["state"] == "registered"
    assert house.platform.models.bytes_published(of_user(person, "token")) == len(blob_detector())


def test_too_many_at_a_time_are_turned_away_before_they_are_read(
    house: House,
    engineer: dict[str, str],
    waiting: Callable[[], list[Path]],
    until: Callable[[Callable[[], bool]], bool],
) -> None:
    with _live(house, uploads_each=1):
        codes: list[int] = []

        def body() -> Iterator[bytes]:
            yield _field("name", "first") + _file(bytes(2 << 20))
            assert until(lambda: bool(waiting()))
            with httpx.Client(base_url=house.client.base_url, timeout=60) as second:
                answer = second.post(URL, content=_file(b"x") + END, headers=HEADERS | engineer)
            codes.append(answer.status_code)
            assert answer.headers["retry-after"]
            yield END

        assert _send(house, engineer, body()).status_code == 202
        assert codes == [429]


@contextmanager
def _live(house: House, **values: object) -> Iterator[None]:
    """Live settings while the block lasts."""
    with house.platform.database.write() as session:
        for key, value in values.items():
            session.merge(SettingValue(key=key, value=value))
    house.platform.live.refresh()
    yield
    with house.platform.database.write() as session:
        for key in values:
            session.delete(session.get(SettingValue, key))
    house.platform.live.refresh()

"""Apprise's services, by the one that posts JSON to a real server of ours."""

import logging
import socket
from collections.abc import Callable
from datetime import timedelta

import pytest

from registry.errors import Unavailable
from registry.notify.postman import Postman
from registry.records import AuditEntry, NotificationDelivery, notifications, utc_now
from registry.testing.hook_receiver import hook_receiver
from tests.registry.notify.conftest import ADMIN, Office

Start = Callable[[], Postman]
PASSWORD, TOKEN = "hunter2-secret", "hidden-token"


def address(port: int) -> str:
    return f"json://nexus:{PASSWORD}@127.0.0.1:{port}/{TOKEN}?+X-Token={TOKEN}"


def test_an_event_is_delivered_by_apprise(office: Office, postman: Start) -> None:
    with hook_receiver() as hook:
        made = office.add("apprise", address(hook.port))
        postman()
        office.tell(zones=["gate"])
        told = office.wait(made, lambda view: view.delivered == 1)
        (headers, _), body = hook.seen[0], hook.bodies[0]
    assert body["title"] == "NexusAI"
    assert "person" in body["message"]
    assert "Front door" in body["message"]
    assert headers["authorization"].startswith("Basic ")  # what is secret arrives there, and nowhere else
    assert headers["x-token"] == TOKEN
    assert (told.address, told.waiting, told.lost, told.last_error) == ("json://***", 0, 0, "")


def test_what_is_told_while_the_service_is_away_arrives_when_it_is_back_and_no_error_says_a_secret(
    office: Office, postman: Start, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.WARNING, "urllib3")  # as every process of ours has it
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    made = office.add("apprise", address(port))
    with pytest.raises(Unavailable) as refused:
        office.receivers.test(ADMIN, made.id)
    postman()
    told = [office.tell(label=f"n{number}").label for number in range(3)]
    away = office.wait(made, lambda view: bool(view.last_error))
    assert (away.waiting, away.delivered, away.lost) == (3, 0, 0)
    with hook_receiver(port) as hook:
        hook.statuses = [503, 401]
        back = office.wait(made, lambda view: view.delivered == 3)
        said = [body["message"] for body in hook.bodies]
    assert (back.waiting, back.lost, back.last_error) == (0, 0, "")
    assert len(said) == 5  # two came again
    assert all(any(label in message for message in said) for label in told)
    with office.database.read() as session:
        rows = [*session.exec(notifications.select(AuditEntry)), *notifications.receivers(session)]
    printed = capfd.readouterr()
    texts = [str(refused.value.to_dict()), away.last_error, repr(away), caplog.text, printed.out, printed.err]
    for text in [*texts, *(repr(vars(row)) for row in rows)]:
        assert PASSWORD not in text
        assert TOKEN not in text


def test_a_service_that_apprise_does_not_know_is_said_so_without_its_address(office: Office) -> None:
    made = office.add("apprise", f"nosuchservice://{PASSWORD}@{TOKEN}/")
    with pytest.raises(Unavailable, match="does not know this address") as refused:
        office.receivers.test(ADMIN, made.id)
    assert PASSWORD not in str(refused.value.to_dict())


def test_a_pause_that_a_clock_set_back_made_longer_than_any_is_not_waited_for(office: Office, postman: Start) -> None:
    with hook_receiver() as hook:
        made = office.add("apprise", address(hook.port))
        office.tell()
        with office.database.write() as session:
            for waits in session.exec(notifications.select(NotificationDelivery)):
                waits.due_at = utc_now() + timedelta(hours=1)
                session.add(waits)
            receiver = notifications.receivers(session)[0]
            receiver.held_by, receiver.held_until = "the dead one", utc_now() + timedelta(hours=1)
            session.add(receiver)
        postman()
        office.wait(made, lambda view: view.delivered == 1)

"""Webhooks arrive signed and once for each event, whatever happens on the way."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from registry.errors import AddressRefused
from registry.notify.postman import Postman
from registry.notify.reach import Reach
from registry.notify.webhook import ID, SIGNATURE, TIMESTAMP, sign
from registry.records import NotificationDelivery, notifications
from registry.streams.addresses import AllowedNetworks
from registry.testing.hook_receiver import hook_receiver
from tests.registry.notify.conftest import ADMIN, Office

Start = Callable[[], Postman]


def test_an_event_is_signed_and_delivered(office: Office, postman: Start) -> None:
    with hook_receiver() as hook:
        made = office.add("webhook", f"http://127.0.0.1:{hook.port}/secret-path?key=hidden")
        postman()
        event = office.tell(rule="night", zones=["gate"], score=0.9)
        office.wait(made, lambda view: view.delivered == 1)
        (headers, body), told = hook.seen[0], hook.bodies[0]
    assert made.secret
    assert headers[SIGNATURE.lower()] == sign(made.secret, headers[TIMESTAMP.lower()], body)
    assert abs(int(headers[TIMESTAMP.lower()]) - time.time()) < 60
    assert headers["host"] == f"127.0.0.1:{hook.port}"
    assert told["id"] == headers[ID.lower()]
    assert (told["event"], told["camera"]["name"], told["zones"]) == (event.id, "Front door", ["gate"])


def test_what_is_told_while_the_receiver_is_away_arrives_in_order_when_it_is_back(
    office: Office, postman: Start
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    made = office.add("webhook", f"http://127.0.0.1:{port}/")
    postman()
    told = [office.tell(label=f"n{number}").id for number in range(5)]
    away = office.wait(made, lambda view: bool(view.last_error))
    assert (away.waiting, away.delivered, away.lost) == (5, 0, 0)
    with hook_receiver(port) as hook:
        hook.statuses = [503]
        back = office.wait(made, lambda view: view.delivered == 5)
    assert (back.waiting, back.lost, back.last_error) == (0, 0, "")
    seen = [body["event"] for body in hook.bodies]
    assert sorted(set(seen)) == sorted(told)
    assert len(seen) == 6  # the one that was answered 503 came again, as the same
    assert len({body["id"] for body in hook.bodies}) == 5


def test_a_process_killed_between_writing_and_sending_loses_nothing(office: Office, postman: Start) -> None:
    with hook_receiver() as hook:
        made = office.add("webhook", f"http://127.0.0.1:{hook.port}/")
        program = (
            "import os, signal, sys\n"
            "from registry.notify.outbox import enqueue\n"
            "from registry.records import CameraEvent, notifications, open_database\n"
            "database = open_database(sys.argv[1])\n"
            "with database.write() as session:\n"
            "    event = CameraEvent(camera_id='cam', camera_name='Front door')\n"
            "    session.add(event)\n"
            "    session.flush()\n"
            "    enqueue(session, event, 'started')\n"
            "    notifications.hold(session, sys.argv[2], 'the dead one', 0.5)\n"
            "os.kill(os.getpid(), signal.SIGKILL)\n"
        )
        ended = subprocess.run([sys.executable, "-c", program, office.settings.records_url, made.id], cwd=Path.cwd())
        assert ended.returncode == -signal.SIGKILL
        postman()
        postman()  # two at once: one of them serves
        office.wait(made, lambda view: view.delivered == 1 and view.waiting == 0)
        assert len(hook.seen) == 1


def test_what_the_receiver_refuses_is_counted_and_does_not_hold_up_the_rest(office: Office, postman: Start) -> None:
    with hook_receiver() as hook:
        hook.statuses = [422]
        made = office.add("webhook", f"http://127.0.0.1:{hook.port}/")
        first, second = office.tell(), office.tell()
        postman()
        view = office.wait(made, lambda view: view.delivered + view.lost == 2)
    assert (view.delivered, view.lost, view.waiting) == (1, 1, 0)
    assert [body["event"] for body in hook.bodies] == [first.id, second.id]


def test_a_redirect_is_not_followed(office: Office) -> None:
    with hook_receiver() as hook:
        hook.statuses = [302]
        made = office.add("webhook", f"http://127.0.0.1:{hook.port}/")
        with pytest.raises(Exception, match="answered 302"):
            office.receivers.test(ADMIN, made.id)
        office.receivers.test(ADMIN, made.id)
        assert [body["kind"] for body in hook.bodies] == ["test", "test"]


def test_a_full_line_gives_up_the_oldest_and_counts_them(office: Office) -> None:
    made = office.add("webhook", "http://127.0.0.1:1/")
    told = [office.tell(most=3).id for _ in range(5)]
    view = office.receivers.get(ADMIN, made.id)
    assert (view.waiting, view.lost) == (3, 2)
    with office.database.read() as session:
        left = {each.event_id for each in session.exec(notifications.select(NotificationDelivery))}
    assert left == set(told[2:])


def test_what_waits_too_long_is_given_up(office: Office, postman: Start) -> None:
    from datetime import timedelta

    from sqlmodel import update

    made = office.add("webhook", "http://127.0.0.1:1/")
    office.tell()
    with office.database.write() as session:
        old = notifications.utc_now() - timedelta(hours=25)
        session.exec(update(NotificationDelivery).values(created_at=old))
    postman()
    view = office.wait(made, lambda view: view.lost == 1)
    assert (view.waiting, view.last_error) == (0, "too old")


@pytest.mark.parametrize(
    ("address", "port", "why"),
    [
        ("169.254.169.254", 80, "link-local or metadata"),
        ("fd00:ec2::254", 80, "link-local or metadata"),
        ("fd00:ec2::23", 80, "link-local or metadata"),
        ("168.63.129.16", 80, "link-local or metadata"),
        ("127.0.0.1", 80, "this machine itself"),
        ("::ffff:127.0.0.1", 80, "stands for an IPv4"),
        ("192.168.4.4", 80, "outside the networks"),
        ("224.0.0.1", 80, "no address of one machine"),
        ("0.0.0.0", 80, "no address of one machine"),
    ],
)
def test_addresses_that_nothing_is_sent_to(address: str, port: int, why: str) -> None:
    with pytest.raises(AddressRefused, match=why):
        Reach(AllowedNetworks.parse(["10.0.0.0/8"]).networks).checked(address, port)


def test_addresses_that_may_be_told_and_own_ports_never() -> None:
    networks = AllowedNetworks.parse(["10.0.0.0/8", "127.0.0.0/8"]).networks
    reach = Reach(networks, frozenset({8501}))
    assert [reach.checked(address, 443) for address in ("8.8.8.8", "10.1.2.3", "127.0.0.1")]
    with pytest.raises(AddressRefused, match="own ports"):
        reach.checked("127.0.0.1", 8501)

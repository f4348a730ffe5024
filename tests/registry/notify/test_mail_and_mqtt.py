"""Mail by a real SMTP server with TLS, MQTT by a real broker."""

import json
import socket
import ssl
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from registry.errors import Unavailable
from registry.notify.email import EmailSender
from registry.notify.mqtt import topic_of
from registry.notify.postman import Postman
from registry.notify.reach import reach_of
from registry.notify.sending import Address, Letter, NotDelivered, Surroundings
from registry.records import CameraLease, EventKind
from registry.testing.requirements import require_package, require_port
from registry.testing.watched import wait_until
from tests.registry.notify.conftest import ADMIN, Office

Start = Callable[[], Postman]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    from registry.testing.certificates import make_certificate

    return make_certificate(tmp_path_factory.mktemp("tls"), "localhost")


@pytest.fixture
def mailbox(certificate: tuple[Path, Path]) -> Iterator[tuple[int, list[Message]]]:
    """A mail server that wants TLS, a name and a password."""
    require_package("aiosmtpd", "dev")
    from aiosmtpd.controller import Controller
    from aiosmtpd.smtp import AuthResult

    got: list[Message] = []

    class Handler:
        async def handle_DATA(  # noqa: N802 - aiosmtpd's name
            self, _server: object, _session: object, envelope: Any
        ) -> str:
            got.append(message_from_bytes(envelope.content))
            return "250 OK"

    def knows(_server: object, _session: object, _envelope: object, _mechanism: str, data: Any) -> AuthResult:
        return AuthResult(success=(data.login, data.password) == (b"nexus", b"pass-word"), handled=False)

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    wants = {"require_starttls": True, "auth_required": True, "authenticator": knows}
    server = Controller(Handler(), hostname="127.0.0.1", port=port, tls_context=context, **wants)
    server.start()
    yield port, got
    server.stop()


def test_a_mail_has_the_picture_and_goes_through_tls(
    office: Office, mailbox: tuple[int, list[Message]], certificate: tuple[Path, Path]
) -> None:
    port, got = mailbox
    office.storage.put("shots/1.jpg", b"\xff\xd8 a picture")
    around = Surroundings(lambda: reach_of(office.settings, office.live.current()), office.storage.get, list)
    options = {"sender": "nexus@example.com", "to": ["ada@example.com", "bob@example.com"], "starttls": True}
    trusting = ssl.create_default_context(cafile=str(certificate[0]))
    payload = {"kind": "object", "label": "person\r\nBcc: x@y", "camera": {"name": "Door"}, "snapshot": "shots/1.jpg"}
    letter = Letter("id1", datetime.now(UTC), payload)
    EmailSender(Address(f"smtp://localhost:{port}", "nexus", "pass-word", options), around, trusting).send(letter)
    (mail,) = got
    assert mail["Subject"] == "NexusAI: person  Bcc: x@y at Door"
    assert (mail["To"], mail["Bcc"], mail["Message-ID"]) == ("ada@example.com, bob@example.com", None, "<id1@nexusai>")
    parts = {part.get_content_type(): part.get_payload(decode=True) for part in mail.walk()}
    assert parts["image/jpeg"] == b"\xff\xd8 a picture"
    wrong = Address(f"smtp://localhost:{port}", "nexus", "pass-wrong", options)
    with pytest.raises(NotDelivered, match="535") as refusal:
        EmailSender(wrong, around, trusting).send(letter)
    assert "pass-wrong" not in refusal.value.why


def test_a_certificate_that_nobody_vouches_for_is_refused(office: Office, mailbox: tuple[int, list[Message]]) -> None:
    port, got = mailbox
    options = {"sender": "nexus@example.com", "to": ["ada@example.com"]}
    made = office.add("email", f"smtp://localhost:{port}", username="nexus", secret="pass-word", options=options)
    with pytest.raises(Unavailable, match="certificate"):
        office.receivers.test(ADMIN, made.id)
    assert got == []


@pytest.fixture
def choosy() -> Iterator[tuple[int, dict[str, str]]]:
    """A mail server in the clear that answers for each recipient as it is told."""
    require_package("aiosmtpd", "dev")
    from aiosmtpd.controller import Controller

    says: dict[str, str] = {}

    class Handler:
        async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
            self, _server: object, _session: object, envelope: Any, address: str, _options: object
        ) -> str:
            if address not in says:
                envelope.rcpt_tos.append(address)
            return says.get(address, "250 OK")

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    server = Controller(Handler(), hostname="127.0.0.1", port=port)
    server.start()
    yield port, says
    server.stop()


@pytest.mark.parametrize(
    ("ada", "bob", "for_good"),
    [
        ("450 come again", "450 come again", False),  # greylisting
        ("550 unknown", "450 come again", False),
        ("550 unknown", "550 unknown", True),
    ],
)
def test_whom_a_mail_server_does_not_take_yet_is_tried_again(
    office: Office, choosy: tuple[int, dict[str, str]], ada: str, bob: str, for_good: bool
) -> None:
    port, says = choosy
    says.update({"ada@example.com": ada, "bob@example.com": bob})
    options = {"sender": "nexus@example.com", "to": ["ada@example.com", "bob@example.com"], "starttls": False}
    around = Surroundings(lambda: reach_of(office.settings, office.live.current()), office.storage.get, list)
    letter = Letter("id1", datetime.now(UTC), {"kind": "test"})
    with pytest.raises(NotDelivered, match="refused ada@") as refusal:
        EmailSender(Address(f"smtp://localhost:{port}", options=options), around).send(letter)
    assert refusal.value.refused is for_good


def test_who_did_not_get_a_mail_that_others_got_is_told(
    office: Office, postman: Start, choosy: tuple[int, dict[str, str]]
) -> None:
    port, says = choosy
    says["ada@example.com"] = "550 unknown"
    options = {"sender": "nexus@example.com", "to": ["ada@example.com", "bob@example.com"], "starttls": False}
    made = office.add("email", f"smtp://localhost:{port}", options=options)
    with pytest.raises(Unavailable, match="550"):
        office.receivers.test(ADMIN, made.id)
    postman()
    office.tell()
    told = office.wait(made, lambda found: found.delivered == 1)
    assert told.last_error == "the mail server refused ada@example.com (550)"


@pytest.mark.parametrize(
    ("name", "topic"),
    [("door-1", "door-1"), ("Front door", "Front_door-abcdef"), ("A_b", "A_b"), ("門", "camera-abcdef")],
    ids=["plain", "space", "underscore", "nothing left"],
)
def test_a_camera_has_a_topic_of_its_own(name: str, topic: str) -> None:
    assert topic_of(name, "abcdef0123") == topic


class Listener:
    """A client of the broker that keeps the last message of each topic."""

    def __init__(self, *topics: str) -> None:
        self.last: dict[str, tuple[str, bool]] = {}
        self.client = paho.Client(CallbackAPIVersion.VERSION2)
        self.client.on_message = self._keep
        self.client.connect("127.0.0.1", 1883)
        for topic in topics:
            self.client.subscribe(topic, qos=1)
        self.client.loop_start()

    def _keep(self, _client: object, _data: object, message: paho.MQTTMessage) -> None:
        self.last[message.topic] = (message.payload.decode(), message.retain)

    def wait(self, topic: str, holds: Callable[[str], bool]) -> str:
        wait_until(lambda: topic in self.last and holds(self.last[topic][0]), 30)
        return self.last[topic][0]


@pytest.fixture
def broker() -> Iterator[tuple[str, Callable[[], Listener]]]:
    """A topic of this test's own on the broker of this machine; what it retained is taken away at the end."""
    require_port("127.0.0.1", 1883, "Mosquitto")
    root = f"nexus-test-{uuid.uuid4().hex[:8]}"
    listeners: list[Listener] = []

    def listen() -> Listener:
        listeners.append(Listener(f"{root}/#"))
        return listeners[-1]

    yield root, listen
    cleaner = Listener(f"{root}/#")
    for topic in [topic for listener in listeners for topic in listener.last]:
        cleaner.client.publish(topic, "", qos=1, retain=True).wait_for_publish(5)
    for listener in [*listeners, cleaner]:
        listener.client.disconnect()
        listener.client.loop_stop()


def test_the_broker_has_events_states_and_what_home_assistant_reads(
    office: Office, postman: Start, broker: tuple[str, Callable[[], Listener]]
) -> None:
    root, listen = broker
    with office.database.write() as session:
        session.add(CameraLease(camera_id="cam", state="live"))
    options = {"topic": f"{root}/nexus", "discovery_prefix": f"{root}/ha"}
    made = office.add("mqtt", "mqtt://127.0.0.1:1883", options=options)
    begun = postman()
    heard = listen()
    heard.wait(f"{root}/nexus/Front_door-cam/state", lambda said: said == "ON")
    event = office.tell(label="person")
    heard.wait(f"{root}/nexus/Front_door-cam/active", lambda said: said == "ON")
    office.tell(phase="ended", label="person")
    heard.wait(f"{root}/nexus/Front_door-cam/active", lambda said: said == "OFF")
    office.tell(kind=EventKind.OFFLINE, label="")
    heard.wait(f"{root}/nexus/Front_door-cam/state", lambda said: said == "OFF")
    office.wait(made, lambda view: view.delivered == 3)
    later = listen()  # all of it is retained: who comes later knows it too
    told = json.loads(later.wait(f"{root}/nexus/Front_door-cam/event", lambda said: '"offline"' in said))
    assert told["camera"] == {"id": "cam", "name": "Front door"}
    assert event.id != told["event"]
    config = json.loads(later.wait(f"{root}/ha/binary_sensor/nexusai_cam/online/config", bool))
    assert config["state_topic"] == f"{root}/nexus/Front_door-cam/state"
    assert config["availability_topic"] == f"{root}/nexus/status"
    assert (
        json.loads(later.wait(f"{root}/ha/sensor/nexusai_cam/event/config", bool))["unique_id"] == "nexusai_cam_event"
    )
    assert later.last[f"{root}/nexus/status"] == ("online", True)
    office.receivers.test(ADMIN, made.id)  # beside the one that serves
    assert later.last[f"{root}/nexus/status"] == ("online", True)
    begun.close()
    later.wait(f"{root}/nexus/status", lambda said: said == "offline")


def test_the_broker_says_when_the_process_died(office: Office, broker: tuple[str, Callable[[], Listener]]) -> None:
    root, listen = broker
    heard = listen()
    office.add("mqtt", "mqtt://127.0.0.1:1883", options={"topic": f"{root}/nexus", "discovery": False})
    program = (
        "import sys, time\n"
        "from registry.access.live import Live\n"
        "from registry.notify.postman import Postman\n"
        "from registry.notify.senders import Senders\n"
        "from registry.records import open_database\n"
        "from registry.settings import load_settings\n"
        "from registry.storage import LocalStorage\n"
        "settings = load_settings(home=sys.argv[1])\n"
        "database = open_database(settings.records_url)\n"
        "live = Live(database, settings)\n"
        "senders = Senders(settings, live, database, LocalStorage(settings.home / 'storage'))\n"
        "Postman(database, live, senders.make).start()\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(office.settings.home)]) as process:
        try:
            heard.wait(f"{root}/nexus/status", lambda said: said == "online")
        finally:
            process.kill()
    heard.wait(f"{root}/nexus/status", lambda said: said == "offline")

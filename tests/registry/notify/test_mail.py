"""Mail by a real SMTP server with TLS."""

import socket
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from typing import Any

import pytest

from registry.errors import Unavailable
from registry.notify.email import EmailSender
from registry.notify.postman import Postman
from registry.notify.reach import reach_of
from registry.notify.sending import Address, Letter, NotDelivered, Surroundings
from registry.testing.requirements import require_package
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
    around = Surroundings(lambda: reach_of(office.settings, office.live.current()), office.storage.get, list, set)
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
    around = Surroundings(lambda: reach_of(office.settings, office.live.current()), office.storage.get, list, set)
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

"""E-mail by SMTP with TLS, the event's picture attached."""

import smtplib
import socket
import ssl
from collections.abc import Mapping
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any

from registry.errors import RegistryError
from registry.notify.outbox import sentence
from registry.notify.reach import Reach, endpoint
from registry.notify.sending import Address, Letter, NotDelivered, Surroundings

_TIMEOUT_S = 15.0
_LARGEST_PICTURE = 4 << 20


class _Smtp(smtplib.SMTP):
    """Connects to the checked address; certificates are compared with the name."""

    def __init__(self, reach: Reach, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        self._reach, self._tls = reach, tls
        super().__init__(host, port, timeout=_TIMEOUT_S)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        connection = self._reach.connect(host, port, timeout)
        return self._tls.wrap_socket(connection, server_hostname=host) if self._tls else connection


class EmailSender:
    """One connection for each mail: they are few."""

    def __init__(self, address: Address, around: Surroundings, tls: ssl.SSLContext | None = None) -> None:
        self._address = address
        self._around = around
        self._context = tls or ssl.create_default_context()

    def send(self, letter: Letter) -> str:
        """Deliver one; who did not get it while others did. Raises NotDelivered."""
        message = self._message(letter)
        host, port = endpoint(self._address.url)
        implicit = self._address.url.startswith("smtps:")
        try:
            with _Smtp(self._around.reach(), host, port, self._context if implicit else None) as server:
                if not implicit and self._address.options.get("starttls", True):
                    server.starttls(context=self._context)
                if self._address.username:
                    server.login(self._address.username, self._address.secret)
                return _refused(server.send_message(message))
        except smtplib.SMTPRecipientsRefused as error:
            for_good = all(code >= 500 for code, _ in error.recipients.values())  # others are asked to come again
            raise NotDelivered(_refused(error.recipients), refused=for_good) from error
        except smtplib.SMTPResponseException as error:
            said = (
                error.smtp_error.decode("utf-8", "replace") if isinstance(error.smtp_error, bytes) else error.smtp_error
            )
            shown = said.replace(self._address.secret or "\0", "***")
            raise NotDelivered(f"the mail server answered {error.smtp_code} {shown}") from error
        except (RegistryError, smtplib.SMTPException, OSError, ValueError) as error:
            raise NotDelivered(f"no mail could be handed to {host}: {_why(error)}") from error

    def tend(self) -> None:
        """Nothing is held open."""

    def forget(self) -> None:
        """Nothing is left there that could be taken away."""

    def close(self) -> None:
        """Nothing is held open."""

    def _message(self, letter: Letter) -> EmailMessage:
        options, payload = self._address.options, letter.payload
        message = EmailMessage()
        message["Subject"] = f"NexusAI: {_line(sentence(payload))}"
        message["From"] = options["sender"]
        message["To"] = ", ".join(options["to"])
        message["Date"] = format_datetime(letter.created_at)
        message["Message-ID"] = f"<{letter.letter_id}@nexusai>"
        message.set_content(_text(payload))
        if picture := self._picture(payload):
            message.add_attachment(picture, maintype="image", subtype="jpeg", filename="snapshot.jpg")
        return message

    def _picture(self, payload: dict[str, Any]) -> bytes:
        key = str(payload.get("snapshot") or "")
        try:
            picture = self._around.picture(key) if key else b""
        except RegistryError:
            return b""
        return picture if len(picture) <= _LARGEST_PICTURE else b""


def _refused(recipients: Mapping[str, tuple[int, bytes]]) -> str:
    told = ", ".join(f"{address} ({code})" for address, (code, _) in recipients.items())
    return f"the mail server refused {told}" if told else ""


def _text(payload: dict[str, Any]) -> str:
    shown = {"at": payload.get("started_at"), "until": payload.get("ended_at"), "rule": payload.get("rule")}
    shown |= {"score": payload.get("score"), "model": payload.get("model"), "detail": payload.get("detail")}
    return "\n".join([sentence(payload), "", *(f"{name}: {value}" for name, value in shown.items() if value), ""])


def _line(text: str) -> str:
    return "".join(each if each.isprintable() else " " for each in text)[:200]


def _why(error: Exception) -> str:
    return error.message if isinstance(error, RegistryError) else (str(error) or type(error).__name__)[:200]

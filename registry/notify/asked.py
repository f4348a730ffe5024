"""What people ask of a receiver, checked: its address, secrets, options."""

import re
import secrets
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal
from urllib.parse import quote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from registry.cameras.configuration import parsed
from registry.errors import InvalidInput, InvalidSource
from registry.notify.wanted import Wanted
from registry.records import ReceiverKind
from registry.streams.addresses import check_host

SCHEMES: dict[str, tuple[str, ...]] = {
    ReceiverKind.WEBHOOK: ("https", "http"),
    ReceiverKind.MQTT: ("mqtt", "mqtts"),
    ReceiverKind.EMAIL: ("smtp", "smtps"),
}
_UNSAFE = re.compile(r"[^\x21-\x7e]|[\"'<>\\`]")
_TOPIC = r"^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+){0,4}$"
Mailbox = Annotated[str, StringConstraints(max_length=254, pattern=r"^[^@\s<>\",;:\\]{1,64}@[A-Za-z0-9.-]{1,190}$")]


class NoOptions(BaseModel):
    """Nothing to choose."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class MqttOptions(BaseModel):
    """Where in the broker's topics."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    topic: Annotated[str, Field(max_length=120, pattern=_TOPIC)] = "nexusai"
    discovery: bool = Field(True, description="tell Home Assistant of the cameras")
    discovery_prefix: Annotated[str, Field(max_length=120, pattern=_TOPIC)] = "homeassistant"


class EmailOptions(BaseModel):
    """From whom and to whom."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sender: Mailbox
    to: list[Mailbox] = Field(min_length=1, max_length=50)
    starttls: bool = Field(True, description="smtp:// only: False sends in the clear, for a server in your own network")


_OPTIONS: dict[str, type[BaseModel]] = {ReceiverKind.MQTT: MqttOptions, ReceiverKind.EMAIL: EmailOptions}


class ReceiverAsked(BaseModel):
    """A receiver as it is asked for; in a change, what is left out stays."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "name": "night guard",
                    "kind": "webhook",
                    "address": "https://hooks.example.com/cameras",
                    "wanted": {
                        "kinds": ["object"],
                        "labels": ["person"],
                        "quiet": [{"begin": "06:00", "end": "20:00"}],
                    },
                }
            ]
        },
    )

    name: Annotated[str, StringConstraints(min_length=1, max_length=80, strip_whitespace=True)]
    kind: Literal["webhook", "mqtt", "email", "apprise"]
    address: str = Field(
        min_length=3,
        max_length=1_000,
        description="https://…, mqtt(s)://host, smtp(s)://host, or an Apprise URL; without name and password",
    )
    username: str | None = Field(None, max_length=200, description="for brokers and mail servers")
    secret: str | None = Field(
        None, max_length=400, description="their password; for webhooks, what signs; made if empty"
    )
    options: dict[str, Any] = Field(default_factory=dict, description="topic, discovery; sender, to, starttls")
    wanted: Wanted = Field(default_factory=Wanted)
    is_on: bool = True


@dataclass(frozen=True, slots=True)
class Place:
    """A checked address: what is shown of it, and what is not."""

    shown: str
    url: str = field(repr=False)
    origin: str


def place_of(kind: str, address: str) -> Place:
    """Take an address apart. Raises InvalidInput."""
    if _UNSAFE.search(address):
        raise InvalidInput("an address has printable ASCII characters, without spaces or quotes")
    if kind == ReceiverKind.APPRISE:
        return _apprise(address)
    scheme, slashes, _ = address.partition("://")
    if not slashes or scheme not in SCHEMES[kind]:
        begun = f"{scheme[:20]}://" if slashes else repr(address[:20])
        right = " or ".join(f"{each}://" for each in SCHEMES[kind])
        raise InvalidInput(f"the address of a receiver of the kind {kind} begins with {right}, not with {begun}")
    try:
        parts = urlsplit(address)
        host, port = check_host(parts.hostname or ""), parts.port
    except InvalidSource as error:
        raise InvalidInput(error.message, hint="Correct the host in the address.") from error
    except ValueError as error:
        raise InvalidInput("the host or the port of the address cannot be read") from error
    if "@" in parts.netloc or parts.fragment or port == 0:
        raise InvalidInput("name and password are given apart from the address, which has no fragment")
    has_path = parts.path not in {"", "/"} or parts.query
    if has_path and kind != ReceiverKind.WEBHOOK:
        raise InvalidInput(f"the address of a receiver of the kind {kind} ends with its host or port")
    bracketed = f"[{host}]" if ":" in host else host
    origin = f"{parts.scheme}://{bracketed}" + (f":{port}" if port else "")
    path = quote(parts.path, safe="/%:@!$&()*+,;=~-._") + (f"?{parts.query}" if parts.query else "")
    return Place(f"{origin}/***" if has_path else origin, f"{origin}{path}", origin)


def options_of(kind: str, options: dict[str, Any]) -> dict[str, Any]:
    """The options with defaults filled in. Raises InvalidInput."""
    return parsed(_OPTIONS.get(kind, NoOptions), options, "options").model_dump()


def new_secret() -> str:
    """What signs the notifications of a webhook."""
    return secrets.token_urlsafe(32)


def _apprise(address: str) -> Place:
    from registry.notify.apprise_sender import LOCAL

    scheme, slashes, _ = address.partition("://")
    if not slashes or not re.fullmatch(r"[a-z][a-z0-9]{1,20}", scheme) or scheme in LOCAL:
        raise InvalidInput("an Apprise address is such as tgram://…; those that act on this machine are refused")
    return Place(f"{scheme}://***", address, f"{scheme}://")

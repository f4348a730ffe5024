"""A camera's URL, taken apart into what may be opened."""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from urllib.parse import unquote, urlsplit

from registry.errors import AddressRefused, InvalidSource
from registry.streams.addresses import AllowedNetworks, check_host
from registry.streams.hiding import hide_secrets

MAX_URL = 2_000
_UNSAFE = re.compile(r"[\x00-\x20\x7f-\U0010ffff\\\"'<>`{}|^]")
_DEVICE = re.compile(r"/dev/video\d{1,3}\Z")


class SourceKind(StrEnum):
    """How a camera is spoken to."""

    RTSP = "rtsp"
    RTSPS = "rtsps"
    HTTP = "http"
    HTTPS = "https"
    FILE = "file"
    DEVICE = "device"


_PORTS = {SourceKind.RTSP: 554, SourceKind.RTSPS: 322, SourceKind.HTTP: 80, SourceKind.HTTPS: 443}


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a camera asks for; never part of a text."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CameraSource:
    """A checked source. `target` is path with query for the network kinds; `path` is set for files and devices."""

    kind: SourceKind
    host: str = ""
    port: int = 0
    target: str = field(default="", repr=False)  # some cameras want the password in it
    path: Path | None = None
    credentials: Credentials | None = None
    verify_tls: bool = True

    @property
    def is_network(self) -> bool:
        """Whether it has a host."""
        return self.kind in _PORTS

    @property
    def authority(self) -> str:
        """host:port as a URL has it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The URL without user-info, to be sent to the camera; not to be shown."""
        return f"{self.kind}://{self.authority}{self.target}"

    @property
    def shown(self) -> str:
        """The URL for people and logs: nothing in it that may be a secret."""
        if self.path is not None:
            return f"{self.kind}:{self.path}"
        return f"{self.kind}://{self.authority}" + hide_secrets(self.target)


@dataclass(frozen=True, slots=True)
class SourcePolicy:
    """What the administrator lets cameras be: networks, and folders whose files may play."""

    networks: AllowedNetworks = field(default_factory=AllowedNetworks)
    folders: tuple[Path, ...] = ()
    devices: bool = False


def parse_source(
    url: str, policy: SourcePolicy, credentials: Credentials | None = None, *, verify_tls: bool = True
) -> CameraSource:
    """Take a URL apart and refuse what is no camera; user-info in it counts where `credentials` are not given.

    Names are not looked up here: `addresses.resolve` does it at each connection.

    Raises:
        InvalidSource: not of the schemes rtsp, rtsps, http, https, file, device, or written in a way that readers
            of URLs understand differently.
        AddressRefused: a file outside the allowed folders, or a device where none are allowed.
    """
    if len(url) > MAX_URL or _UNSAFE.search(url):
        raise InvalidSource(
            f"a camera's URL has at most {MAX_URL} characters, all of them printable ASCII without spaces or quotes"
        )
    scheme, colon, rest = url.partition(":")
    if not colon or scheme.lower() not in set(SourceKind):
        raise InvalidSource(
            "a camera's URL starts with rtsp://, rtsps://, http://, https://, file:/// or device:/dev/video"
        )
    kind = SourceKind(scheme.lower())
    if kind is SourceKind.FILE:
        return CameraSource(kind, path=_file(rest, policy.folders))
    if kind is SourceKind.DEVICE:
        return CameraSource(kind, path=_device(rest, policy))
    return _network(kind, url, credentials, verify_tls=verify_tls)


def inside(path: Path, folders: tuple[Path, ...]) -> bool:
    """Whether a resolved path lies in one of the folders."""
    return any(path.is_relative_to(folder.resolve()) for folder in folders)


def _network(kind: SourceKind, url: str, given: Credentials | None, *, verify_tls: bool) -> CameraSource:
    try:
        parts = urlsplit(url)
        port = parts.port
        host = parts.hostname or ""
    except ValueError as error:
        raise InvalidSource("the host or the port in the camera's URL cannot be read") from error
    if not url[len(kind) :].startswith("://") or parts.netloc.count("@") > 1 or "%" in parts.netloc.rpartition("@")[2]:
        raise InvalidSource("a camera's URL has the form scheme://user:password@host:port/path, with one @ at most")
    if "#" in url or ".." in unquote(parts.path).split("/"):
        raise InvalidSource("a camera's URL has neither a fragment nor steps upwards in its path")
    if "@" in parts.path or ("@" in parts.query and not parts.path):
        raise InvalidSource(
            "the camera's URL has an @ behind its host",
            hint="Write the characters / ? # and @ of a name or a password as %2F %3F %23 and %40, or give both apart.",
        )
    if port == 0:
        raise InvalidSource("port 0 is no port")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if re.search(r"%(?:0[0-9a-f]|1[0-9a-f]|7f)", target, re.IGNORECASE):
        raise InvalidSource("the path of a camera's URL hides control characters")
    own = _user_info(parts.username, parts.password)
    return CameraSource(
        kind, check_host(host), port or _PORTS[kind], target, credentials=given or own, verify_tls=verify_tls
    )


def _user_info(username: str | None, password: str | None) -> Credentials | None:
    if not username and not password:
        return None
    found = Credentials(unquote(username or ""), unquote(password or ""))
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in found.username + found.password):
        raise InvalidSource("a camera's name and password have no control characters")
    return found


def _file(rest: str, folders: tuple[Path, ...]) -> Path:
    path = unquote(rest.removeprefix("//"))
    if not path.startswith("/") or rest.startswith("///" + "/") or "\0" in path:
        raise InvalidSource("a file is given as file:///folder/name.mp4")
    resolved = Path(path).resolve()
    if not inside(resolved, folders):
        raise AddressRefused("the file is not in a folder that cameras may play from")
    if not resolved.is_file():
        raise InvalidSource("there is no such file in the folders that cameras may play from")
    return resolved


def _device(rest: str, policy: SourcePolicy) -> Path:
    if not _DEVICE.match(rest):
        raise InvalidSource("a device is given as device:/dev/video0")
    if not policy.devices:
        raise AddressRefused("devices of this machine are not allowed as cameras")
    return Path(rest)

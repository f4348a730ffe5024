"""A camera of the tests: an RTSP server that plays a clip over and over, and misbehaves when told to."""

import base64
import hashlib
import random
import re
import secrets
import socket
import ssl
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from registry.testing.h264 import interleaved, pictures_of, rtp_payloads
from registry.testing.loopback import LoopbackServer

_CLOCK = 90_000


class Mischief(StrEnum):
    """What the camera does wrong."""

    NONE = "none"
    SILENCE = "silence"  # sends no more
    FREEZE = "freeze"  # the same picture again and again
    RUNAWAY = "runaway"  # pictures as fast as they go
    GARBAGE = "garbage"  # noise instead of video
    HANG_UP = "hang_up"  # ends each connection
    REDIRECT = "redirect"
    MEDIA_SILENT = "media silent"  # speaks RTSP, and a session that is played meanwhile never gets a picture
    NO_STREAM = "no stream"  # speaks RTSP, ends its sessions and answers 404
    BUSY = "busy"  # the same with 453


@dataclass
class CameraSettings:
    """How the camera answers; may be changed while it runs."""

    username: str = ""
    password: str = ""
    scheme: str = "digest"  # or basic
    fps: float = 25.0
    path: str = "/stream"
    nonce_uses: int = 1_000_000  # afterwards a nonce is stale
    hangs_up_after_401: bool = False
    mischief: Mischief = Mischief.NONE
    base: str = ""  # what DESCRIBE names as the stream's address, instead of the one that was asked for


class RtspCamera(LoopbackServer):
    """Listens from construction to `close`; `requests` keeps what was asked, for assertions."""

    def __init__(
        self,
        annex_b: bytes,
        settings: CameraSettings | None = None,
        port: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.settings = settings or CameraSettings()
        self._tls = tls
        self.requests: list[str] = []
        self._noise = random.Random(0)  # noqa: S311 - the same each time: by chance some noise is a picture to a decoder
        self.nonce = ""  # the last one given, good for later connections too
        self.load(annex_b)
        self._callers: set[socket.socket] = set()
        super().__init__(port)

    @property
    def url(self) -> str:
        """Without user-info."""
        return f"rtsp{'s' if self._tls else ''}://{self.host}:{self.port}{self.settings.path}"

    def load(self, annex_b: bytes) -> None:
        """Play another clip from the next picture on."""
        self._pictures = [rtp_payloads(units) for units in pictures_of(annex_b)]

    def hang_up(self) -> None:
        """Reset every connection there is."""
        for caller in list(self._callers):
            with suppress(OSError):
                caller.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End."""
        super().close()
        self.hang_up()

    def serve(self, caller: socket.socket) -> None:
        """Requests and pictures, until either side ends it."""
        with self._tls.wrap_socket(caller, server_side=True) if self._tls else caller as talking:
            session = _Session(self, talking)
            self._callers.add(talking)
            try:
                session.run()
            finally:
                session.playing.clear()
                self._callers.discard(talking)

    def picture(self, number: int) -> list[bytes]:
        """The payloads of one picture, as the mischief has it."""
        pictures = self._pictures
        if self.settings.mischief is Mischief.FREEZE:
            return pictures[0]
        payloads = pictures[number % len(pictures)]
        if self.settings.mischief is Mischief.GARBAGE:
            return [self._noise.randbytes(len(payload)) for payload in payloads]
        return payloads


class _Session:
    """One connection."""

    def __init__(self, camera: RtspCamera, caller: socket.socket) -> None:
        self.camera = camera
        self.caller = caller
        self.playing = threading.Event()
        self._sending = threading.Lock()
        self._nonce, self._uses = camera.nonce, 0

    def run(self) -> None:
        waiting = b""
        while data := self.caller.recv(65_536):
            waiting += data
            while waiting:
                if waiting[:1] == b"$":  # a receiver's report
                    size = 4 + int.from_bytes(waiting[2:4]) if len(waiting) >= 4 else 1 << 20
                    if len(waiting) < size:
                        break
                    waiting = waiting[size:]
                    continue
                head, end, rest = waiting.partition(b"\r\n\r\n")
                if not end:
                    break
                waiting = rest
                self._answer(head.decode("latin-1"))

    def _answer(self, head: str) -> None:
        first, _, lines = head.partition("\r\n")
        method, _, rest = first.partition(" ")
        uri = rest.rpartition(" ")[0]
        headers = {name.lower(): value.strip() for name, _, value in (ln.partition(":") for ln in lines.split("\r\n"))}
        self.camera.requests.append(head)
        settings = self.camera.settings
        if settings.mischief is Mischief.HANG_UP:
            raise ConnectionResetError
        if settings.mischief is Mischief.SILENCE:
            return
        status, extra, body = self._decide(method, uri, headers)
        said = f"RTSP/1.0 {status}\r\nCSeq: {headers.get('cseq', '0')}\r\n{extra}"
        said += f"Content-Length: {len(body)}\r\n\r\n{body}" if body else "\r\n"
        with self._sending:
            self.caller.sendall(said.encode())
        if status.startswith("401") and settings.hangs_up_after_401:
            raise ConnectionResetError
        if method == "PLAY" and status.startswith("200"):
            self.playing.set()
            threading.Thread(target=self._play, name="rtsp-play", daemon=True).start()

    def _decide(self, method: str, uri: str, headers: dict[str, str]) -> tuple[str, str, str]:
        settings = self.camera.settings
        if method == "OPTIONS":
            return "200 OK", "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n", ""
        if settings.mischief is Mischief.REDIRECT:
            return "302 Moved", "Location: rtsp://127.0.0.1:1/elsewhere\r\n", ""
        if settings.mischief in _REFUSALS:
            return _REFUSALS[settings.mischief], "", ""
        if settings.password and not self._is_proven(method, uri, headers.get("authorization", "")):
            return "401 Unauthorized", self._challenge(), ""
        if method == "DESCRIBE":
            if not uri.endswith(settings.path):
                return "404 Not Found", "", ""
            base = settings.base or uri
            return "200 OK", f"Content-Type: application/sdp\r\nContent-Base: {base}/\r\n", _SDP
        if method == "SETUP":
            return "200 OK", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 7;timeout=60\r\n", ""
        return "200 OK", "Session: 7\r\n", ""

    def _challenge(self) -> str:
        if self.camera.settings.scheme == "basic":
            return 'WWW-Authenticate: Basic realm="camera"\r\n'
        self._nonce = self.camera.nonce = secrets.token_hex(8)
        self._uses = 0
        return f'WWW-Authenticate: Digest realm="camera", nonce="{self._nonce}"\r\n'

    def _is_proven(self, method: str, uri: str, said: str) -> bool:
        settings = self.camera.settings
        if settings.scheme == "basic":
            wanted = base64.b64encode(f"{settings.username}:{settings.password}".encode()).decode()
            return said == f"Basic {wanted}"
        self._uses += 1
        found = dict(re.findall(r'(\w+)="([^"]*)"', said))
        secret = _md5(f"{settings.username}:camera:{settings.password}")
        wanted = _md5(f"{secret}:{self._nonce}:{_md5(f'{method}:{uri}')}")
        return found.get("response") == wanted and found.get("uri") == uri and self._uses <= settings.nonce_uses

    def _play(self) -> None:
        number, sequence, stamp = 0, 0, random.randrange(1 << 31)  # noqa: S311
        due = time.monotonic()
        is_dead = False
        while self.playing.is_set():
            settings = self.camera.settings
            if settings.mischief in _REFUSALS:
                with suppress(OSError):
                    self.caller.shutdown(socket.SHUT_RDWR)
                return
            is_dead = is_dead or settings.mischief is Mischief.MEDIA_SILENT
            if not is_dead and settings.mischief is not Mischief.SILENCE:
                payloads = self.camera.picture(number)
                with suppress(TimeoutError), self._sending:
                    try:
                        self.caller.sendall(interleaved(payloads, sequence, stamp))
                    except OSError:
                        return
                sequence += len(payloads)
            number += 1
            stamp += int(_CLOCK / settings.fps)
            due = max(due + 1 / settings.fps, time.monotonic() - 1)
            if settings.mischief is not Mischief.RUNAWAY:
                time.sleep(max(0.0, due - time.monotonic()))


_REFUSALS = {Mischief.NO_STREAM: "404 Not Found", Mischief.BUSY: "453 Not Enough Bandwidth"}
_SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=camera\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\nc=IN IP4 0.0.0.0\r\n"
    "a=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\na=control:track1\r\n"
)


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

"""An RTSP relay on loopback: the decoder speaks to it, it speaks to the camera.

FFmpeg takes its URL from its arguments, which every process of the machine can read, looks the name up itself and
follows redirects. The relay keeps the name, the password and the connection on our side: it connects to the checked
address, puts the Authorization header on each request, and ends where a camera answers with a redirect. The decoder
gets a loopback address with a random path that works once.
"""

import secrets
import selectors
import socket
import time
from contextlib import suppress
from typing import IO

from registry.streams.addresses import AllowedNetworks
from registry.streams.dial import dial
from registry.streams.digest import Challenge, read_challenges
from registry.streams.feed import NetworkFeed
from registry.streams.loss import Reason, SourceLost, refusal_of
from registry.streams.rtsp_messages import Message, Splitter
from registry.streams.sources import CameraSource

_CHUNK = 262_144
_LOOK_S = 0.5
_RELAXED = {"GET_PARAMETER", "SET_PARAMETER", "TEARDOWN"}  # a camera may refuse these and still play


class RtspRelay(NetworkFeed):
    """One connection to one camera, offered once on loopback."""

    needs_stdin = False

    def __init__(self, source: CameraSource, networks: AllowedNetworks, answer_s: float = 2.0) -> None:
        super().__init__(source, networks, answer_s)
        self._token = secrets.token_urlsafe(16)
        self._local_url = ""
        self._door: socket.socket | None = None
        self._decoder: socket.socket | None = None
        self._splitter = Splitter()
        self._challenge: Challenge | None = None
        self._asked: dict[str, tuple[Message, str, bool]] = {}  # by our CSeq: request, the decoder's CSeq, tried twice
        self._cseq = 0

    def open(self) -> None:
        """Connect, and describe the stream once to learn whether we may have it. Raises SourceLost."""
        self._dial()
        answer = self._describe()
        if answer.status == 401 and self._take_challenge(answer):
            try:
                answer = self._describe()
            except SourceLost as lost:
                if lost.reason is not Reason.CLOSED:
                    raise
                self._dial()  # some hang up after they asked for the password
                answer = self._describe()
        if loss := refusal_of(answer.status):
            raise loss
        self._door = socket.create_server(("127.0.0.1", 0), backlog=1)
        self._local_url = f"rtsp://127.0.0.1:{self._door.getsockname()[1]}/{self._token}"

    def input_arguments(self) -> list[str]:
        """For FFmpeg: TCP only, video only, and no protocol beyond what the relay speaks."""
        return [
            *("-protocol_whitelist", "rtsp,rtp,tcp", "-rtsp_transport", "tcp", "-allowed_media_types", "video"),
            *("-fflags", "nobuffer", "-flags", "low_delay", "-fpsprobesize", "0", "-analyzeduration", "1000000"),
            *("-f", "rtsp", "-i", self._local_url),
        ]

    def begin(self, stdin: IO[bytes] | None) -> None:
        """Relay in a thread from now on."""
        self._start(self._run)

    def close(self) -> None:
        """End both connections."""
        self._closing.set()
        for end in (self._camera, self._decoder, self._door):
            if end is not None:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
        self._join()
        for end in (self._camera, self._decoder, self._door):
            if end is not None:
                end.close()

    # the camera's side

    def _dial(self) -> None:
        if self._camera is not None:
            self._camera.close()
        self._camera = dial(self._source, self._networks, self._answer_s)
        self._camera.settimeout(self._answer_s)
        self._splitter = Splitter()

    def _describe(self) -> Message:
        return self._ask(Message(f"DESCRIBE {self._source.url} RTSP/1.0", (("Accept", "application/sdp"),)))

    def _ask(self, request: Message) -> Message:
        """Send one request of our own and wait for its answer."""
        camera = self._connected()
        deadline = time.monotonic() + self._answer_s
        try:
            cseq = self._send(request, "")
            while time.monotonic() < deadline:
                data = camera.recv(_CHUNK)
                if not data:
                    raise SourceLost(Reason.CLOSED, "the camera closed the connection instead of answering")
                for part in self._splitter.feed(data):
                    if isinstance(part, Message) and part.status and part.value("CSeq") in {cseq, ""}:
                        self._asked.pop(cseq, None)
                        return part
        except TimeoutError as error:
            raise SourceLost(Reason.SILENT, "the camera does not answer") from error
        except OSError as error:
            raise SourceLost(Reason.CLOSED, "the connection to the camera ended") from error
        raise SourceLost(Reason.SILENT, "the camera does not answer")

    def _send(self, request: Message, decoder_cseq: str, *, again: bool = False) -> str:
        self._cseq += 1
        cseq = str(self._cseq)
        method, _, rest = request.first.partition(" ")
        uri = rest.rpartition(" ")[0]
        given = self._source.credentials
        proof = self._challenge.answer(given, method, uri) if self._challenge and given else ""
        self._asked[cseq] = (request, decoder_cseq, again)
        self._connected().sendall(request.with_headers(CSeq=cseq, Authorization=proof).to_bytes())
        return cseq

    def _take_challenge(self, answer: Message) -> bool:
        """Whether there is something to answer a 401 with."""
        self._challenge = read_challenges(answer.values("WWW-Authenticate"))
        return self._challenge is not None and self._source.credentials is not None

    def _connected(self) -> socket.socket:
        if self._camera is None:
            raise SourceLost(Reason.CLOSED, "the relay is not open")
        return self._camera

    # both sides

    def _run(self) -> None:
        try:
            self._decoder, first = self._admit()
            self._connected().settimeout(self._answer_s)
            self._decoder.settimeout(self._answer_s)
            self._pump(self._decoder, self._connected(), first)
        except SourceLost as lost:
            self._failure = lost
        except OSError:
            self._failure = SourceLost(Reason.CLOSED, "the connection to the camera ended")
        finally:
            for end in (self._decoder, self._camera):
                if end is not None:
                    with suppress(OSError):
                        end.shutdown(socket.SHUT_RDWR)

    def _admit(self) -> tuple[socket.socket, bytes]:
        """The first caller that knows the path; the door is shut behind it."""
        if self._door is None:
            raise SourceLost(Reason.CLOSED, "the relay is not open")
        self._door.settimeout(_LOOK_S)
        deadline = time.monotonic() + 10
        while not self._closing.is_set() and time.monotonic() < deadline:
            with suppress(TimeoutError):
                caller, _ = self._door.accept()
                caller.settimeout(1)
                first = b""
                with suppress(OSError):
                    first = caller.recv(4_096)
                if self._token.encode() in first.partition(b"\r\n")[0]:
                    self._door.close()
                    return caller, first
                caller.close()
        raise SourceLost(Reason.DECODER, "the decoder did not come")

    def _pump(self, decoder: socket.socket, camera: socket.socket, first: bytes) -> None:
        requests = Splitter()
        self._forward_requests(requests, first)
        with selectors.DefaultSelector() as ready:
            ready.register(camera, selectors.EVENT_READ)
            ready.register(decoder, selectors.EVENT_READ)
            while not self._closing.is_set():
                for key, _ in ready.select(_LOOK_S):
                    end = key.fileobj
                    data = end.recv(_CHUNK)  # type: ignore[union-attr]
                    if not data:
                        raise SourceLost(Reason.CLOSED, "the camera ended the connection" if end is camera else "")
                    if end is camera:
                        self._forward_answers(decoder, data)
                        while getattr(camera, "pending", int)():  # TLS holds decrypted bytes that select cannot see
                            self._forward_answers(decoder, camera.recv(_CHUNK))
                    else:
                        self._forward_requests(requests, data)

    def _forward_requests(self, requests: Splitter, data: bytes) -> None:
        for part in requests.feed(data):
            if isinstance(part, bytes):  # the decoder's RTCP reports
                self._connected().sendall(part)
                continue
            first = part.first.replace(self._local_url, self._source.url)
            self._send(Message(first, part.headers, part.body), part.value("CSeq"))

    def _forward_answers(self, decoder: socket.socket, data: bytes) -> None:
        for part in self._splitter.feed(data):
            if isinstance(part, bytes):
                decoder.sendall(part)
            elif part.status:
                self._answer(decoder, part)
        self._counter.add(len(data), self._splitter.pictures)

    def _answer(self, decoder: socket.socket, answer: Message) -> None:
        request, cseq, again = self._asked.pop(answer.value("CSeq"), (None, "", True))
        if request is None:
            return
        if answer.status == 401 and not again and self._take_challenge(answer):  # a nonce has aged
            self._send(request, cseq, again=True)
            return
        loss = refusal_of(answer.status)
        if loss and request.first.partition(" ")[0] not in _RELAXED:
            raise loss
        decoder.sendall(answer.with_headers(CSeq=cseq).to_bytes())

"""An HTTP MJPEG stream, read by us and handed to the decoder through its standard input."""

import socket
import time
from contextlib import suppress
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import IO, cast

from registry.streams.addresses import AllowedNetworks
from registry.streams.dial import dial
from registry.streams.digest import Challenge, read_challenges
from registry.streams.feed import NetworkFeed
from registry.streams.loss import Reason, SourceLost, refusal_of
from registry.streams.multipart import MultipartSplitter, boundary_of
from registry.streams.sources import CameraSource
from registry.streams.talk import Talk

_CHUNK = 262_144
_PART = b"--p\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%b\r\n"


class MjpegFeed(NetworkFeed):
    """One GET of one camera; redirects are not followed."""

    needs_stdin = True

    def __init__(self, source: CameraSource, networks: AllowedNetworks, answer_s: float = 2.0) -> None:
        super().__init__(source, networks, answer_s)
        self._response: HTTPResponse | None = None
        self._talk: Talk | None = None
        self._splitter: MultipartSplitter | None = None

    def open(self) -> None:
        """Connect and read the head of the answer, which has to be whole in time. Raises SourceLost."""
        challenge: Challenge | None = None
        for _ in range(2):
            response = self._get(challenge)
            challenge = read_challenges(response.headers.get_all("WWW-Authenticate") or [])
            if response.status != 401 or challenge is None or self._source.credentials is None:
                break
        if loss := refusal_of(response.status):
            raise loss
        if self._talk is not None:
            self._talk.incoming.until_s = None
        self._splitter = MultipartSplitter(boundary_of(response.headers.get("Content-Type", "")))
        self._response = response

    def input_arguments(self) -> list[str]:
        """For FFmpeg: pictures from its standard input and from nowhere else."""
        return ["-protocol_whitelist", "pipe", "-use_wallclock_as_timestamps", "1", "-f", "mpjpeg", "-i", "pipe:0"]

    def begin(self, stdin: IO[bytes] | None) -> None:
        """Hand pictures over in a thread from now on."""
        self._start(partial(self._run, stdin))

    def close(self) -> None:
        """End the connection. The decoder must be gone by now, so that nobody waits to write to it."""
        self._closing.set()
        if self._camera is not None:
            with suppress(OSError):
                self._camera.shutdown(socket.SHUT_RDWR)
        self._join()
        if self._response is not None:
            self._response.close()
        if self._camera is not None:
            self._camera.close()

    def _get(self, challenge: Challenge | None) -> HTTPResponse:
        if self._camera is not None:
            self._camera.close()
        self._camera = dial(self._source, self._networks, self._answer_s)
        self._camera.settimeout(self._answer_s)
        self._talk = Talk(self._camera, time.monotonic() + self._answer_s)
        connection = HTTPConnection(self._source.host, self._source.port)
        connection.sock = cast(socket.socket, self._talk)
        headers = {"Accept": "multipart/x-mixed-replace", "Connection": "close"}
        if challenge is not None and self._source.credentials is not None:
            headers["Authorization"] = challenge.answer(self._source.credentials, "GET", self._source.target)
        try:
            connection.request("GET", self._source.target, headers=headers)
            return connection.getresponse()
        except TimeoutError as error:
            raise SourceLost(Reason.SILENT, "the camera does not answer") from error
        except OSError as error:
            raise SourceLost(Reason.CLOSED, "the camera closed the connection instead of answering") from error
        except (HTTPException, ValueError) as error:
            raise SourceLost(Reason.GARBAGE, "what comes is no HTTP") from error

    def _run(self, stdin: IO[bytes] | None) -> None:
        try:
            self._hand_over(stdin)
        except SourceLost as lost:
            self._failure = lost
        except TimeoutError:
            self._failure = SourceLost(Reason.SILENT, "no more pictures come")
        except (OSError, HTTPException, ValueError):
            self._failure = SourceLost(Reason.CLOSED, "the connection to the camera ended")
        finally:
            if stdin is not None:
                with suppress(OSError):
                    stdin.close()

    def _hand_over(self, stdin: IO[bytes] | None) -> None:
        response, splitter = self._response, self._splitter
        if stdin is None or response is None or splitter is None:
            return
        pictures = 0
        while not self._closing.is_set():
            data = response.read1(_CHUNK)
            if not data:
                raise SourceLost(Reason.CLOSED, "the camera ended the stream")
            for picture in splitter.feed(data):
                pictures += 1
                stdin.write(_PART % (len(picture), picture))
                stdin.flush()
            self._counter.add(len(data), pictures)

"""What a browser offers for WebRTC: checked before anything acts on it, and rid of the addresses it names."""

import re
from typing import TYPE_CHECKING

from registry.errors import InvalidInput

if TYPE_CHECKING:
    from aiortc.sdp import MediaDescription, SessionDescription

MOST_BYTES = 32_768
MJPEG_HINT = "The same pictures come as MJPEG: GET /live/{camera_id}.mjpg."
_HINT = f"Send the offer as the browser's RTCPeerConnection made it, for one video to be received. {MJPEG_HINT}"
_TEXT = re.compile(r"[\t\r\n\x20-\x7e]+")
_ICE_NAME, _ICE_PASSWORD = re.compile(r"[A-Za-z0-9+/]{4,256}"), re.compile(r"[A-Za-z0-9+/]{22,256}")
# What aiortc's parser is known to raise on text that is no SDP.
_PARSING = (AssertionError, AttributeError, LookupError, StopIteration, TypeError, ValueError)


def checked_offer(body: bytes) -> str:
    """An offer (SDP, RFC 8866) of one video, which the browser receives; without candidates.

    The candidates are left out on purpose: the server then sends nothing to an address before somebody there has
    proven, by the password of our answer, that they want it. Raises InvalidInput.
    """
    from aiortc.sdp import SessionDescription

    text = body.decode("latin-1")
    if len(body) > MOST_BYTES or not _TEXT.fullmatch(text):
        raise InvalidInput(f"an offer is SDP: printable ASCII of at most {MOST_BYTES} bytes", hint=_HINT)
    lines = [line for line in text.splitlines() if not line.startswith(("a=candidate:", "a=end-of-candidates"))]
    # the browser, which sends again sooner, is the one to begin the handshake
    offer = "\r\n".join(lines).replace("a=setup:actpass", "a=setup:active") + "\r\n"
    try:
        described = SessionDescription.parse(offer)
        problem = _problem(described)
    except _PARSING as error:
        raise InvalidInput(f"the offer cannot be read as SDP: {type(error).__name__}", hint=_HINT) from error
    if problem:
        raise InvalidInput(f"the offer is not one this address can answer: {problem}", hint=_HINT)
    return offer


def _problem(offer: "SessionDescription") -> str:
    if len(offer.media) != 1 or offer.media[0].kind != "video":
        return "it has to be of one video and nothing else"
    video = offer.media[0]
    if video.direction not in {"recvonly", "sendrecv"}:
        return "the video has to be one that is received"
    if not any(codec.mimeType.lower() == "video/vp8" for codec in video.rtp.codecs):
        return "VP8 has to be among its codecs"
    if not video.rtcp_mux or not video.rtp.muxId:
        return "rtcp-mux and mid have to be there"
    return _security_problem(video)


def _security_problem(video: "MediaDescription") -> str:
    if video.ice is None or video.ice.iceLite or not _ICE_NAME.fullmatch(video.ice.usernameFragment or ""):
        return "its ICE user name is missing or malformed"
    if not _ICE_PASSWORD.fullmatch(video.ice.password or ""):
        return "its ICE password is missing or malformed"
    if video.dtls is None or not video.dtls.fingerprints:
        return "its DTLS role or fingerprint is missing"
    return ""

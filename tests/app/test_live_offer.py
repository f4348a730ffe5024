"""What a browser may offer for WebRTC, and everything else that is sent instead."""

import asyncio
import random

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection

from app.live_offer import MOST_BYTES, checked_offer
from registry.errors import InvalidInput


async def _offer(*kinds: str, direction: str = "recvonly") -> bytes:
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    for kind in kinds:
        peer.addTransceiver(kind, direction)
    await peer.setLocalDescription()
    text = peer.localDescription.sdp
    await peer.close()
    return text.encode()


@pytest.fixture(scope="module")
def offer() -> bytes:
    return asyncio.run(_offer("video"))


def _without(offer: bytes, start: bytes) -> bytes:
    return b"\r\n".join(line for line in offer.split(b"\r\n") if not line.startswith(start))


def test_an_offer_loses_the_addresses_it_names_and_nothing_else(offer: bytes) -> None:
    named = b"a=candidate:1 1 udp 1 169.254.169.254 53 typ host\r\n" * 100 + b"a=end-of-candidates\r\n"
    checked = checked_offer(offer + named)
    assert "candidate" not in checked
    kept = _without(_without(offer, b"a=candidate:"), b"a=end-of-candidates")
    assert checked.encode() == kept.replace(b"setup:actpass", b"setup:active")


def test_an_offer_that_names_an_address_by_another_line_end_loses_it_too(offer: bytes) -> None:
    for end in (b"\r", b"\n"):
        assert "candidate" not in checked_offer(offer + b"a=candidate:1 1 udp 1 10.0.0.1 53 typ host" + end)
    for end in (b"\x0b", b"\x0c", b"\x1c", b"\x85"):  # line ends only to Python
        with pytest.raises(InvalidInput):
            checked_offer(offer + b"x" + end + b"a=candidate:1 1 udp 1 10.0.0.1 53 typ host\r\n")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda offer: b"", "printable ASCII"),
        (lambda offer: b"v=0", "one video and nothing else"),
        (lambda offer: offer + b"\x00", "printable ASCII"),
        (lambda offer: offer + b"a=x:" + b"y" * MOST_BYTES, "printable ASCII"),
        (lambda offer: offer.replace(b"VP8", b"AV1"), "VP8"),
        (lambda offer: offer.replace(b"recvonly", b"sendonly"), "received"),
        (lambda offer: offer.replace(b"m=video", b"m=audio"), "one video"),
        (lambda offer: offer + offer[offer.index(b"m=video") :], "one video"),
        (lambda offer: _without(offer, b"a=ice-ufrag"), "ICE user name"),
        (lambda offer: _without(offer, b"a=ice-pwd"), "ICE password"),
        (lambda offer: _without(offer, b"a=setup"), "DTLS"),
        (lambda offer: _without(offer, b"a=fingerprint"), "DTLS"),
        (lambda offer: _without(offer, b"a=rtcp-mux"), "rtcp-mux"),
        (lambda offer: _without(offer, b"a=mid"), "mid"),
        (lambda offer: offer.replace(b"m=video ", b"m=video nine"), "cannot be read"),
        (lambda offer: offer + b"a=fmtp:7 x\r\n", "cannot be read"),
        (lambda offer: offer + b"a=setup:elsewhere\r\n", "cannot be read"),
        (lambda offer: offer + b"a=extmap:" + b"9" * 5_000 + b" x\r\n", "cannot be read"),
    ],
    ids=range(18),
)
def test_anything_else_is_refused_with_the_reason(offer: bytes, change, said: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InvalidInput, match=said) as refused:
        checked_offer(change(offer))
    assert "/live/{camera_id}.mjpg" in refused.value.hint


def test_noise_is_refused_or_read_but_never_breaks_out(offer: bytes) -> None:
    dice = random.Random(7)
    refused = 0
    for _ in range(400):
        noise = bytearray(offer)
        for _ in range(dice.randint(1, 30)):
            noise[dice.randrange(len(noise))] = dice.choice(b"\r\n =:/0129azAZ-+")
        try:
            checked_offer(bytes(noise))
        except InvalidInput:
            refused += 1
    assert refused > 100


def test_an_offer_of_sound_or_data_is_refused() -> None:
    for kinds in (("audio",), ("video", "audio")):
        with pytest.raises(InvalidInput, match="one video"):
            checked_offer(asyncio.run(_offer(*kinds)))

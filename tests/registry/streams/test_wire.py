"""What comes over the wire, cut up rightly wherever the network cuts it."""

import random
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from registry.streams.digest import Challenge, read_challenges
from registry.streams.loss import Reason, SourceLost
from registry.streams.multipart import MultipartSplitter, boundary_of
from registry.streams.rtsp_messages import Message, Splitter
from registry.streams.sources import Credentials
from registry.testing.h264 import interleaved, pictures_of, rtp_payloads

ANSWER = b"RTSP/1.0 200 OK\r\nCSeq: 4\r\nContent-Length: 5\r\n\r\nv=0\r\n"
JPEG = b"\xff\xd8\xff\xe0" + bytes(range(256)) + b"\xff\xd9"


def cut_up(data: bytes, cuts: list[int]) -> list[bytes]:
    at = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[a:b] for a, b in pairwise(at)]


@example([2_919])  # within the first letters of an answer that follows garbage
@given(st.lists(st.integers(0, 5_000)))
def test_answers_and_packets_are_told_apart_however_they_are_cut(cuts: list[int]) -> None:
    packets = [interleaved([bytes([0x65]) * 700] * 2, 2 * number, 3_600 * number) for number in range(2)]
    splitter, messages, passed = Splitter(), [], b""
    for piece in cut_up(packets[0] + ANSWER + packets[1] + b"\0\0" + ANSWER, cuts):
        for part in splitter.feed(piece):
            if isinstance(part, Message):
                messages.append(part)
            else:
                passed += part
    assert passed == b"".join(packets)
    assert [(message.status, message.value("cseq"), message.body) for message in messages] == [
        (200, "4", b"v=0\r\n")
    ] * 2
    assert splitter.pictures == 2
    assert splitter.garbage == 2


@given(st.integers(0, 2**32), st.integers(1_000, 20_000))
def test_noise_is_told_from_a_stream_before_long(seed: int, piece: int) -> None:
    noise = random.Random(seed).randbytes(400_000)
    splitter = Splitter()
    with pytest.raises(SourceLost) as lost:
        for at in range(0, len(noise), piece):
            list(splitter.feed(noise[at : at + piece]))
    assert lost.value.reason is Reason.GARBAGE


@pytest.mark.parametrize(
    "said", [b"RTSP/1.0 200 OK\r\nContent-Length: 99999999\r\n\r\n", b"RTSP/1.0 200 " + b"x" * 20_000]
)
def test_an_answer_without_an_end_is_garbage(said: bytes) -> None:
    with pytest.raises(SourceLost, match="garbage"):
        list(Splitter().feed(said))


def test_a_clip_survives_packing(clip_h264: bytes) -> None:
    pictures = pictures_of(clip_h264)
    assert len(pictures) == 100
    units = pictures[0]
    rebuilt, part = [], b""
    for payload in rtp_payloads(units):
        if payload[0] & 0x1F == 28:
            head = bytes([(payload[0] & 0xE0) | (payload[1] & 0x1F)]) if payload[1] & 0x80 else b""
            part += head + payload[2:]
            if payload[1] & 0x40:
                rebuilt.append(part)
                part = b""
        else:
            rebuilt.append(payload)
    assert rebuilt == units


@given(st.lists(st.integers(0, 2_000)), st.booleans())
def test_pictures_are_cut_from_a_multipart_however_it_is_cut(cuts: list[int], says_length: bool) -> None:
    length = f"Content-Length: {len(JPEG)}\r\n".encode() if says_length else b""
    part = b"--shot\r\nContent-Type: image/jpeg\r\n" + length + b"\r\n" + JPEG + b"\r\n"
    splitter = MultipartSplitter(boundary_of('multipart/x-mixed-replace; boundary="--shot"'))
    found = [picture for piece in cut_up(part * 3 + b"--shot", cuts) for picture in splitter.feed(piece)]
    assert len(found) == 3
    assert all(picture.removesuffix(b"\r\n") == JPEG for picture in found)


@pytest.mark.parametrize("kind", ["", "text/html", "image/jpeg", "multipart/x-mixed-replace"])
def test_what_is_no_mjpeg_stream_is_said(kind: str) -> None:
    with pytest.raises(SourceLost, match="garbage"):
        boundary_of(kind)


@pytest.mark.parametrize(
    "body",
    [
        b"x" * 10_000,
        b"--b\r\nContent-Length: 99999999999\r\n\r\n",
        b"--b\r\nContent-Length: -5\r\n\r\n",
        b"--b\r\nContent-Type: x\r\n\r\nGIF89a" * 31,
        b"--b\r\nContent-Length: 0\r\n\r\n\r\n" * 31,
        b"--b" + b"x" * 10_000,
    ],
)
def test_a_hostile_multipart_is_garbage(body: bytes) -> None:
    with pytest.raises(SourceLost, match="garbage"):
        list(MultipartSplitter(b"--b").feed(body))


@given(st.lists(st.integers(0, 3_000)))
def test_a_bad_part_costs_no_picture_but_itself(cuts: list[int]) -> None:
    bodies = [JPEG, b"", b"\0noise" * 9, JPEG, b"GIF89a"] * 40  # more bad ones than may come running
    parts = [b"--b\r\nContent-Length: %d\r\n\r\n%b\r\n" % (len(body), body) for body in bodies]
    splitter = MultipartSplitter(b"--b")
    found = [picture for piece in cut_up(b"".join(parts), cuts) for picture in splitter.feed(piece)]
    assert found == [JPEG] * 80


def test_digest_answers_as_the_standard_says() -> None:
    asked = (
        'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=%s, '
        'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
    )
    given_ones = Credentials("Mufasa", "Circle of Life")
    cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
    wanted = {  # RFC 7616, 3.9.1
        "MD5": "8ca523f5e9506fed4657c9700eebdbec",
        "SHA-256": "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
    }
    for algorithm, response in wanted.items():
        challenge = read_challenges([asked % algorithm])
        assert challenge is not None
        said = challenge.answer(given_ones, "GET", "/dir/index.html", cnonce)
        assert f'response="{response}"' in said
        assert "nc=00000001" in said
    both = read_challenges([asked % "MD5", asked % "SHA-256", 'Basic realm="x"'])
    assert both is not None
    assert both.parameters["algorithm"] == "SHA-256", "the strongest"


def test_nothing_of_a_name_gets_into_another_header() -> None:
    said = Challenge("digest", {"nonce": "n"}).answer(Credentials('a"\r\nX: y', "p"), "GET", "/")
    assert "\r" not in said
    assert "\n" not in said
    assert read_challenges(["Negotiate x", "Digest algorithm=SHA-512"]) is None

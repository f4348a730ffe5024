"""H.264 for cameras of the tests: clips made by the bundled encoder, cut into pictures, packed into RTP."""

import re
import struct
import subprocess
from pathlib import Path

from imageio_ffmpeg import get_ffmpeg_exe

_START = re.compile(b"\x00\x00\x00?\x01")
_PAYLOAD = 1_400
_RTP = struct.Struct(">BBHII")


def encode_h264(source: list[str], path: Path, *, fps: int = 25, seconds: float = 4.0) -> Path:
    """An Annex-B file from FFmpeg's input arguments, with a key picture each second and no B-pictures."""
    command = [get_ffmpeg_exe(), "-v", "error", "-y", *source, "-t", str(seconds), "-an", "-pix_fmt", "yuv420p"]
    codec = ["-c:v", "libx264", "-preset", "veryfast", "-threads", "1", "-g", str(fps), "-bf", "0", "-crf", "26"]
    subprocess.run([*command, *codec, "-f", "h264", str(path)], check=True, timeout=120)  # noqa: S603
    return path


def pictures_of(annex_b: bytes) -> list[list[bytes]]:
    """The NAL units of each picture, in order; parameter sets belong to the picture that follows them."""
    pictures: list[list[bytes]] = []
    current: list[bytes] = []
    has_slice = False
    for unit in filter(None, _START.split(annex_b)):
        is_slice = 1 <= unit[0] & 0x1F <= 5
        begins = (is_slice and unit[1] & 0x80) or not is_slice
        if has_slice and begins:
            pictures.append(current)
            current, has_slice = [], False
        current.append(unit)
        has_slice = has_slice or is_slice
    return [*pictures, current] if has_slice else pictures


def rtp_payloads(units: list[bytes]) -> list[bytes]:
    """RTP payloads of one picture: whole units, or fragments of those that are too long (RFC 6184, FU-A)."""
    found: list[bytes] = []
    for unit in units:
        if len(unit) <= _PAYLOAD:
            found.append(unit)
            continue
        head, kind, body = (unit[0] & 0xE0) | 28, unit[0] & 0x1F, unit[1:]
        pieces = [body[at : at + _PAYLOAD] for at in range(0, len(body), _PAYLOAD)]
        for number, piece in enumerate(pieces):
            flags = (0x80 if number == 0 else 0) | (0x40 if number == len(pieces) - 1 else 0)
            found.append(bytes([head, flags | kind]) + piece)
    return found


def interleaved(payloads: list[bytes], sequence: int, timestamp: int) -> bytes:
    """The packets of one picture as they go over an RTSP connection, channel 0."""
    sent = bytearray()
    for number, payload in enumerate(payloads):
        marker = 0x80 if number == len(payloads) - 1 else 0
        packet = _RTP.pack(0x80, marker | 96, (sequence + number) & 0xFFFF, timestamp & 0xFFFFFFFF, 0x4E58) + payload
        sent += struct.pack(">BBH", 0x24, 0, len(packet)) + packet
    return bytes(sent)

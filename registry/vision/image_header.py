"""Type and size of an encoded image, read from its header without touching a pixel.

Every reader works on fixed offsets or walks a bounded number of records, allocates nothing that depends on what
the file claims, and says so when the file ends before its image does. Multi-image files (animated WebP and PNG,
multi-page TIFF) are described by their first image.
"""

import struct
from dataclasses import dataclass

from registry.errors import InvalidImage

# Starts of files that people send by mistake, for the message only.
_LOOKS_LIKE = (
    (b"GIF8", "a GIF file"),
    (b"PK\x03\x04", "a ZIP file"),
    (b"%PDF", "a PDF file"),
    (b"\x1f\x8b", "a gzip file"),
    (b"II+\x00", "a BigTIFF file"),
    (b"MM\x00+", "a BigTIFF file"),
    (b"<svg", "an SVG drawing"),
    (b"<", "an HTML or XML page"),
    (b"{", "JSON"),
    (b"RIFF", "a RIFF file (audio or video)"),
    (b"\x00\x00\x00\x0cjP", "a JPEG 2000 file"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"\x89PNG", "a PNG whose signature is damaged"),
)
_MAX_SEGMENTS = 4096
_MAX_SCANS = 100  # a progressive JPEG has about ten; thousands cost minutes of decoding
_START_OF_FRAME = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """What an encoded image says about itself: `kind` is JPEG, PNG, WebP, BMP or TIFF; sizes in stored pixels."""

    kind: str
    width: int
    height: int


_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PNG_SLACK_BYTES = 4_096


def read_header(data: bytes) -> ImageHeader:
    """Type by content and size in pixels (before any EXIF rotation) of one encoded image.

    Raises:
        InvalidImage: empty, another kind of file, cut off, or without a plausible size.
    """
    kind = _kind(data)
    try:
        width, height = _READERS[kind](data)
    except (struct.error, IndexError) as error:
        raise InvalidImage(f"the image is a {kind} that ends early, after {len(data)} bytes") from error
    if width < 1 or height < 1:
        raise InvalidImage(f"the image is a {kind} that declares {width}x{height} pixels")
    return ImageHeader(kind, width, height)


def _kind(data: bytes) -> str:
    if not data:
        raise InvalidImage("the image has 0 bytes")
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WebP"
    if data.startswith(b"BM"):
        return "BMP"
    if data[:4] in (b"II*\x00", b"MM\x00*"):
        return "TIFF"
    if data[4:8] == b"ftyp":
        raise InvalidImage("not an image we read: it starts like an MP4, HEIC or AVIF file")
    head = data[:64].lstrip()
    for start, name in _LOOKS_LIKE:
        if head.startswith(start) or data.startswith(start):
            raise InvalidImage(f"not an image we read: it starts like {name}")
    raise InvalidImage(f"not an image: {len(data)} bytes that start with {data[:8].hex(' ')}")


def _jpeg_size(data: bytes) -> tuple[int, int]:
    """ITU-T T.81 B.1: walk the marker segments up to the first scan, remember the frame header on the way."""
    position, size = 2, None
    for _ in range(_MAX_SEGMENTS):
        if data[position] != 0xFF:
            raise InvalidImage(f"the image is a JPEG whose header is damaged at byte {position}")
        marker = data[position + 1]
        if marker == 0xFF:  # fill byte
            position += 1
            continue
        (length,) = struct.unpack_from(">H", data, position + 2)
        if marker in _START_OF_FRAME:
            height, width = struct.unpack_from(">HH", data, position + 5)
            size = (width, height)
        if marker == 0xDA:
            break
        position += 2 + max(length, 2)
    if size is None:
        raise InvalidImage("the image is a JPEG without a frame header before its first scan")
    if data.rfind(b"\xff\xd9", position) < 0:
        raise InvalidImage(f"the image is a JPEG that ends early, after {len(data)} bytes (no end-of-image marker)")
    if data.count(b"\xff\xda", position) > _MAX_SCANS:
        raise InvalidImage(f"the image is a JPEG of more than {_MAX_SCANS} scans")
    return size


def _png_size(data: bytes) -> tuple[int, int]:
    """W3C PNG 11.2.1: IHDR is the first chunk, IEND the last."""
    width, height = struct.unpack_from(">II", data, 16)
    if data[12:16] != b"IHDR":
        raise InvalidImage("the image is a PNG whose first chunk is not IHDR")
    if data.rfind(b"IEND\xaeB`\x82") < 0:
        raise InvalidImage(f"the image is a PNG that ends early, after {len(data)} bytes (no IEND chunk)")
    _refuse_stuffed_png(data, width, height)
    return width, height


def _refuse_stuffed_png(data: bytes, width: int, height: int) -> None:
    """Pixels that deflate to more bytes than they have are padding that costs the decoder seconds (W3C PNG 7.2)."""
    depth, colour = data[24], data[25]
    row_bytes = 1 + (width * depth * _PNG_CHANNELS.get(colour, 4) + 7) // 8
    most = 2 * row_bytes * height + _PNG_SLACK_BYTES  # interlacing adds filter bytes, deflate a few more
    position, packed = 8, 0
    while position + 8 <= len(data):
        (length,) = struct.unpack_from(">I", data, position)
        packed += length if data[position + 4 : position + 8] == b"IDAT" else 0
        position += 12 + length
    if packed > most:
        raise InvalidImage(f"the image is a PNG of {width} x {height} that carries {packed} bytes of pixels")


def _webp_size(data: bytes) -> tuple[int, int]:
    """RFC 9649: VP8X carries the canvas, VP8 and VP8L their own 14-bit sizes."""
    (riff_bytes,) = struct.unpack_from("<I", data, 4)
    if riff_bytes + 8 > len(data):
        raise InvalidImage(f"the image is a WebP that ends early: {len(data)} of {riff_bytes + 8} bytes")
    chunk = data[12:16]
    if chunk == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if chunk == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if chunk == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    raise InvalidImage(f"the image is a WebP whose first chunk is {chunk!r}")


def _bmp_size(data: bytes) -> tuple[int, int]:
    """BITMAPCOREHEADER has 16-bit sizes, every later header 32-bit ones; a negative height means top row first."""
    (header_bytes,) = struct.unpack_from("<I", data, 14)
    width, height = struct.unpack_from("<HH" if header_bytes == 12 else "<ii", data, 18)
    return width, abs(height)


def _tiff_size(data: bytes) -> tuple[int, int]:
    """TIFF 6.0: tags 256 and 257 of the first directory, each a SHORT or a LONG."""
    order = "<" if data[:2] == b"II" else ">"
    (directory,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, directory)
    sizes: dict[int, int] = {}
    for entry in range(directory + 2, directory + 2 + 12 * min(count, _MAX_SEGMENTS), 12):
        tag, field_type = struct.unpack_from(order + "HH", data, entry)
        if tag in (256, 257) and tag not in sizes:
            (sizes[tag],) = struct.unpack_from(order + ("H" if field_type == 3 else "I"), data, entry + 8)
    if len(sizes) < 2:
        raise InvalidImage("the image is a TIFF without a width and a height")
    return sizes[256], sizes[257]


_READERS = {"JPEG": _jpeg_size, "PNG": _png_size, "WebP": _webp_size, "BMP": _bmp_size, "TIFF": _tiff_size}

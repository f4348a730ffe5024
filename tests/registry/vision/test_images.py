"""Decoding images: what is read, what is refused, and what refusing costs."""

import io
import subprocess
import sys
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from registry.errors import ImageTooLarge, InvalidImage
from registry.vision.image_header import read_header
from registry.vision.images import check_image, decode_image


def picture(width: int = 60, height: int = 40) -> np.ndarray:
    """A smooth RGB gradient that survives JPEG compression."""
    x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return np.stack([x, y, 255 - x], axis=2).astype(np.uint8)


def encode(image: Image.Image | np.ndarray, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(buffer, kind, **options)
    return buffer.getvalue()


def png_claiming(width: int, height: int) -> bytes:
    """A complete PNG of a few hundred bytes to some kilobytes: one bit a pixel, all black, compressed."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return len(body).to_bytes(4, "big") + name + body + zlib.crc32(name + body).to_bytes(4, "big")

    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([1, 0, 0, 0, 0])
    rows = zlib.compress(bytes((width + 7) // 8 + 1) * height, 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


KINDS = [
    ("JPEG", {"quality": 95}, 6),
    ("JPEG", {"quality": 95, "progressive": True}, 6),
    ("PNG", {}, 0),
    ("WEBP", {"lossless": True}, 0),
    ("WEBP", {"quality": 95}, 8),
    ("BMP", {}, 0),
    ("TIFF", {}, 0),
    ("TIFF", {"compression": "tiff_lzw"}, 0),
]


@pytest.mark.parametrize(("kind", "options", "tolerance"), KINDS)
def test_every_supported_type_decodes_to_bgr_of_the_size_its_header_says(kind, options, tolerance):
    data = encode(picture(), kind, **options)
    header = read_header(data)
    assert (header.kind.upper(), header.width, header.height) == (kind, 60, 40)
    image = decode_image(data)
    assert image.dtype == np.uint8
    assert np.abs(image[..., ::-1].astype(int) - picture()).mean() <= tolerance


@pytest.mark.parametrize(
    ("mode", "kind", "why"),
    [
        ("L", "JPEG", "gray becomes three equal channels"),
        ("CMYK", "JPEG", "printers' colours are converted"),
        ("LA", "PNG", "gray with alpha"),
        ("RGBA", "PNG", "alpha is dropped, not blended"),
        ("P", "PNG", "palettes are looked up"),
        ("1", "PNG", "one bit a pixel"),
        ("RGBA", "WEBP", "extended WebP with an alpha chunk"),
    ],
)
def test_every_pixel_layout_becomes_three_channels(mode, kind, why):
    image = decode_image(encode(Image.fromarray(picture()).convert(mode), kind))
    assert image.shape == (40, 60, 3), why
    assert abs(float(image.mean()) - 127) < 8, why


def test_16_bit_samples_become_their_high_byte():
    deep = np.full((8, 8), 0x8001, np.uint16)
    assert (decode_image(encode(Image.fromarray(deep), "PNG")) == 0x80).all()


@pytest.mark.parametrize("kind", ["WEBP", "PNG", "TIFF"])
def test_the_first_image_of_several_is_taken(kind):
    frames = [Image.fromarray(picture()), Image.fromarray(255 - picture())]
    data = encode(frames[0], kind, save_all=True, append_images=frames[1:])
    assert np.abs(decode_image(data)[..., ::-1].astype(int) - picture()).mean() < 8


def test_exif_orientation_is_applied():
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rotate by 90 degrees to show
    assert decode_image(encode(picture(60, 40), "JPEG", exif=exif)).shape == (60, 40, 3)


REFUSED = [
    (b"", "0 bytes", "nothing was sent"),
    (b"PK\x03\x04" + bytes(40), "ZIP", "an archive"),
    (b"GIF89a" + bytes(40), "GIF", "a type we do not read, said by name"),
    (b"%PDF-1.7\n", "PDF", "a document"),
    (b"<html><body>404</body></html>", "HTML", "the error page of a download"),
    (b'{"error": 1}', "JSON", "the error of an API"),
    (b"\x00\x00\x00\x20ftypheic" + bytes(40), "HEIC", "a telephone's own format"),
    (b"hello world", "68 65 6c", "text; the message shows the first bytes"),
    (bytes(100), "100 bytes", "zeros"),
    (b"\xff\xd8\xff", "JPEG that ends early", "three bytes of JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG that ends early", "a bare signature"),
    (b"\x89PNG\r\n\x1a\n" + encode(picture(), "JPEG"), "PNG", "a JPEG under a PNG signature"),
    (b"BM" + bytes(10), "BMP that ends early", "a bare BMP signature"),
    (b"II*\x00\xff\xff\xff\x7f", "TIFF that ends early", "a directory beyond the end"),
    (b"RIFF\x04\x00\x00\x00WEBP", "WebP", "an empty container"),
    (encode(picture(), "JPEG") + b"", None, "control: a whole JPEG passes"),
]


@pytest.mark.parametrize(("data", "says", "why"), REFUSED, ids=[row[2] for row in REFUSED])
def test_what_is_no_image_is_refused_and_the_message_says_what_was_found(data, says, why):
    if says is None:
        assert decode_image(data).shape == (40, 60, 3)
        return
    with pytest.raises(InvalidImage, match=says):
        decode_image(data)


@pytest.mark.parametrize(("kind", "options", "_tolerance"), KINDS)
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9, 0.999])
def test_a_file_that_was_cut_off_is_refused_at_every_length(kind, options, _tolerance, share):
    data = encode(picture(200, 150), kind, **options)
    with pytest.raises(InvalidImage, match=r"ends early|damaged|without|could not"):
        decode_image(data[: min(max(int(len(data) * share), 20), len(data) - 2)])


def test_a_jpeg_with_a_thumbnail_that_was_cut_off_is_refused():
    """The thumbnail's own end-of-image marker must not pass for the picture's."""
    exif = Image.Exif()
    exif[0x9286] = encode(picture(), "JPEG")  # any field that holds a whole JPEG
    data = encode(picture(300, 200), "JPEG", exif=exif)
    assert data.count(b"\xff\xd9") == 2
    with pytest.raises(InvalidImage, match="ends early"):
        decode_image(data[: len(data) * 3 // 4])


def test_bytes_after_the_end_of_a_jpeg_are_ignored():
    """Telephones append depth maps and short films."""
    assert decode_image(encode(picture(), "JPEG") + b"\x00appended" * 50).shape == (40, 60, 3)


def test_a_jpeg_of_thousands_of_scans_is_refused():
    data = encode(picture(), "JPEG", progressive=True)
    first_scan = data.index(b"\xff\xda")
    with pytest.raises(InvalidImage, match="scans"):
        decode_image(data[:-2] + data[first_scan : first_scan + 14] * 5000 + b"\xff\xd9")


@pytest.mark.parametrize(
    ("width", "height", "says"),
    [
        (16_000, 16_000, "256,000,000 pixels; at most 50,000,000 are decoded .image_max_pixels in the settings"),
        (100_000, 100_000, "a side may have at most 32768"),
        (1, 65_535, "a side may have at most 32768"),
        (65_535, 1, "a side may have at most 32768"),
        (2**31 - 1, 2**31 - 1, "a side may have"),
    ],
)
def test_an_image_above_the_bounds_is_refused_by_its_header(width, height, says):
    claimed = png_claiming(1, 1)
    data = claimed[:16] + width.to_bytes(4, "big") + height.to_bytes(4, "big") + claimed[24:]
    with pytest.raises(ImageTooLarge, match=says) as caught:
        decode_image(data)
    assert caught.value.details["width"] == width


def test_the_bound_on_pixels_is_the_callers():
    data = encode(picture(100, 100), "PNG")
    assert decode_image(data, max_pixels=10_000).shape == (100, 100, 3)
    with pytest.raises(ImageTooLarge):
        decode_image(data, max_pixels=9_999)


def test_a_small_file_of_256_million_pixels_costs_no_memory():
    """Run in a child, so that its peak is its own: a 31 kB PNG takes 1.4 GB when it is decoded."""
    data = png_claiming(16_000, 16_000)
    assert len(data) < 40_000
    program = """
import resource, sys
from registry.errors import ImageTooLarge
from registry.vision.images import decode_image
data = sys.stdin.buffer.read()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    decode_image(data)
except ImageTooLarge:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    child = subprocess.run([sys.executable, "-c", program], input=data, capture_output=True, check=True, timeout=60)
    assert int(child.stdout) < 100 * 1024, "kilobytes of growth"


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (np.zeros((4, 4), np.uint8), r"\(4, 4\) uint8"),
        (np.zeros((4, 4, 4), np.uint8), r"\(4, 4, 4\) uint8"),
        (np.zeros((4, 4, 3), np.float32), r"\(4, 4, 3\) float32"),
        (np.zeros((0, 4, 3), np.uint8), r"\(0, 4, 3\)"),
        ([[1, 2, 3]], "list"),
    ],
)
def test_an_array_that_is_no_bgr_image_is_refused_with_its_shape(array, says):
    with pytest.raises(InvalidImage, match=says):
        check_image(array)


def test_decoding_gives_the_same_pixels_as_opencv():
    data = encode(picture(), "JPEG")
    assert np.array_equal(decode_image(data), cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR))

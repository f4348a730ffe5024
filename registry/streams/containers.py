"""The container of a video file, taken from its content.

FFmpeg's own guess would also read playlists that name other files, and pictures.
"""

START_BYTES = 256  # of a file tell its container

_MAGIC = (
    ("mov", 4, (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")),
    ("matroska", 0, (b"\x1a\x45\xdf\xa3",)),
    ("avi", 8, (b"AVI ",)),
)
_PICTURES = (b"heic", b"heix", b"heim", b"heis", b"avif", b"mif1", b"jpeg")  # brands of still pictures in MP4's clothes
_TS_SYNC, _TS_PACKET, _M2TS_PACKET = 0x47, 188, 192


def container_of(start: bytes) -> str:
    """FFmpeg's name of the container that a file with these first bytes is, empty for every other file."""
    if start[4:8] == b"ftyp" and start[8:12] in _PICTURES:
        return ""
    for name, at, magics in _MAGIC:
        if any(start[at : at + len(magic)] == magic for magic in magics):
            return name
    return "mpegts" if _is_transport(start, 0, _TS_PACKET) or _is_transport(start, 4, _M2TS_PACKET) else ""


def _is_transport(start: bytes, at: int, packet: int) -> bool:
    """Whether packets of a transport stream begin here, as far as the bytes reach."""
    places = range(at, len(start), packet)
    return len(start) > at and all(start[place] == _TS_SYNC for place in places)

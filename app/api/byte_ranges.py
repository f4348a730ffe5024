"""A film as a browser's player asks for it: whole, or one part of its bytes."""

import re
from collections.abc import Iterator
from typing import BinaryIO, Literal

from fastapi import Response
from fastapi.responses import StreamingResponse

_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})", re.ASCII)
_CHUNK = 1 << 18


def asks_for_part(asked: str | None) -> bool:
    """Whether `ranged` answers this Range header with a part."""
    found = _RANGE.fullmatch(asked or "")
    return found is not None and bool(found[1] or found[2])


def ranged(
    file: BinaryIO,
    asked: str | None,
    media_type: str,
    name: str,
    shown: Literal["inline", "attachment"] = "inline",
) -> Response:
    """The file, or the part of it that a Range header asks for; takes the file over.

    A header with several parts, or one that cannot be read, gets the whole file, as RFC 9110 allows.
    """
    size = file.seek(0, 2)
    headers = {"accept-ranges": "bytes", "content-disposition": f'{shown}; filename="{name}"'}
    found = _RANGE.fullmatch(asked or "")
    if found is None or not asks_for_part(asked):
        return _answer(file, 0, size, 200, media_type, headers)
    begin = int(found[1]) if found[1] else max(0, size - int(found[2]))
    end = min(int(found[2]) + 1, size) if found[1] and found[2] else size
    if begin >= end:
        file.close()
        return Response(status_code=416, headers={**headers, "content-range": f"bytes */{size}"})
    headers["content-range"] = f"bytes {begin}-{end - 1}/{size}"
    return _answer(file, begin, end, 206, media_type, headers)


def _answer(file: BinaryIO, begin: int, end: int, status: int, media_type: str, headers: dict[str, str]) -> Response:
    headers["content-length"] = str(end - begin)
    return StreamingResponse(_pieces(file, begin, end), status, headers, media_type)


def _pieces(file: BinaryIO, begin: int, end: int) -> Iterator[bytes]:
    with file:
        file.seek(begin)
        while begin < end and (piece := file.read(min(_CHUNK, end - begin))):
            begin += len(piece)
            yield piece

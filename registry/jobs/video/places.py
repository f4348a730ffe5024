"""Zones and lines from a JSON file, as programs and people write them down."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from registry.errors import InvalidInput, InvalidZone
from registry.jobs.video.parameters import LineAsked, VideoAsked, ZoneAsked

_LARGEST = 1 << 20


class PlacesFile(BaseModel):
    """`{"zones": [{"name", "polygon"}], "lines": [{"name", "start", "end"}]}`, points from 0 to 1 from the top left."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    zones: tuple[ZoneAsked, ...] = ()
    lines: tuple[LineAsked, ...] = ()


def parse_places(text: str) -> PlacesFile:
    """Read zones and lines. Raises InvalidZone saying what is wrong where."""
    try:
        return PlacesFile.model_validate_json(text or "{}")
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the text"
        raise InvalidZone(
            f"zones and lines: {where}: {first['msg']}",
            hint='Write {"zones": [{"name": "gate", "polygon": [[0, 0], [1, 0], [1, 1]]}], "lines": []}.',
        ) from error


def read_places(path: Path | None, *, every: int, fps: float | None, track: bool, annotate: bool) -> VideoAsked:
    """What is asked about a video, with the zones and lines of a file. Raises InvalidInput, InvalidZone."""
    found = PlacesFile()
    if path is not None:
        if not path.is_file() or path.stat().st_size > _LARGEST:
            raise InvalidInput(f"{path} is no file with zones and lines")
        found = parse_places(path.read_text(encoding="utf-8", errors="replace"))
    return VideoAsked(every=every, fps=fps, track=track, annotate=annotate, zones=found.zones, lines=found.lines)


def places_of(
    zones: Mapping[str, Sequence[tuple[float, float]]],
    lines: Mapping[str, Sequence[tuple[float, float]]],
    *,
    every: int,
    fps: float | None,
    track: bool,
    annotate: bool,
) -> VideoAsked:
    """What is asked about a video, with zones and lines as a notebook gives them. Raises InvalidInput, InvalidZone."""
    if odd := [name for name, ends in lines.items() if len(ends) != 2]:
        raise InvalidZone(f"line {odd[0]!r} has {len(lines[odd[0]])} points; a line has two ends")
    try:
        return VideoAsked(
            every=every,
            fps=fps,
            track=track,
            annotate=annotate,
            zones=tuple(ZoneAsked(name=name, polygon=tuple(corners)) for name, corners in zones.items()),
            lines=tuple(LineAsked(name=name, start=ends[0], end=ends[1]) for name, ends in lines.items()),
        )
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise InvalidInput(f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}") from error

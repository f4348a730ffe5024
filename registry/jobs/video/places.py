"""Zones and lines from a JSON file, as programs and people write them down."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from registry.errors import InvalidInput, InvalidZone
from registry.jobs.video.parameters import MOST_PLACES, LineAsked, VideoAsked, ZoneAsked
from registry.validation import first_problem

_LARGEST = 1 << 20


class PlacesFile(BaseModel):
    """`{"zones": [{"name", "polygon"}], "lines": [{"name", "start", "end"}]}`, points from 0 to 1 from the top left."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    zones: tuple[ZoneAsked, ...] = Field((), max_length=MOST_PLACES)
    lines: tuple[LineAsked, ...] = Field((), max_length=MOST_PLACES)


def parse_places(text: str) -> PlacesFile:
    """Read zones and lines. Raises InvalidZone saying what is wrong where."""
    try:
        return PlacesFile.model_validate_json(text or "{}")
    except ValidationError as error:
        raise InvalidZone(
            f"zones and lines: {first_problem(error, 'the text')}",
            hint='Write {"zones": [{"name": "gate", "polygon": [[0, 0], [1, 0], [1, 1]]}], "lines": []}.',
        ) from error


def asked_about(**fields: Any) -> VideoAsked:
    """What is asked about a video, by the names of its fields. Raises InvalidInput naming the first wrong one."""
    try:
        return VideoAsked(**fields)
    except ValidationError as error:
        raise InvalidInput(str(first_problem(error))) from error


def read_places(path: Path | None, *, every: int, fps: float | None, track: bool, annotate: bool) -> VideoAsked:
    """What is asked about a video, with the zones and lines of a file. Raises InvalidInput, InvalidZone."""
    found = PlacesFile()
    if path is not None:
        if not path.is_file() or path.stat().st_size > _LARGEST:
            raise InvalidInput(f"{path} is no file with zones and lines")
        found = parse_places(path.read_text(encoding="utf-8", errors="replace"))
    return asked_about(every=every, fps=fps, track=track, annotate=annotate, zones=found.zones, lines=found.lines)


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
        corners = tuple(ZoneAsked(name=name, polygon=tuple(points)) for name, points in zones.items())
        ends = tuple(LineAsked(name=name, start=both[0], end=both[1]) for name, both in lines.items())
    except ValidationError as error:
        raise InvalidInput(str(first_problem(error))) from error
    return asked_about(every=every, fps=fps, track=track, annotate=annotate, zones=corners, lines=ends)

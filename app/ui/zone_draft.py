"""The shapes of one camera while somebody draws them: what is there, what is open, what was changed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from app.ui.marker import Mark, Outline
from registry.cameras.configuration import AnalysisSettings, analysis_of
from registry.errors import RegistryError

Kind = Literal["zone", "line", "mask"]
Point = tuple[float, float]
Box = tuple[float, float, float, float]

KINDS: tuple[Kind, ...] = ("zone", "line", "mask")
_DECIMALS = 4  # of a share of the picture: a tenth of a pixel of a small stream


@dataclass(frozen=True, slots=True)
class Shape:
    """A shape that is there: its kind and number among those of its kind. Masks have no names of their own."""

    kind: Kind
    index: int
    name: str
    points: tuple[Point, ...]

    @property
    def key(self) -> str:
        """Tells it from the others of its camera."""
        return f"{self.kind}.{self.index}"


@dataclass(slots=True)
class Draft:
    """Points are shares of the picture. What is changed is checked as a whole each time, and only then counts."""

    saved: AnalysisSettings
    settings: AnalysisSettings
    kind: Kind = "zone"
    points: list[Point] = field(default_factory=list)
    heard_at: int = 0
    wrong: RegistryError | None = None  # what was last refused, until something else is done

    @property
    def is_changed(self) -> bool:
        """Whether there is something to save."""
        return self.settings != self.saved

    @property
    def is_complete(self) -> bool:
        """Whether the open shape has the corners it takes."""
        return len(self.points) == 2 if self.kind == "line" else len(self.points) >= 3

    def begin(self, kind: Kind) -> None:
        """Draw shapes of another kind; an open one is let go."""
        if kind != self.kind:
            self.kind, self.points, self.wrong = kind, [], None

    def take(self, mark: Mark | None, size_wh: tuple[int, int]) -> bool:
        """Take a mark in; whether it is a new one. Raises InvalidZone for a corner moved to where it cannot be."""
        if mark is None or mark.at <= self.heard_at:
            return False
        self.heard_at, self.wrong = mark.at, None
        if mark.point is not None:
            self._add(_share(mark.point[0], mark.point[1], size_wh))
        elif mark.box_xyxy is not None:
            self._drag(mark.box_xyxy, size_wh)
        elif mark.moved is not None:
            self._move(mark.moved[0], _share(mark.moved[1], mark.moved[2], size_wh))
        return True

    def undo(self) -> None:
        """Take the last corner back."""
        self.wrong = None
        if self.points:
            self.points.pop()

    def clear(self) -> None:
        """Let the open shape go."""
        self.points, self.wrong = [], None

    def close(self, name: str) -> None:
        """Make the open shape one of the camera's. Raises InvalidInput, InvalidZone; it stays open then."""
        corners = [list(point) for point in self.points]
        if self.kind == "line":
            made: Any = {"name": name, "start": corners[0], "end": corners[-1]}
        else:
            made = {"name": name, "points": corners} if self.kind == "zone" else corners
        self._apply(self.kind, [*self._parts(self.kind), made])
        self.clear()

    def shapes(self) -> Sequence[Shape]:
        """Everything that is there."""
        settings = self.settings
        masks = enumerate(settings.motion.masks)
        return (
            *(Shape("zone", at, each.name, _points(each.points)) for at, each in enumerate(settings.zones)),
            *(Shape("line", at, each.name, _points([each.start, each.end])) for at, each in enumerate(settings.lines)),
            *(Shape("mask", at, f"Mask {at + 1}", _points(each)) for at, each in masks),
        )

    def outlines(self, size_wh: tuple[int, int]) -> list[Outline]:
        """What the picture shows: the shapes that are there, then the open one, in pixels."""
        found = [
            Outline(shape.kind, _pixels(shape.points, size_wh), "" if shape.kind == "mask" else shape.name)
            for shape in self.shapes()
        ]
        return [*found, Outline("open", _pixels(self.points, size_wh))] if self.points else found

    def change(self, shape: Shape, **fields: Any) -> None:
        """Give a zone or line other fields; rules follow a name that changes. Raises InvalidInput, InvalidZone."""
        parts = self._parts(shape.kind)
        parts[shape.index] = {**parts[shape.index], **fields}
        name = fields.get("name", shape.name)
        rules = [_renamed(rule, f"{shape.kind}s", shape.name, name) for rule in self._dump()["rules"]]
        self._apply(shape.kind, parts, rules=rules)

    def place(self, shape: Shape, points: Sequence[Point]) -> None:
        """Give a shape other corners. Raises InvalidInput, InvalidZone."""
        corners = [[round(x, _DECIMALS), round(y, _DECIMALS)] for x, y in points]
        parts = self._parts(shape.kind)
        if shape.kind == "mask":
            parts[shape.index] = corners
        elif shape.kind == "zone":
            parts[shape.index] = {**parts[shape.index], "points": corners}
        elif len(corners) == 2:
            parts[shape.index] = {**parts[shape.index], "start": corners[0], "end": corners[1]}
        self._apply(shape.kind, parts)

    def remove(self, shape: Shape) -> None:
        """Delete a shape. Raises InvalidZone for one that a rule names."""
        self._apply(shape.kind, [each for at, each in enumerate(self._parts(shape.kind)) if at != shape.index])

    def set_rules(self, rules: Sequence[dict[str, Any]]) -> None:
        """Take other rules. Raises InvalidInput, InvalidZone."""
        self.settings = analysis_of({**self._dump(), "rules": list(rules)})

    def set_time_zone(self, name: str) -> None:
        """Read the rules' hours in a time zone. Raises InvalidInput."""
        self.settings = analysis_of({**self._dump(), "time_zone": name})

    def rules(self) -> list[dict[str, Any]]:
        """The rules as they are stored."""
        return list(self._dump()["rules"])

    def discard(self) -> None:
        """Back to what is saved."""
        self.settings = self.saved
        self.clear()

    def _add(self, point: Point) -> None:
        if self.kind == "line" and len(self.points) == 2:
            self.points = []
        self.points.append(point)

    def _drag(self, box_xyxy: Box, size_wh: tuple[int, int]) -> None:
        """A drag is a rectangle, or a line's diagonal from left to right."""
        x1, y1, x2, y2 = box_xyxy
        corners = [(x1, y1), (x2, y2)] if self.kind == "line" else [(x1, y1), (x2, y1), (x2, y2), (x1, y2)]
        self.points = [_share(x, y, size_wh) for x, y in corners]

    def _move(self, grip: int, to: Point) -> None:
        for shape in self.shapes():
            if grip < len(shape.points):
                self.place(shape, [to if at == grip else point for at, point in enumerate(shape.points)])
                return
            grip -= len(shape.points)
        if 0 <= grip < len(self.points):
            self.points[grip] = to

    def _dump(self) -> dict[str, Any]:
        return self.settings.model_dump(mode="json")

    def _parts(self, kind: Kind) -> list[Any]:
        stored = self._dump()
        return cast(list[Any], stored["motion"]["masks"] if kind == "mask" else stored[f"{kind}s"])

    def _apply(self, kind: Kind, parts: list[Any], **further: Any) -> None:
        stored = {**self._dump(), **further}
        stored |= {"motion": {**stored["motion"], "masks": parts}} if kind == "mask" else {f"{kind}s": parts}
        self.settings = analysis_of(stored)


def draft_of(settings: AnalysisSettings) -> Draft:
    """A draft that begins with what is saved."""
    return Draft(settings, settings)


def _renamed(rule: dict[str, Any], field_name: str, before: str, after: str) -> dict[str, Any]:
    if field_name not in rule or before == after:
        return rule
    return {**rule, field_name: [after if each == before else each for each in rule[field_name]]}


def _points(corners: Sequence[Sequence[float]]) -> tuple[Point, ...]:
    return tuple((corner[0], corner[1]) for corner in corners)


def _share(x: float, y: float, size_wh: tuple[int, int]) -> Point:
    return round(x / size_wh[0], _DECIMALS), round(y / size_wh[1], _DECIMALS)


def _pixels(points: Sequence[Point], size_wh: tuple[int, int]) -> list[tuple[float, float]]:
    return [(x * size_wh[0], y * size_wh[1]) for x, y in points]

"""What people configure of a camera's analysis: motion, zones, lines, rules."""

from collections.abc import Callable, Iterable, Mapping
from datetime import time
from typing import Annotated, Any, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    Strict,
    StringConstraints,
    ValidationError,
    model_validator,
)

from registry.errors import InvalidInput, InvalidZone
from registry.records.time_zones import checked_zone, zone_named
from registry.streams import (
    AnalysisOptions,
    Hours,
    Line,
    MotionOptions,
    Polygon,
    RegionOptions,
    Rule,
    TrackingOptions,
    Zone,
)
from registry.streams.geometry import MAX_POINTS
from registry.validation import problems_of

MOST = 32  # zones, lines, rules, masks of one camera
_CONFIDENT = TrackingOptions().confident

Made = TypeVar("Made")
Model = TypeVar("Model", bound=BaseModel)
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Seconds = Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)]
Corner = Annotated[list[Annotated[float, Strict()]], Field(min_length=2, max_length=2)]
Outline = Annotated[list[Corner], Field(max_length=MAX_POINTS, description="corners [x, y], 0 to 1 from the top left")]


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("a name has printable characters only")
    return text


def _of_day(moment: time) -> time:
    if moment.tzinfo is not None:
        raise ValueError("an hour has no time zone of its own: `time_zone` says it for all")
    return moment


PartName = Annotated[
    str, StringConstraints(min_length=1, max_length=64, strip_whitespace=True), AfterValidator(_printable)
]
Label = Annotated[
    str, StringConstraints(min_length=1, max_length=120, strip_whitespace=True), AfterValidator(_printable)
]
TimeOfDay = Annotated[time, AfterValidator(_of_day)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class MotionSettings(_Part):
    """The motion gate. Switched off, every frame is analysed."""

    on: bool = True
    sensitivity: Share = Field(0.6, description="0 sees only strong changes, 1 the faintest")
    min_area: Share = Field(0.0008, description="share of the picture that has to change")
    masks: list[Outline] = Field(default_factory=list, max_length=MOST, description="polygons in which nothing counts")


class ZoneSettings(_Part):
    """A part of the picture."""

    name: PartName
    points: Outline
    inertia: int = Field(3, ge=1, le=100, description="looks running that it takes to enter or leave")
    loiter_s: Seconds = Field(0.0, description="seconds in it after which an object loiters; 0 is never")


class LineSettings(_Part):
    """A line that objects cross, in from its left side, seen along it."""

    name: PartName
    start: Corner
    end: Corner
    inertia: int = Field(2, ge=1, le=100, description="looks on the other side that make a crossing")


class HoursSettings(_Part):
    """Hours of some days; an end before the begin is on the next day."""

    days: list[Annotated[int, Field(ge=0, le=6)]] = Field(
        default_factory=lambda: list(range(7)), min_length=1, max_length=7, description="0 is Monday"
    )
    begin: TimeOfDay = Field(description="such as 22:00")
    end: TimeOfDay

    @model_validator(mode="after")
    def _lasts(self) -> Self:
        if self.begin == self.end:
            raise ValueError("hours that end when they begin never hold; the whole day is 00:00 to 23:59:59")
        return self


class RuleSettings(_Part):
    """What makes an event; empty lists and zeros ask for nothing."""

    name: PartName
    labels: list[Label] = Field(default_factory=list, max_length=200)
    zones: list[PartName] = Field(default_factory=list, max_length=MOST, description="in one of these zones")
    lines: list[PartName] = Field(default_factory=list, max_length=MOST, description="crosses one of these lines")
    min_size: Share = Field(0.0, description="share of the picture")
    min_score: Share = Field(0.5, description="the median of its last five scores; 0 takes every one")
    min_duration_s: Seconds = 0.0
    must_loiter: bool = Field(False, description="only what loiters in one of the zones")
    ignores_stationary: bool = Field(False, description="not what stands still")
    schedule: list[HoursSettings] = Field(
        default_factory=list, max_length=MOST, description="when it holds; empty is always"
    )
    cool_down_s: Seconds = Field(10.0, description="seconds before the next event of the same label")


class AnalysisSettings(_Part):
    """What is looked for on a camera; `check` tells whether its parts fit together."""

    motion: MotionSettings = Field(default_factory=MotionSettings)
    regions: bool = Field(True, description="look at small parts around motion where that costs less than the whole")
    height: int = Field(360, ge=64, le=2_160, multiple_of=2, description="pixels of the analysed picture")
    fast_decoding: bool = Field(
        False, description="leave out the codec's smoothing: up to a third less decoding time, rougher pictures"
    )
    confidence: Share | None = Field(None, description="score from which an object is tracked; empty is 0.45")
    iou: Share | None = Field(None, description="overlap above which two boxes are one object; empty is the model's")
    zones: list[ZoneSettings] = Field(default_factory=list, max_length=MOST)
    lines: list[LineSettings] = Field(default_factory=list, max_length=MOST)
    rules: list[RuleSettings] = Field(
        default_factory=lambda: [RuleSettings(name="seen", min_duration_s=0.5, ignores_stationary=True)],
        max_length=MOST,
    )
    time_zone: Annotated[str, AfterValidator(checked_zone)] = Field("UTC", description="of the rules' hours")

    def check(self) -> None:
        """Raises InvalidZone for what cannot be drawn, is called the same, or names a zone or line there is not."""
        self.options()
        _check_names("zones", [zone.name for zone in self.zones])
        _check_names("lines", [line.name for line in self.lines])
        _check_names("rules", [rule.name for rule in self.rules])
        for rule in self.rules:
            _check_known(rule.name, "zone", rule.zones, {zone.name for zone in self.zones})
            _check_known(rule.name, "line", rule.lines, {line.name for line in self.lines})
            chosen = [zone for zone in self.zones if not rule.zones or zone.name in rule.zones]
            if rule.must_loiter and not any(zone.loiter_s > 0 for zone in chosen):
                raise InvalidZone(
                    f"rule {rule.name}: none of its zones says after how many seconds something loiters",
                    hint="Give one of the zones `loiter_s` above 0, or take `must_loiter` from the rule.",
                )

    def options(self) -> AnalysisOptions:
        """As the pipeline takes it. Raises InvalidZone."""
        given = self.motion
        masks = tuple(_mask(number, outline) for number, outline in enumerate(given.masks, start=1))
        motion = MotionOptions(sensitivity=given.sensitivity, min_area=given.min_area, masks=masks)
        return AnalysisOptions(
            motion=motion if given.on else None,
            regions=RegionOptions() if self.regions else None,
            tracking=self._tracking(),
            zones=tuple(_zone(zone) for zone in self.zones),
            lines=tuple(_line(line) for line in self.lines),
            rules=tuple(_rule(rule) for rule in self.rules),
            time_zone=zone_named(self.time_zone),
        )

    @property
    def detect_from(self) -> float:
        """The score from which the model has to report: what is below `confidence` still prolongs tracks."""
        return min(0.1, self.confidence) if self.confidence is not None else 0.1

    def _tracking(self) -> TrackingOptions:
        if self.confidence is None:
            return TrackingOptions()
        return TrackingOptions(activation=self.confidence, confident=min(_CONFIDENT, self.confidence))


def analysis_of(stored: Mapping[str, Any]) -> AnalysisSettings:
    """The settings from what is stored or sent; what is left out has its default. Raises InvalidInput, InvalidZone."""
    made = parsed(AnalysisSettings, stored, "analysis")
    made.check()
    return made


def merged(stored: Mapping[str, Any], given: BaseModel) -> dict[str, Any]:
    """Stored settings with those on top that were given; what is an object is merged too, a list is replaced."""
    result = dict(stored)
    for key, value in given.model_dump(mode="json", exclude_unset=True).items():
        before = result.get(key)
        result[key] = {**before, **value} if isinstance(value, dict) and isinstance(before, dict) else value
    return result


def parsed(kind: type[Model], given: Mapping[str, Any], where: str) -> Model:
    """A model from a mapping. Raises InvalidInput naming the first field that is wrong."""
    try:
        return kind.model_validate(dict(given))
    except ValidationError as error:
        problems = [
            {"field": f"{where}.{each.field}" if each.field else where, "problem": each.message}
            for each in problems_of(error)
        ]
        first = problems[0]
        raise InvalidInput(f"{first['field']}: {first['problem']}", details={"fields": problems[:20]}) from error


def _polygon(outline: list[list[float]]) -> Polygon:
    return Polygon(tuple((corner[0], corner[1]) for corner in outline))


def _mask(number: int, outline: list[list[float]]) -> Polygon:
    return _made(f"mask {number}", lambda: _polygon(outline))


def _zone(zone: ZoneSettings) -> Zone:
    return _made(f"zone {zone.name}", lambda: Zone(zone.name, _polygon(zone.points), zone.inertia, zone.loiter_s))


def _line(line: LineSettings) -> Line:
    start, end = (line.start[0], line.start[1]), (line.end[0], line.end[1])
    return _made(f"line {line.name}", lambda: Line(line.name, start, end, line.inertia))


def _rule(rule: RuleSettings) -> Rule:
    return Rule(
        rule.name,
        labels=frozenset(rule.labels),
        zones=frozenset(rule.zones),
        lines=frozenset(rule.lines),
        min_size=rule.min_size,
        min_score=rule.min_score,
        min_duration_s=rule.min_duration_s,
        must_loiter=rule.must_loiter,
        ignores_stationary=rule.ignores_stationary,
        schedule=tuple(Hours(frozenset(each.days), each.begin, each.end) for each in rule.schedule),
        cool_down_s=rule.cool_down_s,
    )


def _made(what: str, make: Callable[[], Made]) -> Made:
    """What `make` makes; a refusal says of what it is."""
    try:
        return make()
    except InvalidZone as error:
        message = error.message if error.message.startswith(what) else f"{what}: {error.message}"
        raise InvalidZone(message, hint=error.hint, details={"part": what}) from error


def _check_names(what: str, names: list[str]) -> None:
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidZone(f"two {what} are called {twice!r}", hint="Give each a name of its own.")


def _check_known(rule: str, what: str, named: Iterable[str], known: set[str]) -> None:
    for name in named:
        if name not in known:
            raise InvalidZone(
                f"rule {rule}: there is no {what} {name!r} on this camera",
                hint=f"Draw it first, or choose another {what}.",
            )

"""When something is worth an event."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta, tzinfo

from registry.errors import InvalidZone
from registry.streams.events import Box, Event, Snapshot, take_snapshot
from registry.streams.frames import Frame
from registry.streams.geometry import Point
from registry.streams.tracking import Track, TrackingOptions
from registry.streams.zones import Crossing, Places

_BETTER = 1.05  # a new picture has to be so much better than the one we have
_MOST_LOOKS = 16  # tracks of which the best picture so far is kept: a third of a megabyte each


@dataclass(frozen=True, slots=True)
class Hours:
    """From `begin` to `end` on some days (0 is Monday); an end before the begin is on the next day."""

    days: frozenset[int]
    begin: time
    end: time

    def covers(self, local: datetime) -> bool:
        """Whether a local time is in it."""
        now, day = local.time(), local.weekday()
        if self.begin <= self.end:
            return day in self.days and self.begin <= now < self.end
        return (day in self.days and now >= self.begin) or ((day - 1) % 7 in self.days and now < self.end)


@dataclass(frozen=True, slots=True)
class Rule:
    """What has to hold for a track; empty sets and zeros ask for nothing. Sizes are shares of the picture."""

    name: str
    labels: frozenset[str] = frozenset()
    zones: frozenset[str] = frozenset()  # in one of them
    lines: frozenset[str] = frozenset()  # has just crossed one of them
    min_size: float = 0.0
    min_score: float = 0.0
    min_duration_s: float = 0.0
    must_loiter: bool = False
    ignores_stationary: bool = False
    schedule: tuple[Hours, ...] = ()
    cool_down_s: float = 10.0  # for the same label

    def __post_init__(self) -> None:
        if not 1 <= len(self.name) <= 64:
            raise InvalidZone("the name of a rule has 1 to 64 characters")
        if not (0 <= self.min_size <= 1 and 0 <= self.min_score <= 1):
            raise InvalidZone(f"rule {self.name}: size and score are shares, 0 to 1")
        if not (0 <= self.min_duration_s <= 86_400 and 0 <= self.cool_down_s <= 86_400):
            raise InvalidZone(f"rule {self.name}: times are seconds, 0 to 86400")


@dataclass(frozen=True, slots=True)
class _Look:
    """A track as one frame shows it; `worth` says how well."""

    frame: Frame
    box: Box
    score: float
    worth: float

    def snapshot(self) -> Snapshot:
        return take_snapshot(self.frame, self.box, self.score)


@dataclass(slots=True)
class _Open:
    event: Event
    began_s: float
    best: float
    better: _Look | None = None  # shows it better than the event's snapshot

    def ended(self, track: Track, at_s: float) -> Event:
        """The event, over, with the best picture there was; its end is told by the clock that nobody sets."""
        lasted = timedelta(seconds=max(0.0, at_s - self.began_s))
        event = _complete(self.event, track).ended(self.event.started_at + lasted)
        return replace(event, snapshot=self.better.snapshot()) if self.better else event


@dataclass(slots=True)
class RuleBook:
    """The rules of one camera with the events that are open; `zone` is the time zone of their schedules.

    An event by a line is over at once: its picture is the best of its track until then. Any other begins with a frame
    that is as sure as the rule asks for, and ends with its track, where that left the rule's zones, or once it has
    stood still for `rest_s`; the next one of that track begins when it is there again, or has moved on.
    """

    camera_id: str
    rules: tuple[Rule, ...]
    places: Places
    zone: tzinfo
    rest_s: float = TrackingOptions().stationary_after_s
    _open: dict[tuple[str, int], _Open] = field(default_factory=dict)
    _over: dict[tuple[str, int], Point] = field(default_factory=dict)  # before its track: where that was
    _quiet_until: dict[tuple[str, str], float] = field(default_factory=dict)
    _looks: dict[int, _Look] = field(default_factory=dict)  # where rules wait for lines; the newest tracks last

    def update(self, frame: Frame, tracks: list[Track], crossings: Iterable[Crossing]) -> list[Event]:
        """The events that begin or end with this frame; those that stay open take it in."""
        crossed: dict[int, list[Crossing]] = {}
        for crossing in crossings:
            crossed.setdefault(crossing.track_id, []).append(crossing)
        told: list[Event] = []
        if any(rule.lines for rule in self.rules):
            self._look(frame, tracks)
        for rule in self.rules:
            for track in tracks:
                if rule.lines:
                    told += self._pass(rule, track, frame, crossed.get(track.track_id, []))
                else:
                    told += self._stay(rule, track, frame)
        return told

    def end(self, tracks: Iterable[Track], at_s: float) -> list[Event]:
        """The events that end with these tracks, at a monotonic time."""
        ended: list[Event] = []
        for track in tracks:
            keys = [key for key in self._open if key[1] == track.track_id]
            ended += [self._open.pop(key).ended(track, at_s) for key in keys]
            self._over = {key: where for key, where in self._over.items() if key[1] != track.track_id}
            self.places.forget(track.track_id)
            self._looks.pop(track.track_id, None)
        return ended

    def _look(self, frame: Frame, tracks: list[Track]) -> None:
        for track in tracks:
            look, known = _seen(frame, track), self._looks.get(track.track_id)
            if known is None or look.worth > known.worth * _BETTER:
                self._looks[track.track_id] = look
        while len(self._looks) > _MOST_LOOKS:
            del self._looks[next(iter(self._looks))]

    def _pass(self, rule: Rule, track: Track, frame: Frame, crossings: list[Crossing]) -> list[Event]:
        told: list[Event] = []
        for crossing in crossings:
            if crossing.line in rule.lines and self._holds(rule, track, frame):
                opened = self._begin(rule, track, frame, crossing)
                told += [opened.event, opened.ended(track, frame.at_s)]
        return told

    def _stay(self, rule: Rule, track: Track, frame: Frame) -> list[Event]:
        key = (rule.name, track.track_id)
        opened = self._open.get(key)
        if opened is None:
            may_begin = self._may_begin(rule, track, frame.at_s)
            if not may_begin or track.score < rule.min_score or not self._holds(rule, track, frame):
                return []
            self._open[key] = self._begin(rule, track, frame)
            return [self._open[key].event]
        self._take(opened, frame, track)
        rested_s = frame.at_s - max(opened.began_s, track.anchored_s)
        has_come_to_rest = track.is_stationary and rested_s >= self.rest_s
        if self._is_in_place(rule, track, frame.at_s) and not has_come_to_rest:
            return []
        self._over[key] = track.centre
        return [self._open.pop(key).ended(track, frame.at_s)]

    def _may_begin(self, rule: Rule, track: Track, now: float) -> bool:
        """Whether this track has had no event by this rule, or gives cause for another: it came back, or moved on."""
        key = (rule.name, track.track_id)
        if key not in self._over:
            return True
        (x, y), (rested_x, rested_y) = track.centre, self._over[key]
        half_x, half_y = (track.box[2] - track.box[0]) / 2, (track.box[3] - track.box[1]) / 2
        has_moved = not rule.must_loiter and (abs(x - rested_x) > half_x or abs(y - rested_y) > half_y)
        if has_moved or not self._is_in_place(rule, track, now):
            del self._over[key]
        return key not in self._over

    def _is_in_place(self, rule: Rule, track: Track, now: float) -> bool:
        zones = self.places.loiters(track.track_id, now) if rule.must_loiter else self.places.zones_of(track.track_id)
        return (not rule.zones or not rule.zones.isdisjoint(zones)) and (not rule.must_loiter or bool(zones))

    def _holds(self, rule: Rule, track: Track, frame: Frame) -> bool:
        now = frame.at_s
        return (
            (not rule.labels or track.label in rule.labels)
            and self._is_in_place(rule, track, now)
            and not (rule.ignores_stationary and track.is_stationary)
            and track.area >= rule.min_size
            and track.typical_score() >= rule.min_score
            and now - track.first_s >= rule.min_duration_s
            and now >= self._quiet_until.get((rule.name, track.label), float("-inf"))
            and self._is_on(rule, frame)
        )

    def _is_on(self, rule: Rule, frame: Frame) -> bool:
        local = frame.captured_at.astimezone(self.zone)
        return not rule.schedule or any(hours.covers(local) for hours in rule.schedule)

    def _begin(self, rule: Rule, track: Track, frame: Frame, crossing: Crossing | None = None) -> _Open:
        now = _seen(frame, track)
        best = max(now, self._looks.get(track.track_id, now), key=lambda look: look.worth) if crossing else now
        event = Event(
            self.camera_id,
            rule.name,
            track.track_id,
            track.label,
            frame.captured_at,
            zones=tuple(self.places.zones_of(track.track_id)),
            line=crossing.line if crossing else "",
            direction=("in" if crossing.is_in else "out") if crossing else "",
            best_score=max(best.score, track.typical_score()),
            snapshot=best.snapshot(),
        )
        self._quiet_until[rule.name, track.label] = frame.at_s + rule.cool_down_s
        return _Open(_complete(event, track), frame.at_s, now.worth)

    def _take(self, opened: _Open, frame: Frame, track: Track) -> None:
        zones = dict.fromkeys((*opened.event.zones, *self.places.zones_of(track.track_id)))
        opened.event = replace(
            opened.event, zones=tuple(zones), label=track.label, best_score=max(opened.event.best_score, track.score)
        )
        look = _seen(frame, track)
        if look.worth > opened.best * _BETTER:
            opened.best, opened.better = look.worth, look


def _seen(frame: Frame, track: Track) -> _Look:
    """How a frame shows a track: better where it is sure, large, and not cut by the picture's edge."""
    x1, y1, x2, y2 = track.box
    is_cut = min(x1, y1) <= 0.002 or max(x2, y2) >= 0.998
    worth = track.score * float(track.area**0.5) * (0.5 if is_cut else 1.0)
    return _Look(frame, track.box, track.score, worth)


def _complete(event: Event, track: Track) -> Event:
    began = track.first_s
    scores = tuple((round(at - began, 3), score) for at, score in track.scores)
    return replace(event, scores=scores, path=tuple((round(at - began, 3), x, y) for at, x, y in track.path))

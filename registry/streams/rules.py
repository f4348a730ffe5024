"""When something is worth an event."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, time, tzinfo

from registry.errors import InvalidZone
from registry.streams.events import Box, Event, take_snapshot
from registry.streams.frames import Frame
from registry.streams.tracking import Track
from registry.streams.zones import Crossing, Places

_BETTER = 1.05  # a new picture has to be so much better than the one we have


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


@dataclass(slots=True)
class _Open:
    event: Event
    best: float
    better: tuple[Frame, Box, float] | None = None  # shows it better than the event's snapshot

    def ended(self, track: Track, at: datetime) -> Event:
        """The event, over, with the best picture there was."""
        event = _complete(self.event, track).ended(at)
        return replace(event, snapshot=take_snapshot(*self.better)) if self.better else event


@dataclass(slots=True)
class RuleBook:
    """The rules of one camera with the events that are open; `zone` is the time zone of their schedules."""

    camera_id: str
    rules: tuple[Rule, ...]
    places: Places
    zone: tzinfo
    _open: dict[tuple[str, int], _Open] = field(default_factory=dict)
    _done: set[tuple[str, int]] = field(default_factory=set)
    _quiet_until: dict[tuple[str, str], float] = field(default_factory=dict)

    def update(self, frame: Frame, tracks: list[Track], crossings: Iterable[Crossing]) -> list[Event]:
        """The events that begin with this frame; those that are open take it in."""
        crossed = {crossing.track_id: crossing for crossing in crossings}
        begun = []
        for rule in self.rules:
            for track in tracks:
                key = (rule.name, track.track_id)
                if key in self._open:
                    self._take(self._open[key], frame, track)
                elif self._holds(rule, track, frame, crossed.get(track.track_id)):
                    begun.append(self._begin(rule, track, frame, crossed.get(track.track_id)))
        return begun

    def end(self, tracks: Iterable[Track], at: datetime) -> list[Event]:
        """The events that end with these tracks."""
        ended: list[Event] = []
        for track in tracks:
            keys = [key for key in self._open if key[1] == track.track_id]
            ended += [self._open.pop(key).ended(track, at) for key in keys]
            self._done = {key for key in self._done if key[1] != track.track_id}
            self.places.forget(track.track_id)
        return ended

    def _holds(self, rule: Rule, track: Track, frame: Frame, crossing: Crossing | None) -> bool:
        now = frame.at_s
        zones = self.places.loiters(track.track_id, now) if rule.must_loiter else self.places.zones_of(track.track_id)
        by_line = bool(rule.lines)
        return (
            (by_line or (rule.name, track.track_id) not in self._done)
            and (not by_line or (crossing is not None and crossing.line in rule.lines))
            and (not rule.labels or track.label in rule.labels)
            and (not rule.zones or not rule.zones.isdisjoint(zones))
            and (not rule.must_loiter or bool(zones))
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

    def _begin(self, rule: Rule, track: Track, frame: Frame, crossing: Crossing | None) -> Event:
        by_line = crossing is not None and crossing.line in rule.lines
        event = Event(
            self.camera_id,
            rule.name,
            track.track_id,
            track.label,
            frame.captured_at,
            zones=tuple(self.places.zones_of(track.track_id)),
            line=crossing.line if by_line and crossing else "",
            direction=("in" if crossing.is_in else "out") if by_line and crossing else "",
            best_score=track.score,
            snapshot=take_snapshot(frame, track.box, track.score),
        )
        event = _complete(event, track)
        self._open[rule.name, track.track_id] = _Open(event, _worth(track))
        self._done.add((rule.name, track.track_id))
        self._quiet_until[rule.name, track.label] = frame.at_s + rule.cool_down_s
        return event

    def _take(self, opened: _Open, frame: Frame, track: Track) -> None:
        zones = dict.fromkeys((*opened.event.zones, *self.places.zones_of(track.track_id)))
        opened.event = replace(
            opened.event, zones=tuple(zones), label=track.label, best_score=max(opened.event.best_score, track.score)
        )
        if _worth(track) > opened.best * _BETTER:
            opened.best = _worth(track)
            opened.better = (frame, track.box, track.score)


def _worth(track: Track) -> float:
    """How well a frame shows the track: sure, large, and not cut by the picture's edge."""
    x1, y1, x2, y2 = track.box
    is_cut = min(x1, y1) <= 0.002 or max(x2, y2) >= 0.998
    return track.score * float(track.area**0.5) * (0.5 if is_cut else 1.0)


def _complete(event: Event, track: Track) -> Event:
    began = track.first_s
    scores = tuple((round(at - began, 3), score) for at, score in track.scores)
    return replace(event, scores=scores, path=tuple((round(at - began, 3), x, y) for at, x, y in track.path))

"""Where tracks are: zones they are in, lines they cross."""

from collections import Counter
from dataclasses import dataclass, field

from registry.errors import InvalidZone
from registry.streams.geometry import Point, Polygon, check_points, meet, side
from registry.streams.tracking import Track


@dataclass(frozen=True, slots=True)
class Zone:
    """A part of the picture. A track is in it once its foot was inside for `inertia` looks running, and left it
    once outside for as many; after `loiter_s` seconds in it, it loiters (0: never)."""

    name: str
    polygon: Polygon
    inertia: int = 3
    loiter_s: float = 0.0

    def __post_init__(self) -> None:
        _check(self.name, self.inertia)
        if not 0 <= self.loiter_s <= 86_400:
            raise InvalidZone(f"zone {self.name}: loitering is told in seconds, 0 to 86400")


@dataclass(frozen=True, slots=True)
class Line:
    """A line to cross, from `start` to `end`. Who comes from its left side, seen along it, goes in."""

    name: str
    start: Point
    end: Point
    inertia: int = 2

    def __post_init__(self) -> None:
        _check(self.name, self.inertia)
        check_points((self.start, self.end))
        if max(abs(self.start[0] - self.end[0]), abs(self.start[1] - self.end[1])) < 0.01:
            raise InvalidZone(
                f"line {self.name} is too short: at least a hundredth of the picture", hint="Draw it longer."
            )


@dataclass(frozen=True, slots=True)
class Crossing:
    """A track crossed a line."""

    track_id: int
    line: str
    is_in: bool


@dataclass(slots=True)
class _Presence:
    is_in: bool = False
    streak: int = 0  # looks that say the opposite
    entered_s: float = 0.0


@dataclass(slots=True)
class _Beside:
    side: int = 0
    foot: Point = (0.0, 0.0)
    streak: int = 0
    is_through: bool = False


@dataclass(slots=True)
class Places:
    """Keeps for each track where it is; for one camera."""

    zones: tuple[Zone, ...] = ()
    lines: tuple[Line, ...] = ()
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)  # by line, "in" or "out"
    _present: dict[tuple[int, str], _Presence] = field(default_factory=dict)
    _beside: dict[tuple[int, str], _Beside] = field(default_factory=dict)

    def update(self, tracks: list[Track], now: float) -> list[Crossing]:
        """Take in where the tracks that were seen are now; the lines they crossed with it."""
        for zone in self.zones:
            for track in tracks:
                self._visit(zone, track, now)
        crossings = [found for line in self.lines for track in tracks if (found := self._pass(line, track))]
        self.counts.update((crossing.line, "in" if crossing.is_in else "out") for crossing in crossings)
        return crossings

    def zones_of(self, track_id: int) -> list[str]:
        """The zones that a track is in."""
        return [zone.name for zone in self.zones if self._is_in(track_id, zone.name)]

    def loiters(self, track_id: int, now: float) -> list[str]:
        """The zones in which a track loiters."""
        return [
            zone.name
            for zone in self.zones
            if zone.loiter_s > 0
            and self._is_in(track_id, zone.name)
            and now - self._present[track_id, zone.name].entered_s >= zone.loiter_s
        ]

    def forget(self, track_id: int) -> None:
        """A track ended."""
        for kept in (self._present, self._beside):
            for key in [key for key in kept if key[0] == track_id]:
                del kept[key]

    def _is_in(self, track_id: int, zone: str) -> bool:
        presence = self._present.get((track_id, zone))
        return presence is not None and presence.is_in

    def _visit(self, zone: Zone, track: Track, now: float) -> None:
        presence = self._present.setdefault((track.track_id, zone.name), _Presence())
        if zone.polygon.contains(track.foot) == presence.is_in:
            presence.streak = 0
            return
        presence.streak += 1
        if presence.streak >= zone.inertia:
            presence.is_in, presence.streak, presence.entered_s = not presence.is_in, 0, now

    def _pass(self, line: Line, track: Track) -> Crossing | None:
        foot, beside = track.foot, self._beside.setdefault((track.track_id, line.name), _Beside())
        now_at = side(line.start, line.end, foot)
        touches = beside.side != 0 and meet(line.start, line.end, beside.foot, foot)
        beside.foot = foot
        beside.side = beside.side or now_at
        if now_at == beside.side:
            beside.streak, beside.is_through = 0, False
            return None
        beside.is_through = beside.is_through or touches
        beside.streak += now_at != 0
        if beside.streak < line.inertia:
            return None
        crossing = Crossing(track.track_id, line.name, is_in=beside.side > 0) if beside.is_through else None
        self._beside[track.track_id, line.name] = _Beside(now_at, foot)
        return crossing


def _check(name: str, inertia: int) -> None:
    if not 1 <= len(name) <= 64 or not name.isprintable():
        raise InvalidZone("the name of a zone or line has 1 to 64 printable characters")
    if not 1 <= inertia <= 100:
        raise InvalidZone(f"{name}: inertia is told in looks, 1 to 100")

"""When it was what a camera's film shows: gaps in what was recorded are none in the film."""

import json
from bisect import bisect_right
from dataclasses import dataclass
from datetime import datetime, timedelta

from registry.errors import ObjectNotFound
from registry.jobs.files import JobFiles

_NAME = "recorded.json"
Moments = tuple[tuple[float, datetime], ...]


@dataclass(frozen=True, slots=True)
class Recorded:
    """From each second of the film that is named on, time passes as on the clock from the moment beside it.

    The first second is 0, moments are aware.
    """

    moments: Moments

    def at(self, at_s: float) -> datetime:
        """When a second of the film was, in UTC, to the millisecond."""
        place = max(bisect_right(self.moments, at_s, key=lambda each: each[0]) - 1, 0)
        begun_s, begun = self.moments[place]
        moment = begun + timedelta(seconds=at_s - begun_s)
        return moment.replace(microsecond=moment.microsecond // 1_000 * 1_000)

    def text(self, at_s: float) -> str:
        """The same as tables have it: `2026-05-04T08:00:02.040+00:00`."""
        return self.at(at_s).isoformat(timespec="milliseconds")

    def keep(self, files: JobFiles) -> None:
        """Store it beside the film."""
        told = [[at_s, moment.isoformat()] for at_s, moment in self.moments]
        files.put("input", _NAME, json.dumps(told).encode())


def recorded_of(files: JobFiles) -> Recorded | None:
    """What was kept beside the film; None of a video that no camera of ours recorded."""
    try:
        told = json.loads(files.get("input", _NAME))
    except ObjectNotFound:
        return None
    return Recorded(tuple((float(at_s), datetime.fromisoformat(moment)) for at_s, moment in told))

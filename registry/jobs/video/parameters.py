"""What a video is analysed with: the version, the thresholds, which pictures, zones and lines, what is drawn."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from registry.errors import InvalidZone
from registry.models.thresholds import Thresholds

if TYPE_CHECKING:  # whoever knows the kinds of jobs needs no tracker
    from registry.streams.video_frames import Sampling
    from registry.streams.zones import Line, Zone

UPLOAD = "upload"
MOST_PLACES = 16
Drawn = Literal["boxes", "labels", "traces", "places"]
DRAWN: tuple[Drawn, ...] = ("boxes", "labels", "traces", "places")
Corner = tuple[float, float]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ZoneAsked(_Frozen):
    """A part of the picture whose visitors are counted; corners from 0 to 1, from the top left."""

    name: str = Field(min_length=1, max_length=64)
    polygon: tuple[Corner, ...] = Field(min_length=3, max_length=64)


class LineAsked(_Frozen):
    """A line whose crossings are counted both ways; ends from 0 to 1, from the top left."""

    name: str = Field(min_length=1, max_length=64)
    start: Corner
    end: Corner


class VideoAsked(_Frozen):
    """What somebody wants to know about a video, beside the model."""

    every: int = Field(1, ge=1, le=1_000, description="look at each so-many-th picture")
    fps: Annotated[float, Field(ge=0.01, le=240)] | None = Field(
        None, description="instead: look at so many pictures a second"
    )
    track: bool = Field(True, description="give the same thing the same number from picture to picture")
    zones: tuple[ZoneAsked, ...] = Field((), max_length=MOST_PLACES)
    lines: tuple[LineAsked, ...] = Field((), max_length=MOST_PLACES)
    annotate: bool = Field(True, description="also make the film with the answers drawn on it")
    draw: tuple[Drawn, ...] = Field(DRAWN, description="what is drawn on it")

    @property
    def sampling(self) -> "Sampling":
        """Which pictures are looked at."""
        from registry.streams.video_frames import Sampling

        return Sampling(self.every, self.fps or 0.0)

    def places(self) -> "tuple[tuple[Zone, ...], tuple[Line, ...]]":
        """The zones and lines, checked. Raises InvalidZone."""
        from registry.streams.geometry import Polygon
        from registry.streams.zones import Line, Zone

        names = [each.name for each in self.zones] + [each.name for each in self.lines]
        if len(set(names)) < len(names):
            raise InvalidZone("two zones or lines have the same name", hint="Give each a name of its own.")
        if self.lines and not self.track:
            raise InvalidZone("lines are crossed by tracks", hint="Switch tracking on, or leave the lines out.")
        zones = tuple(Zone(each.name, Polygon(each.polygon), inertia=2) for each in self.zones)
        return zones, tuple(Line(each.name, each.start, each.end) for each in self.lines)


class VideoParameters(VideoAsked):
    """The parameters of a video job; version and file are fixed when it is submitted, whatever happens later."""

    model: str = Field(description="the registered name")
    version: int = Field(description="the version that answers")
    source: str = Field(description="`upload`, or the file on the server")
    name: str = Field(description="what the video is called")
    digest: str = Field("", description="tells whether a file on the server is still the same")
    confidence: float | None = None
    iou: float | None = None
    max_detections: int | None = None

    @property
    def thresholds(self) -> Thresholds:
        """As a prediction takes them."""
        return Thresholds(self.confidence, self.iou, self.max_detections)

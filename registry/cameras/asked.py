"""What is asked for when a camera is added or changed."""

from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, StringConstraints, model_validator

from registry.cameras.configuration import AnalysisSettings, ZoneSettings
from registry.cameras.recording import RecordingSettings
from registry.streams.sources import MAX_URL


def _one_line(text: str) -> str:
    if not text.isprintable():
        raise ValueError("has control or invisible characters")
    return text


def _secret(given: SecretStr) -> SecretStr:
    _one_line(given.get_secret_value())
    return given


CameraName = Annotated[
    str, StringConstraints(min_length=1, max_length=80, strip_whitespace=True), AfterValidator(_one_line)
]
Url = Annotated[str, Field(min_length=1, max_length=MAX_URL, description="rtsp://host:554/path and the like")]
Username = Annotated[str, Field(max_length=200), AfterValidator(_one_line)]
Password = Annotated[SecretStr, Field(max_length=200), AfterValidator(_secret)]
ModelName = Annotated[str, Field(max_length=63, description="a registered detector; empty looks at nothing")]
Alias = Annotated[str, Field(max_length=31, description="which version, such as champion; may move later")]
Version = Annotated[int, Field(ge=1, le=2**31 - 1, description="which version, for good")]
Fps = Annotated[float, Field(ge=0.1, le=60, allow_inf_nan=False, description="pictures a second that are analysed")]
GroupId = Annotated[str, Field(max_length=32)]
_CREDENTIALS = "kept encrypted, never answered"


class _Zoned(BaseModel):
    """`zones` is short for those of `analysis`: two sets that differ are refused."""

    zones: list[ZoneSettings] | None = None
    analysis: AnalysisSettings | None = None

    @model_validator(mode="after")
    def _has_one_set(self) -> Self:
        within = self.analysis if self.analysis is not None and "zones" in self.analysis.model_fields_set else None
        if self.zones is not None and within is not None and within.zones != self.zones:
            raise ValueError("zones and analysis.zones differ: give one of them")
        return self


class NewCamera(_Zoned):
    """A camera to be added. `zones` is short for those of `analysis`."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "name": "Loading bay",
                    "url": "rtsp://10.20.0.7/stream2",
                    "username": "viewer",
                    "password": "…",
                    "model": "people",
                    "alias": "champion",
                    "analysed_fps": 5,
                    "zones": [{"name": "door", "points": [[0.1, 0.4], [0.4, 0.4], [0.4, 0.9], [0.1, 0.9]]}],
                    "recording": {"mode": "events"},
                }
            ]
        },
    )

    name: CameraName
    url: Url
    username: Username | None = Field(None, description=_CREDENTIALS)
    password: Password | None = Field(None, description=_CREDENTIALS)
    verify_tls: bool = Field(True, description="false accepts a certificate that the camera signed itself")
    group_id: GroupId | None = None
    model: ModelName = ""
    alias: Alias | None = None
    version: Version | None = None
    analysed_fps: Fps = 5.0
    analysis: AnalysisSettings = Field(default_factory=AnalysisSettings)
    recording: RecordingSettings = Field(default_factory=RecordingSettings)
    start: bool = Field(True, description="start it at once")


class CameraChange(_Zoned):
    """What to change of a camera; what is left out stays, also inside `analysis` and `recording`."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"name": "Loading bay 2", "analysis": {"motion": {"sensitivity": 0.7}}}]},
    )

    name: CameraName | None = None
    url: Url | None = Field(None, description="another host or port needs name and password again")
    username: Username | None = Field(None, description="empty, with an empty password: none any more")
    password: Password | None = Field(None, description=_CREDENTIALS)
    verify_tls: bool | None = None
    group_id: GroupId | None = Field(None, description="empty: in no group")
    model: ModelName | None = None
    alias: Alias | None = None
    version: Version | None = None
    analysed_fps: Fps | None = None
    recording: RecordingSettings | None = None
    revision: int | None = Field(None, ge=1, description="refused if the camera was changed since it had this one")

    def given(self, *names: str) -> dict[str, Any]:
        """Those of the fields that were given a value."""
        return {name: value for name in names if (value := getattr(self, name)) is not None}


class Tried(BaseModel):
    """A source whose connection is to be tried. With `camera_id` and no password, that camera's own is used."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"url": "rtsp://10.20.0.7/stream2", "username": "viewer", "password": "…"}]},
    )

    url: Url
    username: Username | None = None
    password: Password | None = None
    verify_tls: bool = True
    camera_id: GroupId | None = Field(None, description="the camera that is being changed")


class GroupAsked(BaseModel):
    """A group of cameras."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"name": "Hall 2", "description": "Loading and packing"}]}
    )

    name: CameraName
    description: Annotated[str, Field(max_length=400), AfterValidator(_one_line)] = ""


class GroupChange(BaseModel):
    """What to change of a group; what is left out stays."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"name": "Hall 2, north"}]})

    name: CameraName | None = None
    description: Annotated[str, Field(max_length=400), AfterValidator(_one_line)] | None = None

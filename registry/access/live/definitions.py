"""The live settings: type, bounds, meaning and editors of each, in one class."""

import ipaddress
import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

_ORIGIN = re.compile(r"https?://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:(?P<port>\d{1,5}))?", re.ASCII)

Category = Literal["accounts", "sessions", "limits", "api", "uploads", "inference", "jobs", "cameras", "appearance"]
Editors = Literal["admin", "engineer"]

CATEGORIES: dict[Category, str] = {
    "accounts": "Who gets an account, and how wrong passwords are slowed down",
    "sessions": "How long sign-ins hold",
    "limits": "How many requests a caller may send",
    "api": "Who else may call the HTTP API from a browser",
    "uploads": "How large files may be, and how much one person may bring",
    "inference": "What a prediction uses where its request names nothing",
    "jobs": "How much background work runs at once",
    "cameras": "Where cameras may be, and how long what they saw is kept",
    "appearance": "What people read on the pages",
}


def _setting(
    default: object,
    category: Category,
    title: str,
    description: str,
    *,
    unit: str = "",
    editors: Editors = "admin",
    restart: bool = False,
    **bounds: Any,
) -> Any:
    extra: dict[str, Any] = {"category": category, "unit": unit, "editors": editors, "restart": restart}
    return Field(default, title=title, description=description, json_schema_extra=extra, **bounds)


def _origin(text: str) -> str:
    """A web origin such as https://tools.example.com:8443; never a wildcard."""
    origin = text.strip().rstrip("/").lower()
    found = _ORIGIN.fullmatch(origin)
    if not found or int(found["port"] or 0) > 65_535:
        raise ValueError(f"{text[:80]!r} is not an origin such as https://tools.example.com")
    return origin


def _network(text: str) -> str:
    """A network such as 10.20.0.0/16; a single address is one of its own."""
    try:
        return str(ipaddress.ip_network(text.strip()))
    except ValueError as error:
        raise ValueError(f"{text[:80]!r} is not a network such as 10.20.0.0/16") from error


def _camera_network(text: str) -> str:
    """A network that a camera can be in: neither this machine itself nor link-local."""
    network = ipaddress.ip_network(_network(text))
    if network.is_loopback or network.is_link_local:
        raise ValueError(f"{network} is this machine itself or link-local, where no camera is ever read")
    return str(network)


Network = Annotated[str, Field(max_length=64), AfterValidator(_network)]
CameraNetwork = Annotated[str, Field(max_length=64), AfterValidator(_camera_network)]
Origin = Annotated[str, Field(max_length=255), AfterValidator(_origin)]


class LiveSettings(BaseModel):
    """Every live setting with the value in force.

    A field that `registry.settings.Settings` also has takes its default from there: the environment first, then
    what an administrator set here; `reset` goes back to the environment's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    registration_open: bool = _setting(
        False, "accounts", "Open registration", "people can make themselves an account on the sign-in page"
    )
    registration_approval: bool = _setting(
        True, "accounts", "Approve registrations", "a new account works only after an administrator has activated it"
    )
    password_min_length: int = _setting(
        8, "accounts", "Shortest password", "characters a new password has at least", unit="characters", ge=8, le=64
    )
    free_failures_per_account: int = _setting(
        5,
        "accounts",
        "Free failures per account",
        "wrong passwords for one account before each further one doubles the wait; a browser known from before waits "
        "by its own count",
        unit="attempts",
        ge=1,
        le=20,
    )
    free_failures_per_address: int = _setting(
        100,
        "accounts",
        "Free failures per address",
        "wrong passwords from one address, for whatever account, before each further one doubles the wait",
        unit="attempts",
        ge=5,
        le=10_000,
    )
    session_idle_minutes: int = _setting(
        480, "sessions", "Idle end", "minutes without a request that end a session", unit="minutes", ge=5, le=43_200
    )
    session_max_hours: int = _setting(
        168, "sessions", "Absolute end", "hours after sign-in that end a session", unit="hours", ge=1, le=8_760
    )
    access_token_minutes: int = _setting(
        15, "sessions", "Access tokens", "minutes an access token is valid", unit="minutes", ge=1, le=1_440
    )
    refresh_token_days: int = _setting(
        30, "sessions", "Refresh tokens", "days a refresh token is valid", unit="days", ge=1, le=365
    )
    limits_on: bool = _setting(True, "limits", "Limit requests", "callers above a limit get 429 with Retry-After")
    limit_user: int = _setting(
        1_200,
        "limits",
        "Per user",
        "requests of one user, all sessions and keys together",
        unit="a minute",
        ge=10,
        le=1_000_000,
    )
    limit_key: int = _setting(
        1_200, "limits", "Per API key", "requests with one API key", unit="a minute", ge=10, le=1_000_000
    )
    limit_address: int = _setting(
        600,
        "limits",
        "Per address",
        "requests from one address without a sign-in",
        unit="a minute",
        ge=10,
        le=1_000_000,
    )
    limit_sign_in: int = _setting(
        300,
        "limits",
        "Signing in",
        "sign-ins, registrations and refreshes from one address",
        unit="a minute",
        ge=5,
        le=100_000,
    )
    limit_predict: int = _setting(
        1_200, "limits", "Predictions", "predictions of one caller", unit="a minute", ge=1, le=1_000_000
    )
    limit_upload: int = _setting(
        30, "limits", "Uploads and jobs", "model uploads and batches of one caller", unit="a minute", ge=1, le=100_000
    )
    anonymous_sockets: int = _setting(
        20, "limits", "Anonymous sockets", "open sign-in pages of one address at once", unit="sockets", ge=1, le=10_000
    )
    cors_origins: list[Origin] = _setting(
        [],
        "api",
        "Allowed origins",
        "origins of web pages that may call the API with a token or key; a session cookie never counts there",
        max_length=50,
    )
    upload_max_mb: int = _setting(512, "uploads", "Largest model", "largest model upload", unit="MiB", ge=1, le=16_384)
    publish_quota_mb: int = _setting(
        20_480,
        "uploads",
        "Models of one person",
        "all versions that one person published, with their uploads on the way",
        unit="MiB",
        ge=1,
        le=104_857_600,
    )
    uploads_each: int = _setting(
        4, "uploads", "Uploads at a time", "uploads of one person that may be on their way", unit="uploads", ge=1, le=32
    )
    video_max_mb: int = _setting(
        4_096, "uploads", "Largest video", "largest video sent for analysis", unit="MiB", ge=1, le=1_048_576
    )
    image_max_mb: int = _setting(32, "uploads", "Largest image", "largest image upload", unit="MiB", ge=1, le=512)
    image_max_pixels: int = _setting(
        50_000_000,
        "uploads",
        "Most pixels",
        "most pixels (width x height) of an image",
        unit="pixels",
        ge=10_000,
        le=1_000_000_000,
    )
    model_cache_mb: int = _setting(
        2_048,
        "inference",
        "Model cache",
        "loaded models kept in one process",
        unit="MiB",
        editors="engineer",
        ge=64,
        le=1_048_576,
    )
    jpeg_quality: int = _setting(
        90,
        "inference",
        "JPEG quality",
        "quality of the pictures that answers are drawn on",
        unit="of 100",
        editors="engineer",
        ge=50,
        le=100,
    )
    history_most: int = _setting(
        200,
        "inference",
        "History",
        "answers from the Inference page that are kept for each user, the oldest go first; 0 keeps none",
        unit="answers",
        ge=0,
        le=10_000,
    )
    jobs_at_once: int = _setting(
        2,
        "jobs",
        "Jobs at once",
        "jobs of any kind that run at the same time; the others wait",
        unit="jobs",
        editors="engineer",
        ge=1,
        le=1_000,
    )
    batch_jobs_at_once: int = _setting(
        1,
        "jobs",
        "Batches at once",
        "batches that run at the same time, of the jobs above; one takes every core that is free",
        unit="jobs",
        editors="engineer",
        ge=1,
        le=1_000,
    )
    camera_networks: list[CameraNetwork] = _setting(
        ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"],
        "cameras",
        "Camera networks",
        "networks that cameras may be in; loopback, link-local and metadata addresses, and this platform's own ports, "
        "never count",
        max_length=50,
    )
    camera_tests_at_once: int = _setting(
        2,
        "cameras",
        "Connection tests",
        "tests of a camera's connection that run at once in one process",
        unit="tests",
        ge=1,
        le=16,
    )
    camera_event_days: int = _setting(
        90,
        "cameras",
        "Events",
        "days that events of cameras are kept with their pictures; 0 keeps them for ever",
        unit="days",
        ge=0,
        le=3_650,
    )
    recording_min_free_mb: int = _setting(
        2_048,
        "cameras",
        "Room kept free",
        "MiB of the recordings' disk that stay free; below it the least wanted recordings go before their time",
        unit="MiB",
        ge=64,
        le=10_485_760,
    )
    recording_export_mb: int = _setting(
        2_048, "cameras", "Largest export", "MiB of one exported recording", unit="MiB", ge=16, le=1_048_576
    )
    recording_export_minutes: int = _setting(
        60, "cameras", "Longest export", "minutes of one exported recording", unit="minutes", ge=1, le=1_440
    )
    notification_networks: list[Network] = _setting(
        ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"],
        "cameras",
        "Networks of receivers",
        "networks beside public addresses that notifications may be sent to; 127.0.0.0/8 allows this machine itself, "
        "but never this platform's own ports",
        max_length=50,
    )
    notification_hours: int = _setting(
        24,
        "cameras",
        "Undelivered notifications",
        "hours that a notification waits for its receiver before it is given up",
        unit="hours",
        ge=1,
        le=720,
    )
    notification_queue: int = _setting(
        1_000,
        "cameras",
        "Waiting notifications",
        "notifications that may wait for one receiver; then the oldest are given up",
        unit="notifications",
        ge=10,
        le=100_000,
    )
    video_jobs_at_once: int = _setting(
        1,
        "jobs",
        "Videos at once",
        "videos that are analysed at the same time, of the jobs above; one takes every core that is free",
        unit="jobs",
        editors="engineer",
        ge=1,
        le=1_000,
    )
    notice: str = _setting(
        "",
        "appearance",
        "Notice",
        "a line above every page and on the sign-in page, for maintenance and the like",
        max_length=300,
    )

"""What may pass the gate: for each path who, by which proof and how many bytes."""

import re
from dataclasses import dataclass
from enum import Enum, auto

from registry.access.live import LiveSettings

MIB = 2**20

# The URLs of the Streamlit pages: their HTML shell is public, because it draws the sign-in form as well.
PAGES = (
    "models",
    "inference",
    "gallery",
    "cameras",
    "events",
    "recordings",
    "notifications",
    "jobs",
    "datasets",
    "users",
    "settings",
    "audit",
    "account",
)
PAGE_PATHS = frozenset({"/", *(f"/{page}" for page in PAGES)})

_STATIC = re.compile(r"/(static/[\w./-]+|favicon\.png|manifest\.json|api/v1/docs/assets/[\w.-]+)", re.ASCII)
# Streamlit's browser code looks for its server below the page's own path first.
_HANDSHAKE = re.compile(r"(/[a-z-]+)?/_stcore/(health|host-config)", re.ASCII)
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_BY_TOKEN = ("/api", "/live", "/media", "/mlflow", "/prefect", "/metrics")
_FOR_ADMINS = ("/_stcore/metrics", "/_stcore/script-health-check", "/metrics")
_PUBLIC_API = {
    "/api/v1/auth/login": "POST",
    "/api/v1/auth/refresh": "POST",
    "/api/v1/auth/register": "POST",
    "/api/v1/openapi.json": "GET",
    "/api/v1/docs": "GET",
}
MODEL_UPLOADS = ("/api/v1/models", "/api/v1/models/upload")  # what counts as an upload: one makes room for the other
MODEL_PULLS = "/api/v1/models/catalogue"
DATASET_IMPORTS = ("/api/v1/datasets", "/api/v1/datasets/imports")
VIDEOS = "/api/v1/inference/video"
_LARGE = frozenset({"/api/v1/models/upload", *DATASET_IMPORTS, "/api/v1/inference/batch"})


class Zone(Enum):
    """Which protection a request falls under."""

    OPEN = auto()  # passes without a look at who sends it
    KNOWN_OR_NOT = auto()  # passes for anybody, and who it is gets told to the application
    KNOWN = auto()
    ADMIN = auto()


@dataclass(frozen=True, slots=True)
class Rule:
    """How one request is treated; `cap_bytes` bounds its body, `by_token` admits bearer tokens."""

    zone: Zone
    cap_bytes: int
    by_token: bool
    to_sign_in: bool  # a browser that is not signed in is sent to the sign-in page
    streamlit: bool  # the identity header is for this request


def below(path: str, *prefixes: str) -> bool:
    """Whether the path is one of the prefixes or lies under one."""
    return any(path == prefix or path.startswith(prefix + "/") for prefix in prefixes)


def is_open(method: str, path: str) -> bool:
    """What passes without identity and without effect: static files, liveness, the documents of the API."""
    safe = method in _SAFE_METHODS
    if safe and (path in {"/health", "/health/ready"} or _STATIC.fullmatch(path) or _HANDSHAKE.fullmatch(path)):
        return ".." not in path
    return _PUBLIC_API.get(path) == ("GET" if method == "HEAD" else method)


def _zone(method: str, path: str) -> Zone:
    if is_open(method, path):
        return Zone.OPEN
    if method in _SAFE_METHODS and path in PAGE_PATHS:
        return Zone.OPEN
    if method == "POST" and path in {"/auth/exchange", "/auth/logout"}:
        return Zone.KNOWN_OR_NOT
    if method == "GET" and path in {"/auth/oidc/login", "/auth/oidc/callback"}:
        return Zone.KNOWN_OR_NOT
    if method == "WEBSOCKET" and path == "/_stcore/stream":
        return Zone.KNOWN_OR_NOT
    return Zone.ADMIN if below(path, *_FOR_ADMINS) else Zone.KNOWN


def _cap_bytes(path: str, settings: LiveSettings) -> int:
    if path in _LARGE or below(path, "/mlflow"):
        return settings.upload_max_mb * MIB + MIB
    if path == VIDEOS:
        return settings.video_max_mb * MIB + MIB
    if below(path, "/_stcore/upload_file"):
        return max(settings.upload_max_mb, settings.image_max_mb) * MIB + MIB
    if path == "/api/v1/inference/predict":
        return settings.image_max_mb * MIB + MIB
    return MIB


def rule_for(method: str, path: str, settings: LiveSettings) -> Rule:
    """The rule of a request; `method` is WEBSOCKET for a handshake. What is not named needs a signed-in user."""
    return Rule(
        zone=_zone(method, path),
        cap_bytes=_cap_bytes(path, settings),
        by_token=below(path, *_BY_TOKEN),
        to_sign_in=method == "GET" and not below(path, "/api", "/live", "/media", "/metrics", "/_stcore", "/component"),
        streamlit=below(path, "/_stcore"),
    )


def session_in_path(path: str) -> str | None:
    """The Streamlit session that an upload names in its path."""
    if not below(path, "/_stcore/upload_file"):
        return None
    return path.removeprefix("/_stcore/upload_file").strip("/").split("/")[0]

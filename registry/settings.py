"""Typed settings: defaults, then `mlflow.yaml` and the home's settings file, then the environment.

This is the only module that reads the environment. Everything else takes a `Settings`.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, HttpUrl, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from registry.errors import HomeNotWritable, InvalidSetting
from registry.mlflow_file import MlflowFile, parse_mlflow_file
from registry.yaml_files import invalid, read_yaml

PROJECT_ROOT = Path(__file__).resolve().parents[1]
PREFIX = "NEXUSAI_"


class Settings(BaseSettings):
    """Every setting of the platform; the field descriptions are the documentation."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_file=".env", extra="ignore", frozen=True)

    home: Path = Field(Path(".nexusai"), description="folder of databases, artifacts, secrets, logs and recordings")
    mlflow_file: Path = Field(
        PROJECT_ROOT / "mlflow.yaml", description="file with MLflow URIs, experiments and the starter catalogue"
    )
    host: str = Field("127.0.0.1", description="address the app listens on; 0.0.0.0 for every interface")
    port: int = Field(8501, ge=1, le=65535, description="port of the app, the only one a person opens")
    mlflow_port: int = Field(0, ge=0, le=65535, description="loopback port of the MLflow server; 0 picks a free one")
    jobs_here: bool = Field(
        True, description="`nexusai up` also starts Prefect and a runner; without them jobs wait for another host's"
    )
    cameras_here: bool = Field(
        True, description="`nexusai up` also starts a camera worker; without it cameras wait for another host's"
    )
    worker_host: str = Field(
        "127.0.0.1",
        description="address at which a camera worker serves its pictures to the app; another one for several hosts",
    )
    worker_port: int = Field(0, ge=0, le=65535, description="port of that; 0 picks a free one")
    worker_secret: SecretStr = Field(
        SecretStr(""),
        description="what the app proves itself with at camera workers, the same on every host; empty makes one in the "
        "home",
    )
    prefect_port: int = Field(0, ge=0, le=65535, description="loopback port of the Prefect server; 0 picks a free one")
    prefect_api_url: str = Field("", description="URL of the API of a Prefect server to use instead of the own one")
    prefect_auth_string: SecretStr = Field(SecretStr(""), description="`name:password` for that Prefect server")
    task_runner: str = Field(
        "threads",
        pattern=r"^(threads|ray|ray://[^\s/?#@]+)$",
        description="who looks at the pictures of batches and videos: `threads` of the flow's process, `ray` on this "
        "machine, or the Ray cluster of an address such as ray://head:10001",
    )
    work_pool: str = Field(
        "",
        pattern=r"^([A-Za-z0-9][A-Za-z0-9_.-]{0,62})?$",
        description="Prefect work pool whose workers run the jobs, on any host (`nexusai job-worker`); empty: the "
        "runner does",
    )
    batch_folders: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="folders on the server and s3://bucket/prefix, comma-separated, whose images batch jobs may read; "
        "none by default",
    )
    camera_folders: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="folders on the server, comma-separated, whose films may play as cameras, beside home/films"
    )
    camera_devices: bool = Field(False, description="video devices of this machine (/dev/video0) may be cameras")
    camera_decoder: Literal["software", "vaapi", "cuda", "videotoolbox"] = Field(
        "software", description="who decodes the cameras of this host; `nexusai doctor` tells what works here"
    )
    shadow_below: float = Field(
        60.0,
        ge=0,
        le=100,
        description="a challenger looks in the shadow while no more than so many per cent of the processors are used",
    )
    camera_key: SecretStr = Field(
        SecretStr(""),
        description="what cameras' passwords are encrypted with, 32 characters or more, the same on every host that "
        "shares the records; empty makes one in the home",
    )
    recordings_dir: Path | None = Field(
        None, description="folder of the cameras' recordings, on a disk of this host; empty is home/recordings"
    )
    recordings_upload: bool = Field(
        False, description="recordings that are kept are moved into the storage where that is a bucket"
    )
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="further host names the app answers to, beside loopback names and `host`"
    )
    database_url: str = Field("", description="SQLAlchemy URL of the records; empty is SQLite in the home")
    storage_url: str = Field("", description="where files are kept: a folder or s3://bucket/prefix; empty is the home")
    storage_endpoint: str = Field(
        "", description="URL of an S3-compatible service for s3:// storage; empty is AWS or what its tools are told"
    )
    redis_url: str = Field("", description="redis:// URL of the Redis that replicas share; empty keeps all in-process")
    mlflow_tracking_uri: str = Field("", description="URL of an MLflow server to use instead of the platform's own")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="least level that is logged")
    session_idle_minutes: int = Field(480, ge=5, le=43_200, description="minutes without a request that end a session")
    session_max_hours: int = Field(168, ge=1, le=8_760, description="hours after sign-in that end a session")
    secure_cookies: bool = Field(False, description="the app is reached over TLS: cookies become Secure and __Host-")
    access_token_minutes: int = Field(15, ge=1, le=1_440, description="minutes an access token is valid")
    refresh_token_days: int = Field(30, ge=1, le=365, description="days a refresh token is valid")
    trusted_proxies: str = Field(
        "", description="addresses of reverse proxies whose X-Forwarded-* headers count, comma-separated"
    )
    oidc_issuer: str = Field("", description="URL of an OpenID Connect provider; empty is no single sign-on")
    oidc_client_id: str = Field("", description="the client id that the provider knows this platform by")
    oidc_client_secret: SecretStr = Field(SecretStr(""), description="the client's secret at the provider")
    oidc_name: str = Field("single sign-on", max_length=40, description="what the sign-in button calls the provider")
    oidc_role_claim: str = Field("groups", description="claim of the ID token that names somebody's groups or roles")
    oidc_roles: str = Field(
        "", description="which group is which role, comma-separated, first match wins: vision-admins=admin,staff=user"
    )
    oidc_default_role: Literal["", "engineer", "operator", "user"] = Field(
        "", description="role of people whose groups are not in the list; empty turns them away"
    )
    upload_max_mb: int = Field(512, ge=1, le=16_384, description="largest model upload in MiB")
    image_max_mb: int = Field(32, ge=1, le=512, description="largest image upload in MiB")
    image_max_pixels: int = Field(
        50_000_000, ge=10_000, le=1_000_000_000, description="most pixels (width x height) of an image"
    )
    model_cache_mb: int = Field(2_048, ge=64, le=1_048_576, description="MiB of loaded models kept in one process")
    inference_threads: int = Field(0, ge=0, le=256, description="threads of one inference; 0 is one per core")
    inference_backend: Literal["onnxruntime-cpu", "onnxruntime-cuda", "onnxruntime-tensorrt", "openvino"] = Field(
        "onnxruntime-cpu", description="what runs the models for which no tune chose a backend on this machine"
    )
    queue_per_core: int = Field(
        4, ge=1, le=10_000, description="predictions that may wait for each core before more are refused"
    )
    queue_max_wait_ms: int = Field(
        10_000,
        ge=1,
        le=600_000,
        description="longest wait for a core in milliseconds; who would wait longer is refused",
    )
    batch_max: int = Field(
        1, ge=1, le=64, description="most images in one run of a graph that takes several; 1 is no batching"
    )
    batch_wait_ms: int = Field(2, ge=0, le=1_000, description="milliseconds that a batch waits for more images")
    run_max_seconds: int = Field(
        30,
        ge=1,
        le=3_600,
        description="seconds that a run of a model may take for each image, on its trial and when it serves; a longer "
        "one is ended",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order: arguments, environment, `.env`, then defaults (files are read in `load_settings`)."""
        return init_settings, env_settings, dotenv_settings

    @field_validator("home", "mlflow_file")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @field_validator("allowed_hosts", "batch_folders", "camera_folders", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("mlflow_tracking_uri", "prefect_api_url", "oidc_issuer", "storage_endpoint")
    @classmethod
    def _http(cls, value: str) -> str:
        if value:
            HttpUrl(value)
        return value.rstrip("/")

    @property
    def records_url(self) -> str:
        """SQLAlchemy URL of the records database."""
        return self.database_url or f"sqlite:///{self.home / 'nexusai.db'}"

    @property
    def mlflow_database(self) -> Path:
        """The file behind the platform's own MLflow server."""
        return self.home / "mlflow.db"

    @property
    def storage_root(self) -> str:
        """Where stored files live: a folder or an s3:// URL."""
        return self.storage_url or str(self.home / "storage")

    @property
    def prepared_graphs(self) -> Path:
        """Where the graphs that were optimised for this machine are kept."""
        return self.home / "cache" / "prepared"

    @property
    def logs(self) -> Path:
        """Folder of the processes' log files."""
        return self.home / "logs"

    @property
    def run_dir(self) -> Path:
        """Folder of lock files and of what running processes tell each other."""
        return self.home / "run"

    @property
    def clock_file(self) -> Path:
        """What is known of this host's clock: whether it was set lately."""
        return self.run_dir / "clock.json"

    @property
    def recordings(self) -> Path:
        """Folder of the cameras' recordings on this host."""
        return (self.recordings_dir or self.home / "recordings").expanduser().absolute()

    @property
    def films_dir(self) -> Path:
        """Folder whose films may always play as cameras."""
        return self.home / "films"

    @property
    def secrets_dir(self) -> Path:
        """Folder of generated secrets, readable by the owner alone."""
        return self.home / "secrets"

    def prepare_home(self) -> None:
        """Create the home's folders. Raises HomeNotWritable."""
        try:
            if not self.home.exists():  # what cameras recorded and who has an account is nobody else's
                self.home.mkdir(parents=True, mode=0o700)
            for folder in (self.home, self.logs, self.run_dir, self.secrets_dir):
                folder.mkdir(parents=True, exist_ok=True)
            self.secrets_dir.chmod(0o700)
            probe = self.run_dir / f".probe-{os.getpid()}"
            probe.write_bytes(b"")
            probe.unlink()
        except OSError as error:
            raise HomeNotWritable(f"the home {self.home} cannot be written: {error.strerror}") from error

    def read_mlflow_file(self) -> MlflowFile:
        """Parse `mlflow.yaml`; a missing file means no catalogue. Raises InvalidSetting."""
        changed = self.mlflow_file.stat().st_mtime_ns if self.mlflow_file.is_file() else 0
        return parse_mlflow_file(self.mlflow_file, changed)

    def models_experiment(self) -> str:
        """Name of the MLflow experiment whose runs hold the published models. Raises InvalidSetting."""
        return self.read_mlflow_file().experiments.get("models", "nexusai-models")

    def sources(self) -> dict[str, str]:
        """For each setting, where its value came from: `default`, `file` or `environment`."""
        from_file = read_yaml(self.home / "settings.yaml")
        found = {}
        for name in type(self).model_fields:
            if f"{PREFIX}{name}".upper() in {key.upper() for key in os.environ}:
                found[name] = "environment"
            elif name in from_file:
                found[name] = "file"
            else:
                found[name] = "default" if name not in self.model_fields_set else "environment"
        return found


def load_settings(**overrides: Any) -> Settings:
    """Read the settings once. `overrides` (of the command line) win. Raises InvalidSetting naming the variable."""
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        settings = Settings(**given)
        from_file = read_yaml(settings.home / "settings.yaml")
        unknown = set(from_file) - set(Settings.model_fields)
        if unknown:
            raise InvalidSetting(f"{settings.home / 'settings.yaml'}: unknown setting {sorted(unknown)[0]!r}")
        below = {name: value for name, value in from_file.items() if name not in settings.model_fields_set}
        return Settings(**(below | given)) if below else settings
    except ValidationError as error:
        raise invalid(error, "the settings") from error
    except UnicodeDecodeError as error:
        raise InvalidSetting(".env is not UTF-8 text") from error


def child_environment(settings: Settings, **extra: str) -> dict[str, str]:
    """The environment for a child process: ours, with these settings made explicit."""
    own = {f"{PREFIX}{name}".upper(): _as_text(getattr(settings, name)) for name in settings.model_fields_set}
    return {**os.environ, **own, **extra}


def tests_must_run() -> bool:
    """Whether a test that misses a tool fails instead of being skipped (NEXUSAI_REQUIRE_ALL=1)."""
    return os.environ.get(f"{PREFIX}REQUIRE_ALL", "") == "1"


def adopt_environment(values: Mapping[str, str]) -> None:
    """Set variables for a library that only reads the environment, before it is imported; children get them too."""
    os.environ.update(values)


def _as_text(value: Any) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return ",".join(value) if isinstance(value, tuple) else str(value)

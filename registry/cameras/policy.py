"""Where cameras of this platform may be."""

from pathlib import Path
from urllib.parse import urlsplit

from registry.access.live import LiveSettings
from registry.settings import Settings
from registry.streams import AllowedNetworks, SourcePolicy

_USUAL = {"postgresql": 5432, "redis": 6379, "rediss": 6379, "http": 80, "https": 443, "ray": 10001}


def source_policy(settings: Settings, live: LiveSettings, *, loopback: bool = False) -> SourcePolicy:
    """What the administrator's settings let cameras be. Only tests say `loopback`."""
    networks = AllowedNetworks.parse(
        live.camera_networks, own_ports(settings), services=services(settings), loopback=loopback
    )
    folders = (settings.films_dir, *(Path(folder).expanduser().absolute() for folder in settings.camera_folders))
    return SourcePolicy(networks, folders, settings.camera_devices)


def own_ports(settings: Settings) -> frozenset[int]:
    """Ports of the platform's servers, and of those it works with: no camera on this machine has one of them."""
    found = {settings.port, settings.mlflow_port, settings.prefect_port, settings.worker_port}
    return frozenset({*found, *(port for _, port in services(settings))} - {0})


def services(settings: Settings) -> frozenset[tuple[str, int]]:
    """Host and port of every server that the settings name by its URL: no camera is there either."""
    urls = [
        settings.database_url,
        settings.redis_url,
        settings.mlflow_tracking_uri,
        settings.prefect_api_url,
        settings.storage_endpoint,
        settings.task_runner,
    ]
    found = set()
    for url in urls:
        parts = urlsplit(url)
        port = parts.port or _USUAL.get(parts.scheme.partition("+")[0], 0)
        if port:
            found.add((parts.hostname or "localhost", port))
    return frozenset(found)

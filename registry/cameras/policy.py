"""Where cameras of this platform may be."""

from pathlib import Path
from urllib.parse import urlsplit

from registry.access.live import LiveSettings
from registry.settings import Settings
from registry.streams import AllowedNetworks, SourcePolicy


def source_policy(settings: Settings, live: LiveSettings, *, loopback: bool = False) -> SourcePolicy:
    """What the administrator's settings let cameras be. Only tests say `loopback`."""
    networks = AllowedNetworks.parse(live.camera_networks, own_ports(settings), loopback=loopback)
    folders = (settings.films_dir, *(Path(folder).expanduser().absolute() for folder in settings.camera_folders))
    return SourcePolicy(networks, folders, settings.camera_devices)


def own_ports(settings: Settings) -> frozenset[int]:
    """Ports of the platform's servers, and of those it works with: no camera on this machine has one of them."""
    urls = [
        settings.database_url,
        settings.redis_url,
        settings.mlflow_tracking_uri,
        settings.prefect_api_url,
        settings.storage_endpoint,
    ]
    usual = {"postgresql": 5432, "redis": 6379, "http": 80, "https": 443}
    found = {settings.port, settings.mlflow_port, settings.prefect_port}
    for url in filter(None, urls):
        parts = urlsplit(url)
        found.add(parts.port or usual.get(parts.scheme.partition("+")[0], 0))
    return frozenset(found - {0})

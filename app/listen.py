"""The app's process: migrate the records, open the platform, listen."""

import uvicorn

from flows.logs import configure_logs
from registry.access.accounts import Accounts
from registry.records import open_database
from registry.settings import Settings

_GRACE_S = 3


def serve(settings: Settings) -> None:
    """Serve pages, API and proxied UIs until told to stop. Raises StartError, DatabaseUnavailable."""
    configure_logs(settings.log_level)
    database = open_database(settings.records_url)
    database.upgrade()
    Accounts(database, settings).setup_token()  # leaves it where `nexusai up` finds it
    database.close()
    from app.platform import Platform
    from app.server import build

    uvicorn.run(
        build(Platform.open(settings)),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,  # its lines would carry session ids
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),  # else anybody could claim any address
        forwarded_allow_ips=settings.trusted_proxies or None,
        timeout_graceful_shutdown=_GRACE_S,
    )

"""The server follows the live settings: read again every second, away from the event loop."""

import asyncio
import logging

import anyio
import anyio.to_thread
import streamlit.config

from registry.access.live import Live, LiveSettings
from registry.access.live.values import FRESH_S

_UPLOAD_OPTION = "server.maxUploadSize"

log = logging.getLogger(__name__)


async def follow(live: Live) -> None:
    """Until cancelled, keep `live.latest()` fresh and Streamlit's own upload cap equal to ours."""
    own_thread = anyio.CapacityLimiter(1)  # slow routes that fill the shared ones must not hold it up
    while True:
        try:
            await anyio.to_thread.run_sync(live.refresh, limiter=own_thread)
            cap_uploads(live.latest())
        except Exception:  # the edge of a loop that must go on
            log.exception("the live settings could not be followed")
        await asyncio.sleep(FRESH_S)


def cap_uploads(values: LiveSettings) -> None:
    """Tell Streamlit the largest file it may take, in MiB."""
    largest_mb = max(values.upload_max_mb, values.image_max_mb)
    if streamlit.config.get_option(_UPLOAD_OPTION) != largest_mb:
        streamlit.config.set_option(_UPLOAD_OPTION, largest_mb)

"""The feed that fits a source."""

from registry.streams.feed import Feed
from registry.streams.file_feed import DeviceFeed, FileFeed
from registry.streams.mjpeg_feed import MjpegFeed
from registry.streams.rtsp_relay import RtspRelay
from registry.streams.sources import CameraSource, SourceKind, SourcePolicy


def make_feed(source: CameraSource, policy: SourcePolicy, answer_s: float = 2.0) -> Feed:
    """A feed that is not open yet; `answer_s` is how long a camera may take for each answer."""
    if source.kind in {SourceKind.RTSP, SourceKind.RTSPS}:
        return RtspRelay(source, policy.networks, answer_s)
    if source.kind in {SourceKind.HTTP, SourceKind.HTTPS}:
        return MjpegFeed(source, policy.networks, answer_s)
    return (FileFeed if source.kind is SourceKind.FILE else DeviceFeed)(source, policy.folders)

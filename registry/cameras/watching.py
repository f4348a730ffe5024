"""A stored camera as the pipeline watches it."""

from registry.cameras.configuration import analysis_of
from registry.cameras.sealing import Seals, with_target
from registry.records import CameraRecord
from registry.streams import (
    Acceleration,
    Camera,
    CameraSource,
    DecodeOptions,
    SourcePolicy,
    WatchOptions,
    parse_source,
)


def source_of(record: CameraRecord, seals: Seals, policy: SourcePolicy) -> CameraSource:
    """The source of a stored camera with its secrets, checked against the policy of now.

    Raises InvalidSource, AddressRefused, SecretsUnreadable.
    """
    kept = seals.open_record(record)
    return parse_source(with_target(record.url, kept), policy, kept.credentials, verify_tls=record.verify_tls)


def to_camera(
    record: CameraRecord, seals: Seals, policy: SourcePolicy, acceleration: Acceleration = Acceleration.SOFTWARE
) -> Camera:
    """A stored camera as `Pipeline.add` takes it. Raises as `source_of`, and InvalidInput for settings of old."""
    analysis = analysis_of(record.analysis)
    decode = DecodeOptions(record.analysed_fps, analysis.height, analysis.fast_decoding, acceleration)
    return Camera(record.id, source_of(record, seals, policy), WatchOptions(decode=decode), analysis.options())

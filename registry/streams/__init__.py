"""Frames to events: decode, reconnect, motion, tracking, zones.

::

    source = parse_source("rtsp://camera.lan/stream", policy, Credentials("viewer", password))
    pipeline = Pipeline(policy, sinks=(sink,))           # sink(notice): FrameResult, Event or StateChange
    pipeline.add(Camera("door", source), Detector("digits/3", detect))
    pipeline.swap("door", Detector("digits/4", other))   # every frame is in exactly one of old, new, dropped
    pipeline.status("door"), pipeline.account("door")

This room knows neither models nor tables: it takes `detect`, gives notices, and leaves storing to who listens.
"""

from registry.streams.acceleration import Acceleration
from registry.streams.accounting import Account, Drop, Outcome
from registry.streams.addresses import AllowedNetworks
from registry.streams.decoder import DecodeOptions
from registry.streams.detecting import Detector
from registry.streams.events import Event, EventPhase, Snapshot
from registry.streams.frames import Frame
from registry.streams.geometry import Polygon
from registry.streams.lane import AnalysisOptions, FrameResult, TrackView
from registry.streams.loss import Reason
from registry.streams.motion import MotionOptions
from registry.streams.pipeline import Camera, Pipeline
from registry.streams.regions import RegionOptions
from registry.streams.rules import Hours, Rule
from registry.streams.sanity import SanityLimits
from registry.streams.sinks import Notice, Sink, StateChange
from registry.streams.sources import CameraSource, Credentials, SourceKind, SourcePolicy, parse_source
from registry.streams.states import Budgets, CameraState
from registry.streams.tracking import TrackingOptions
from registry.streams.watch import CameraStatus, WatchOptions
from registry.streams.zones import Line, Zone

__all__ = [
    "Acceleration",
    "Account",
    "AllowedNetworks",
    "AnalysisOptions",
    "Budgets",
    "Camera",
    "CameraSource",
    "CameraState",
    "CameraStatus",
    "Credentials",
    "DecodeOptions",
    "Detector",
    "Drop",
    "Event",
    "EventPhase",
    "Frame",
    "FrameResult",
    "Hours",
    "Line",
    "MotionOptions",
    "Notice",
    "Outcome",
    "Pipeline",
    "Polygon",
    "Reason",
    "RegionOptions",
    "Rule",
    "SanityLimits",
    "Sink",
    "Snapshot",
    "SourceKind",
    "SourcePolicy",
    "StateChange",
    "TrackView",
    "TrackingOptions",
    "WatchOptions",
    "Zone",
    "parse_source",
]

"""Cameras in Prometheus' text format: what became of every frame, how fast they come, in which state each is."""

from collections.abc import Mapping
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

STATES = ("stopped", "connecting", "live", "stalled", "waiting", "failed")


class CameraLine:
    """One camera's figures: name, state, and the facts that its worker reported together."""

    def __init__(self, name: str, state: str, facts: Mapping[str, Any]) -> None:
        self.name, self.state, self.facts = name, state, facts


class _Cameras(Collector):
    """`captured = inferred + gated + dropped + failed + pending` holds for each camera of one reading."""

    def __init__(self, lines: Mapping[str, CameraLine]) -> None:
        self._lines = lines

    def collect(self) -> list[Metric]:
        """The families."""
        captured = CounterMetricFamily("nexusai_camera_captured", "Frames that were decoded", labels=_LABELS)
        ends = CounterMetricFamily(
            "nexusai_camera_frames", "Frames by what became of them", labels=(*_LABELS, "outcome", "detail")
        )
        pending = GaugeMetricFamily("nexusai_camera_pending", "Frames on their way", labels=_LABELS)
        fps = GaugeMetricFamily("nexusai_camera_fps", "Frames decoded in a second", labels=_LABELS)
        age = GaugeMetricFamily(
            "nexusai_camera_age_seconds", "Age of results when told, by quantile", labels=(*_LABELS, "quantile")
        )
        state = GaugeMetricFamily("nexusai_camera_state", "1 for the state it is in", labels=(*_LABELS, "state"))
        crossings = CounterMetricFamily(
            "nexusai_camera_crossings", "Objects that crossed a line", labels=(*_LABELS, "line", "direction")
        )
        recorded = CounterMetricFamily(
            "nexusai_camera_recording",
            "What became of its recording, by the counts of docs/recording.md",
            labels=(*_LABELS, "count"),
        )
        stopped = GaugeMetricFamily(
            "nexusai_camera_recording_stopped", "1 where the disk lets nothing be recorded", labels=_LABELS
        )
        for camera_id, line in self._lines.items():
            labels = [camera_id, line.name]
            account = line.facts.get("account", {})
            captured.add_metric(labels, account.get("captured", 0))
            for outcome, detail, count in _ends(account):
                ends.add_metric([*labels, outcome, detail], count)
            pending.add_metric(labels, account.get("pending", 0))
            fps.add_metric(labels, line.facts.get("fps", 0.0))
            ages = line.facts.get("age_ms", {})
            for quantile, name in (("0.5", "median"), ("0.95", "p95")):
                age.add_metric([*labels, quantile], ages.get(name, 0.0) / 1e3)
            for each in STATES:
                state.add_metric([*labels, each], float(each == line.state))
            for name, directions in line.facts.get("counts", {}).items():
                for direction, count in directions.items():
                    crossings.add_metric([*labels, name, direction], count)
            for name, count in line.facts.get("recording", {}).items():
                recorded.add_metric([*labels, name], count)
            stopped.add_metric(labels, float(bool(line.facts.get("recording_problem"))))
        return [captured, ends, pending, fps, age, state, crossings, recorded, stopped]


_LABELS = ("camera", "name")


def exposition(lines: Mapping[str, CameraLine]) -> bytes:
    """The figures of these cameras, by id."""
    registry = CollectorRegistry()
    registry.register(_Cameras(lines))
    return generate_latest(registry)


def _ends(account: Mapping[str, Any]) -> list[tuple[str, str, int]]:
    found = [("inferred", model, count) for model, count in account.get("inferred", {}).items()]
    found += [("dropped", reason, count) for reason, count in account.get("dropped", {}).items()]
    return [*found, ("gated", "", account.get("gated", 0)), ("failed", "", account.get("failed", 0))]

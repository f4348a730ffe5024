"""What the engine tells a monitoring system: counters, gauges and durations in a Prometheus registry of their own."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from registry.runtime.prediction import TIMING_STAGES

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class EngineMetrics:
    """The figures of one process. Reading them changes nothing, so that tests and the status page read them too."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=True)
        self.waiting = self._gauge("nexusai_engine_waiting", "Requests that wait for a core")
        self.running = self._gauge("nexusai_engine_running", "Requests that are being answered")
        self.overloaded = self._gauge("nexusai_engine_overloaded", "1 while only what can be answered quickly is taken")
        self.refused = self._counter("nexusai_engine_refused", "Requests refused because the wait would be too long")
        self.cancelled = self._counter("nexusai_engine_cancelled", "Waiting requests dropped because the client left")
        self.runs = self._counter("nexusai_engine_runs", "Graph runs by mode: wide, narrow", "mode")
        self.batches = self._histogram("nexusai_engine_batch_size", "Images in one graph run", (1, 2, 4, 8, 16, 32))
        self.answers = self._counter("nexusai_predictions", "Answers by model, version", "model", "version")
        self.stages = self._histogram("nexusai_predict_seconds", "Seconds by stage, model", _SECONDS, "stage", "model")
        self.loads = self._counter("nexusai_model_loads", "Versions loaded, by outcome: loaded, failed", "outcome")
        self.unavailable = self._counter(
            "nexusai_backend_unavailable",
            "Versions that the processor runs because their backend did not start",
            "backend",
        )
        self.evictions = self._counter("nexusai_model_evictions", "Versions dropped to make room")
        self.loaded = self._gauge("nexusai_models_loaded", "Versions in memory")
        self.loaded_bytes = self._gauge("nexusai_models_loaded_bytes", "Bytes that the loaded versions take")
        self.swaps = self._counter(
            "nexusai_alias_swaps", "Alias moves taken over, by outcome: done, failed", "model", "outcome"
        )

    def observe(self, model: str, version: int, timing_ms: dict[str, float]) -> None:
        """One answer with the time of each of its stages."""
        self.answers.labels(model, str(version)).inc()
        for stage in TIMING_STAGES:
            self.stages.labels(stage, model).observe(timing_ms.get(stage, 0.0) / 1e3)

    def exposition(self) -> bytes:
        """Everything, in Prometheus' text format."""
        return generate_latest(self.registry)

    def _gauge(self, name: str, says: str) -> Gauge:
        return Gauge(name, says, registry=self.registry)

    def _counter(self, name: str, says: str, *labels: str) -> Counter:
        return Counter(name, says, labels, registry=self.registry)

    def _histogram(self, name: str, says: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(name, says, labels, buckets=buckets, registry=self.registry)

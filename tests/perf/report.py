"""What a bench leaves: build/bench/NAME.json and one printed line."""

import json
import platform
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

import psutil

from registry.settings import PROJECT_ROOT

FOLDER = PROJECT_ROOT / "build" / "bench"
_PACKAGES = ("mlflow", "onnxruntime-gpu", "onnxruntime", "opencv-python", "streamlit", "ultralytics")


@dataclass(frozen=True, slots=True)
class Report:
    """One bench. `ratio` is ours over the baseline; it is kept when at or below `bound`, and so is every limit."""

    name: str
    figures: Mapping[str, Any]
    baseline: Mapping[str, Any]
    ratio: float
    bound: float
    repeats: int
    limits: Mapping[str, tuple[float, float]]  # figure by name: value, most

    @property
    def holds(self) -> bool:
        """Whether the ratio and every limit are kept."""
        return self.ratio <= self.bound and all(value <= most for value, most in self.limits.values())

    def write(self) -> None:
        """Store the report and print its line."""
        FOLDER.mkdir(parents=True, exist_ok=True)
        body = {**asdict(self), "holds": self.holds, "machine": machine(), "versions": versions()}
        (FOLDER / f"{self.name}.json").write_text(json.dumps(body, indent=2) + "\n", encoding="utf-8")
        limits = ", ".join(f"{name} {value:.3g} (≤ {most:g})" for name, (value, most) in self.limits.items())
        verdict = "holds" if self.holds else "MISSED"
        print(f"{self.name}: ratio {self.ratio:.3f} (≤ {self.bound:g}){', ' if limits else ''}{limits}: {verdict}")


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, quartiles and extremes."""
    low, middle, high = statistics.quantiles(values, n=4)
    return {"p50": middle, "p25": low, "p75": high, "min": min(values), "max": max(values)}


def machine() -> dict[str, Any]:
    """What it ran on."""
    memory_gib = round(psutil.virtual_memory().total / 2**30, 1)
    return {
        "system": platform.platform(),
        "cores": psutil.cpu_count(),
        "memory_gib": memory_gib,
        "load": psutil.getloadavg(),
    }


def versions() -> dict[str, str]:
    """Python's and those of the packages that matter for speed, as far as installed."""
    from importlib.metadata import PackageNotFoundError

    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found

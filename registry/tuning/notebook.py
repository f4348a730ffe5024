"""Tunes and optimisations for notebooks, run by the platform's runner. Heavy imports wait until a call needs them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from registry.jobs.handle import JobHandle
    from registry.jobs.tuning_parameters import Form
    from registry.tuning.measuring import Measuring


def optimise(
    model: str,
    dataset: str,
    *,
    forms: Sequence[Form] = (),
    faster_percent: float = 10.0,
    bound: float = 0.01,
    class_bound: float = 0.1,
    repeats: int = 15,
) -> JobHandle:
    """Make smaller and faster forms of a version (named as `nx.load` takes it); publish those that pass both gates.

    `dataset` is `starter`, or a registered dataset as name or name/version; without `forms` all are tried. Raises
    Forbidden, NotFound in its forms, InvalidInput, TooManyRequests.
    """
    from registry.access.actor import local_actor
    from registry.jobs.notebook import job
    from registry.jobs.tuning_parameters import FORMS, OptimiseParameters

    name, version = _version(model)
    wanted = OptimiseParameters(
        model=name,
        version=version,
        dataset=dataset,
        forms=tuple(forms) or FORMS,
        faster_percent=faster_percent,
        bound=bound,
        class_bound=class_bound,
        repeats=repeats,
    )
    return job(_measuring().optimise(local_actor(), wanted).id)


def tune(
    model: str,
    dataset: str,
    *,
    bound: float = 0.01,
    minutes: float = 5.0,
    goal: Literal["latency", "throughput"] = "latency",
) -> JobHandle:
    """Find the fastest way to run a version on the platform's machine; arguments and refusals as `optimise`."""
    from registry.access.actor import local_actor
    from registry.jobs.notebook import job
    from registry.jobs.tuning_parameters import TuneParameters

    name, version = _version(model)
    wanted = TuneParameters(model=name, version=version, dataset=dataset, bound=bound, minutes=minutes, goal=goal)
    return job(_measuring().tune(local_actor(), wanted).id)


def _version(reference: str) -> tuple[str, int]:
    from registry.access.actor import local_actor
    from registry.models.reference import Reference

    asked = Reference.parse(reference)
    found = _measuring().version(local_actor(), asked.name, asked.version, asked.alias)
    return found.name, found.version


@cache
def _measuring() -> Measuring:
    from registry.jobs.notebook import rooms
    from registry.training.datasets.catalogue import Datasets
    from registry.training.datasets.workspace import Workspace
    from registry.tuning.measuring import Measuring

    jobs, _, models = rooms()
    return Measuring(jobs, models, Datasets(jobs.database, Workspace(models.settings)))

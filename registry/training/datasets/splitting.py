"""Dividing samples among train, val and test so that nothing of the test is seen in training."""

import random
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np
import numpy.typing as npt

from registry.errors import InvalidInput
from registry.training.datasets.likeness import NEAR_BITS, Components, join_alike
from registry.training.datasets.plan import SplitPlan
from registry.training.datasets.sample import SPLITS, Dataset, Sample

_MOST_STARS = 3  # more make a match slow
_GROUP = "{group}"


@dataclass(frozen=True, slots=True)
class Division:
    """The samples with their splits; `held_out` are in none, because they are like the fixed test, or of its groups."""

    samples: tuple[Sample, ...]
    held_out: tuple[str, ...] = ()


@dataclass(slots=True)
class _Unit:
    """Samples that stay together, by their positions."""

    members: list[int]
    counts: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))  # of classes, then of pictures


def divide(dataset: Dataset, plan: SplitPlan, fixed_test: Collection[str] = ()) -> Division:
    """Give every sample a split; the same samples, plan and seed always give the same.

    `fixed_test` are the SHA-256 of the pictures in the parent version's test split: they, and only they, are the
    test again. Raises InvalidInput for a pattern that is none, or times that are missing.
    """
    groups = groups_of(dataset.samples, plan.pattern)
    units = _units(dataset.samples, groups, plan.near_bits)
    splits = [""] * len(dataset.samples)
    held_out: list[int] = []
    if fixed_test:
        units, held_out = _fix_test(units, dataset.samples, splits, fixed_test)
    shares = _without_test(plan.shares) if fixed_test else plan.shares
    assign = _by_time if plan.by == "time" else _stratified
    for unit, split in zip(units, assign(units, dataset, shares, plan.seed), strict=True):
        for member in unit.members:
            splits[member] = split
    return _division(dataset.samples, splits, groups, held_out)


def keep_test(dataset: Dataset, fixed_test: Collection[str]) -> Division:
    """The splits as they are, but for the test: exactly the pictures of `fixed_test` that are still there.

    What is like them or of their groups, and what else was meant for the test, is held out.
    """
    groups = [sample.group for sample in dataset.samples]
    splits = [sample.split for sample in dataset.samples]
    _, held_out = _fix_test(_units(dataset.samples, groups, NEAR_BITS), dataset.samples, splits, fixed_test)
    fixed = {index for index, sample in enumerate(dataset.samples) if sample.sha256 in fixed_test}
    for index, split in enumerate(splits):
        if split == "test" and index not in fixed:
            splits[index] = ""
            held_out.append(index)
    return _division(dataset.samples, splits, groups, sorted(held_out))


def _division(samples: Sequence[Sample], splits: list[str], groups: list[str], held_out: list[int]) -> Division:
    made = zip(samples, splits, groups, strict=True)
    divided = tuple(replace(sample, split=split, group=group) for sample, split, group in made)
    return Division(divided, tuple(samples[index].file for index in held_out))


def _units(samples: Sequence[Sample], groups: Sequence[str], near_bits: int) -> list["_Unit"]:
    """What must stay together: a group, the same picture, pictures that look alike, and all these through others."""
    together = Components(len(samples))
    _join_equal(together, groups)
    _join_equal(together, [sample.sha256 for sample in samples])
    join_alike(together, [sample.look for sample in samples], near_bits)
    return [_Unit(members) for members in together.groups()]


def groups_of(samples: Sequence[Sample], pattern: str) -> list[str]:
    """The group of each sample: what `{group}` matches in its file name, or what the dataset gives."""
    if not pattern:
        return [sample.group for sample in samples]
    if pattern.count(_GROUP) != 1 or pattern.count("*") > _MOST_STARS:
        raise InvalidInput(
            f"{pattern!r} is not a pattern of groups",
            hint="It has {group} once and at most three stars, such as {group}_*.jpg.",
        )
    parts = [re.escape(part).replace(r"\*", ".*?") for part in pattern.split(_GROUP)]
    form = re.compile("(.+?)".join(parts))
    matches = [form.fullmatch(sample.file) for sample in samples]
    if not any(matches):
        raise InvalidInput(f"no file is called like {pattern!r}", hint="Compare it with the samples' names.")
    return [match[1] if match else sample.group for match, sample in zip(matches, samples, strict=True)]


def _join_equal(together: Components, keys: Sequence[str]) -> None:
    firsts: dict[str, int] = {}
    for index, key in enumerate(keys):
        if key:
            together.join(index, firsts.setdefault(key, index))


def _fix_test(
    units: list[_Unit], samples: Sequence[Sample], splits: list[str], fixed_test: Collection[str]
) -> tuple[list[_Unit], list[int]]:
    """Put the fixed pictures into the test; what is like them, or of their groups, goes nowhere."""
    left, held_out = [], []
    for unit in units:
        fixed = {member for member in unit.members if samples[member].sha256 in fixed_test}
        if not fixed:
            left.append(unit)
            continue
        for member in unit.members:
            splits[member] = "test" if member in fixed else ""
        held_out += [member for member in unit.members if member not in fixed]
    return left, held_out


def _without_test(shares: tuple[float, ...]) -> tuple[float, ...]:
    kept = shares[0] + shares[1]
    return shares[0] / kept, shares[1] / kept, 0.0


def _by_time(units: list[_Unit], dataset: Dataset, shares: tuple[float, ...], _seed: int) -> list[str]:
    times = {sample.file: sample.captured_at for sample in dataset.samples}
    missing = [file for file, when in times.items() if when is None]
    if missing:
        raise InvalidInput(
            f"{len(missing)} samples have no capture time, {missing[0][:80]} for one",
            hint="Give `captured_at` in samples.csv or COCO's date_captured, or divide by group.",
        )

    def newest(unit: _Unit) -> datetime:
        found = [dataset.samples[member].captured_at for member in unit.members]
        return max(when for when in found if when is not None)

    order = sorted(range(len(units)), key=lambda index: newest(units[index]))
    total, before, found = len(dataset.samples), 0, [""] * len(units)
    edges = np.cumsum(shares)
    for index in order:
        middle = (before + len(units[index].members) / 2) / total
        found[index] = SPLITS[min(int(np.searchsorted(edges, middle)), len(SPLITS) - 1)]
        before += len(units[index].members)
    return found


def _stratified(units: list[_Unit], dataset: Dataset, shares: tuple[float, ...], seed: int) -> list[str]:
    """Largest units first, each to the split that lacks most of what it has, weighted by how rare it is."""
    width = len(dataset.classes) + 1
    for unit in units:
        ids = [class_id for member in unit.members for class_id in dataset.samples[member].class_ids]
        unit.counts = np.bincount(ids, minlength=width).astype(float) if ids else np.zeros(width)
        unit.counts[-1] = len(unit.members)
    total = np.maximum(sum((unit.counts for unit in units), np.zeros(width)), 1)
    wanted = np.outer(shares, total)
    order = list(range(len(units)))
    random.Random(seed).shuffle(order)  # noqa: S311 - has to be repeatable, not secret
    order.sort(key=lambda index: -float((units[index].counts / total).max()))
    found = [""] * len(units)
    open_splits = np.array(shares) > 0
    for index in order:
        counts = units[index].counts
        gain = (wanted / total * (counts / total)).sum(axis=1) - 1e-9 * np.arange(len(SPLITS))
        chosen = int(np.argmax(np.where(open_splits, gain, -np.inf)))
        wanted[chosen] -= counts
        found[index] = SPLITS[chosen]
    return found

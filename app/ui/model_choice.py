"""Choosing a registered model and its version or alias, and a second one to compare it with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from app.ui.model_row import TASKS
from app.ui.text import plain
from registry.models.types import CHAMPION, ModelSummary
from registry.runtime.card import WITH_BOXES

_VERSIONS_SHOWN = 50


@dataclass(frozen=True, slots=True)
class Which:
    """A model, and exactly one of its version and an alias."""

    model: ModelSummary
    version: int | None
    alias: str | None

    @property
    def number(self) -> int:
        """The version's number, or that which the alias named when the page was drawn."""
        return self.version or self.model.aliases[self.alias or CHAMPION]

    @property
    def names(self) -> dict[str, object]:
        """As the library's functions take it."""
        return {"model": self.model.name, "version": self.version, "alias": self.alias}


def choose_model(page: str, models: Sequence[ModelSummary], wanted: str = "") -> Which:
    """Draw both fields; `wanted` is the name to begin with."""
    by_name = {model.name: model for model in models}
    names = list(by_name)
    name = st.selectbox(
        "Model",
        names,
        index=names.index(wanted if wanted in by_name else _first(models).name),
        key=f"{page}.model.{wanted}",
        format_func=lambda each: f"{each}  ·  {TASKS.get(by_name[each].task, (by_name[each].task,))[0]}",
    )
    return _which(page, by_name[name])


def choose_second(page: str, models: Sequence[ModelSummary], first: Which) -> Which | None:
    """Offer the comparison with another version, or another model of the same task; None where it is not wanted."""
    if not st.toggle("Compare with another", key=f"{page}.compare"):
        return None
    peers = {model.name: model for model in models if model.task == first.model.task}
    names = list(peers)
    name = st.selectbox(
        "Second model",
        names,
        index=names.index(first.model.name),
        key=f"{page}.second.{first.model.name}",
    )
    return _which(f"{page}.second", peers[name], first.number if name == first.model.name else 0)


def _which(page: str, model: ModelSummary, taken: int = 0) -> Which:
    """The version or alias of a model; begins with one that is not the version `taken`, if there is one."""
    aliases = sorted(model.aliases, key=lambda each: (each != CHAMPION, each))
    versions = range(model.latest_version, max(model.latest_version - _VERSIONS_SHOWN, 0), -1)
    options: list[str | int] = [*aliases, *versions]
    others = [index for index, each in enumerate(options) if _number(each, model) != taken]
    chosen = st.selectbox(
        "Version",
        options,
        index=others[0] if others else 0,
        key=f"{page}.which.{model.name}",
        format_func=lambda each: _said(each, model.aliases),
    )
    return Which(model, chosen, None) if isinstance(chosen, int) else Which(model, None, chosen)


def _number(option: str | int, model: ModelSummary) -> int:
    return option if isinstance(option, int) else model.aliases[option]


def _said(option: str | int, aliases: Mapping[str, int]) -> str:
    return f"version {option}" if isinstance(option, int) else f"{plain(option)} (version {aliases[option]})"


def _first(models: Sequence[ModelSummary]) -> ModelSummary:
    """The model to begin with: one that draws boxes, for they say most about any picture."""
    return next((model for model in models if model.task in WITH_BOXES), models[0])

"""Choosing the model that looks at a camera."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from app.ui.model_row import TASKS
from app.ui.session import platform
from app.ui.text import plain
from registry.access import Actor
from registry.cameras.view import CameraView
from registry.errors import RegistryError
from registry.models.types import CHAMPION, ModelSummary
from registry.runtime.card import WITH_BOXES

_MOST_VERSIONS = 50


def choose_model(actor: Actor, key: str, camera: CameraView | None) -> dict[str, Any]:
    """Model and alias or version, as what is asked of a camera has them; keeps a model that cannot be seen."""
    models = {each.name: each for each in detectors(actor)}
    now = camera.record.model if camera else ""
    names = list(dict.fromkeys(["", *models, now]))
    first = now if camera else next(iter(models), "")
    name = st.selectbox(
        "Model",
        names,
        index=names.index(first),
        key=f"{key}.model",
        format_func=lambda each: _named(each, models),
    )
    if not name or name not in models:
        kept = bool(camera and name == now)
        return {
            "model": name,
            "alias": (camera.record.alias or None) if camera and kept else None,
            "version": int(camera.record.version) if camera and kept and camera.record.version else None,
        }
    return {"model": name, **_which(key, models[name], camera)}


def detectors(actor: Actor) -> list[ModelSummary]:
    """The models that find objects, with a version at least; none where the registry does not answer."""
    try:
        found, _ = platform().models.list(actor, size=500)
    except RegistryError as error:
        st.caption(f":orange[{plain(error.message)}]")
        return []
    return [each for each in found if each.task in WITH_BOXES and each.latest_version and not each.archived]


def labels_of(actor: Actor, camera: CameraView) -> list[str]:
    """The classes of the model that a camera looks with; none where there is none to ask."""
    record = camera.record
    if not record.model:
        return []
    version = int(record.version) if record.version else None
    try:
        found = platform().models.resolve(actor, record.model, version=version, alias=record.alias or None)
    except RegistryError:
        return []
    return list(found.card.labels)


def is_kept(camera: CameraView, chosen: Mapping[str, Any]) -> bool:
    """Whether a camera looks with this already; with neither alias nor version it follows the champion."""
    record = camera.record
    version = int(record.version) if record.version else None
    now = {"model": record.model, "alias": record.alias or None, "version": version}
    implied = {**now, "alias": now["alias"] or (CHAMPION if record.model and not record.version else None)}
    return {name: chosen[name] for name in now} in (now, implied)


def _which(key: str, model: ModelSummary, camera: CameraView | None) -> dict[str, Any]:
    aliases = sorted(model.aliases, key=lambda each: (each != CHAMPION, each))
    versions = range(model.latest_version, max(model.latest_version - _MOST_VERSIONS, 0), -1)
    options: list[str | int] = [*aliases, *versions]
    now: str | int = CHAMPION
    if camera and camera.record.model == model.name:
        now = camera.record.alias or (int(camera.record.version) if camera.record.version else CHAMPION)
        if now not in options:  # an alias that was taken away, or an old version: nobody chose another one
            options = [now, *options]
    chosen = st.selectbox(
        "Version",
        options,
        index=options.index(now) if now in options else 0,
        key=f"{key}.which.{model.name}",
        format_func=lambda each: _which_named(each, aliases),
        help="With an alias the camera takes another version up as soon as the alias moves, without a restart.",
    )
    return {
        "alias": chosen if isinstance(chosen, str) else None,
        "version": chosen if isinstance(chosen, int) else None,
    }


def _which_named(which: str | int, aliases: Sequence[str]) -> str:
    if isinstance(which, int):
        return f"Version {which}"
    return f"{which} (follows the alias)" if which in aliases else f"{which} (no version has it now)"


def _named(name: str, models: dict[str, ModelSummary]) -> str:
    if not name:
        return "None: only watch and record"
    return f"{name}  ·  {TASKS[models[name].task][0]}" if name in models else name

"""Fields of a form for the parameters of a job, drawn from what they may be."""

from collections.abc import Mapping
from typing import Any

import streamlit as st
from pydantic import BaseModel

from registry.jobs.parameter_words import label_of


def draw(
    key: str, parameters: type[BaseModel], given: Mapping[str, Any], known: Mapping[str, Mapping[str, str]]
) -> dict[str, Any]:
    """One field for each; those left empty are left out.

    `known` are values to choose among with what each is called, by the field's name.
    """
    schema = parameters.model_json_schema()
    found: dict[str, Any] = {}
    for name, about in schema["properties"].items():
        default = given.get(name, about.get("default"))
        if known.get(name):
            value = _chosen(f"{key}.{name}", name, about, default or "", known[name])
        else:
            value = _field(f"{key}.{name}", name, _plain(about), default)
        if value is not None and value != "":
            found[name] = value
    return found


def _chosen(key: str, name: str, about: dict[str, Any], default: str, known: Mapping[str, str]) -> str:
    """One of those that are known; none of them where the field may be left empty."""
    empty = [""] if "default" in about else []
    options = [*empty, *known, *([default] if default and default not in known else [])]
    first = options.index(default) if default in options else 0
    shown = {"": "None", **known}
    return str(
        st.selectbox(
            label_of(name), options, first, key=key, help=about.get("description"),
            format_func=lambda each: shown.get(each, each),
        )
    )  # fmt: skip


def _plain(about: dict[str, Any]) -> dict[str, Any]:
    """What a field may be where it is not left empty."""
    options = [each for each in about.get("anyOf", ()) if each.get("type") != "null"]
    return {**about, **options[0]} if options else about


def _field(key: str, name: str, about: dict[str, Any], default: Any) -> Any:
    label, meaning = label_of(name), about.get("description")
    kind = about.get("type")
    if kind == "boolean":
        return st.checkbox(label, bool(default), key=key, help=meaning)
    if kind == "array":
        options = about["items"].get("enum", [])
        return st.multiselect(label, options, default or [], key=key, help=meaning)
    if "enum" in about:
        options = about["enum"]
        return st.selectbox(label, options, options.index(default) if default in options else 0, key=key, help=meaning)
    if kind in ("integer", "number"):
        number = int if kind == "integer" else float
        least, most = about.get("minimum"), about.get("maximum")
        return st.number_input(
            label,
            None if least is None else number(least),
            None if most is None else number(most),
            None if default is None else number(default),
            key=key,
            help=meaning,
        )
    return st.text_input(label, default or "", key=key, help=meaning, max_chars=about.get("maxLength")).strip()

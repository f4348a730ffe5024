"""docs/settings.md, made from the fields that define the settings."""

from typing import Any

from registry.access.live import LiveSettings
from registry.access.live.catalogue import CATEGORY_TEXTS, DEFINITIONS, Definition
from registry.settings import PREFIX, Settings

_INTRO = """\
# Settings

Most of what a running platform does is set in the app: the **live settings**, on the Settings page, over HTTP or with
`nexusai settings set`. What a process needs before it can start (paths, ports, addresses of other services) is set by
**variables**. `nexusai settings` shows all that is in force and where it comes from. This page is made by `make docs`.

## Changing a live setting

```sh
nexusai settings get limit_user
nexusai settings set limit_user 600
nexusai settings reset limit_user
nexusai settings update changes.json          # {"limit_user": 600, "limit_key": 300}: all of them, or none
nexusai settings create line-3.threshold 2.5  # a setting of your own, for notebooks and scripts
curl -X PUT "$URL/api/v1/settings/limit_user" -H "X-API-Key: $KEY" \\
  -H "Content-Type: application/json" -d '{"value": 600, "revision": 0}'
```

- A change is in force at once where it was made, and in every other process within two seconds. Settings marked
  *restart* wait for the next start.
- `POST /api/v1/settings/bulk-update` sets several, or none of them: its answer then names every field that is wrong.
- `revision` is optional. With it the value is set only if nobody changed it since; else the answer is 409 with what
  is there now. The page always sends it.
- The audit trail keeps who changed what, from what to what.
- Where a variable has the same name, it gives the default: `reset` goes back to it.
- Administrators can add settings of their own (`POST /api/v1/settings`): any JSON of up to 8 KiB under a key such as
  `line-3.threshold`, for notebooks and programs to read. All staff can read them: keep no secrets there.
"""
_VARIABLES = """
## Variables

Order, later wins: the default, `settings.yaml` in the home, `.env`, the environment, the command line.

| variable | default | bounds | meaning |
|---|---|---|---|
"""
_LIVE = """
## Live settings
"""


def settings_page() -> str:
    """The whole page as Markdown."""
    return _INTRO + _VARIABLES + "\n".join(_variables()) + "\n" + _LIVE + "\n".join(_live())


def _variables() -> list[str]:
    lines = []
    for name, field in Settings.model_fields.items():
        bounds = ", ".join(_bounds(field.metadata)) or "–"
        default = "`mlflow.yaml`" if name == "mlflow_file" else f"`{_default(field.default)}`"
        also = "; the app can change it" if name in LiveSettings.model_fields else ""
        lines.append(f"| `{PREFIX}{name.upper()}` | {default} | {bounds} | {field.description}{also} |")
    return lines


def _live() -> list[str]:
    lines: list[str] = []
    for category, text in CATEGORY_TEXTS.items():
        members = [each for each in DEFINITIONS.values() if each.category == category]
        if members:
            lines += ["", f"### {category.capitalize()}", "", f"{text}.", ""]
            lines += ["| key | default | bounds | who | meaning |", "|---|---|---|---|---|"]
            lines += [_row(each) for each in members]
    return lines


def _row(about: Definition) -> str:
    default = LiveSettings.model_fields[about.key].default
    shown = ", ".join(default) if isinstance(default, list) else str(default)
    restart = " (*restart*)" if about.restart else ""
    return f"| `{about.key}` | `{shown}` | {_expects(about)} | {about.editors} | {about.description}{restart} |"


def _expects(about: Definition) -> str:
    if about.type == "integer":
        return f"≥ {about.minimum:,}, ≤ {about.maximum:,} {about.unit}"
    return about.expects


def _bounds(metadata: list[Any]) -> list[str]:
    names = (("ge", "≥ "), ("gt", "> "), ("le", "≤ "), ("lt", "< "))
    return [
        f"{sign}{getattr(each, key):,}"
        for each in metadata
        for key, sign in names
        if getattr(each, key, None) is not None
    ]


def _default(value: object) -> str:
    return ",".join(value) if isinstance(value, tuple) else str(value)

"""A rule as a sentence, and hours of the week in words."""

from collections.abc import Sequence

from app.ui.text import plain
from registry.cameras.configuration import HoursSettings, RuleSettings

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_NAMED_DAYS = {tuple(range(7)): "every day", tuple(range(5)): "Mon to Fri", (5, 6): "Sat and Sun"}


def sentence(rule: RuleSettings) -> str:
    """What has to hold for the rule, and how often it speaks, as Markdown."""
    who = f"**{_any_of(rule.labels)}**" if rule.labels else "**anything**"
    words = [f"When {who}", *_where(rule)]
    if rule.min_duration_s:
        words.append(f"has been seen for {seconds(rule.min_duration_s)}")
    conditions = [
        f"sure to {rule.min_score:.0%}" if rule.min_score else "",
        f"larger than {_percent(rule.min_size)} of the picture" if rule.min_size else "",
        "not standing still" if rule.ignores_stationary else "",
        " or ".join(hours(each) for each in rule.schedule),
    ]
    said = ", ".join([_joined(words), *filter(None, conditions)])
    quiet = f" The next of the same class after {seconds(rule.cool_down_s)}." if rule.cool_down_s else ""
    return f"{said}: an event.{quiet}"


def in_vain(wanted: Sequence[str], known: Sequence[str]) -> str:
    """Which classes a rule waits for that the model does not know, as Markdown; nothing where the model is unknown."""
    unknown = [label for label in wanted if label not in known] if known else []
    return f"The model knows no {_any_of(unknown)}: until it does, nothing comes of that." if unknown else ""


def hours(each: HoursSettings) -> str:
    """Such as `Mon to Fri 22:00 to 06:00`."""
    days = tuple(sorted(set(each.days)))
    named = _NAMED_DAYS.get(days) or ", ".join(DAYS[day] for day in days)
    return f"{named} {each.begin:%H:%M} to {each.end:%H:%M}"


def seconds(value: float) -> str:
    """A time as people say it."""
    if value >= 3_600 and value % 3_600 == 0:
        return f"{value / 3_600:g} h"
    return f"{value / 60:g} min" if value >= 60 and value % 30 == 0 else f"{value:g} s"


def _where(rule: RuleSettings) -> list[str]:
    zones = _any_of(rule.zones)
    if rule.lines:
        inside = f" inside {zones}" if zones else ""
        return [f"crosses {_any_of(rule.lines)}{inside}"]
    if rule.must_loiter:
        return [f"loiters in {zones or 'a zone'}"]
    return [f"is in {zones}"] if zones else ([] if rule.min_duration_s else ["is seen"])


def _joined(words: Sequence[str]) -> str:
    who, *doing = words
    return f"{who} {' and '.join(doing)}"


def _any_of(names: Sequence[str]) -> str:
    shown = [plain(name, longest=40) for name in names]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} or {shown[-1]}" if shown else ""


def _percent(share: float) -> str:
    return f"{share * 100:.2g} %"

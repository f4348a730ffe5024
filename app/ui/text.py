"""User-provided text and measured values as a page shows them."""

import re
import unicodedata
from datetime import UTC, datetime

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~$^=&'\"@/])")
_WORD_JOINER = "\u2060"  # invisible
# `:material/…:`, `:red[…]`, `:smile:`, addresses that would become links: harmless once they are split.
_TO_SPLIT = re.compile(r"(:|@|www)", re.IGNORECASE)
_BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")  # would turn the rest of the line around
_COLLAPSE = re.compile(r"\s+")


def plain(text: str, *, longest: int = 400) -> str:
    """Text from a person or a file as Markdown that shows exactly that text on one line, without any effect."""
    flat = _COLLAPSE.sub(" ", _BIDI.sub("", text)).strip()
    if len(flat) > longest:
        flat = flat[: longest - 1].rstrip() + "…"
    shown = _TO_SPLIT.sub(rf"\1{_WORD_JOINER}", _MARKDOWN.sub(r"\\\1", flat))
    return f"\u2068{shown}\u2069" if any(unicodedata.bidirectional(each) in {"R", "AL"} for each in flat) else shown


def as_copied(text: str) -> str:
    """What somebody typed or copied from a page, without what `plain` added to it unseen."""
    return _BIDI.sub("", text).replace(_WORD_JOINER, "").strip()


def badge_text(text: str, *, longest: int = 40) -> str:
    """`plain` for `st.badge`, which escapes brackets itself."""
    return plain(text, longest=longest).replace("\\[", "[").replace("\\]", "]")


def ago(moment: datetime, now: datetime | None = None) -> str:
    """How long ago an aware time was, in the largest unit that fits."""
    seconds = ((now or datetime.now(UTC)) - moment).total_seconds()
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        count = int(seconds // length)
        if count >= 1:
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now"


def many(count: int, noun: str, nouns: str = "") -> str:
    """`1 model`, `2 models`; `nouns` is for what does not end in s alone."""
    return f"{count:,} {noun if count == 1 else nouns or noun + 's'}"

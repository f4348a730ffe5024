"""A camera's path and query as people may see them: only what is known to be harmless, or looks like words."""

import re
from urllib.parse import unquote

HIDDEN = "***"
_NAMES = """
    action audio bitrate cam camera ch chan channel channelid chn clock cmd codec color compression date delay
    enablesrtp format fps framerate gop h height img imagesize inst instance loop mirror mode multicast nocache proto
    profile quality rand rate req_fps res resolution rotation sessiontimeout size squarepixel stream streamid
    streamtype sub subtype tcp text textpos timeout trackid transport transportmode transporttype type udp unicast
    vcodec video videocodec videoresolution w width
"""
_HARMLESS = frozenset(_NAMES.split())
_PLAIN = re.compile(r"[A-Za-z0-9._,:x-]{0,24}\Z")
_RUN = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+")  # of one kind of letters, as words are written
_WORD = re.compile(r"[A-Za-z0-9]{12,}")
_HARD_TO_SAY = re.compile(r"(?i)[bcdfghjklmnpqrstvwxz]{6}|\d{12}")


def hide_secrets(target: str) -> str:
    """A path with query, `***` where a secret may be; hiding twice is hiding once.

    Of the query, and of pairs `name=value` in the path, values are shown whose name is on a short list. Of the path
    what looks made by chance is hidden: a recorder's address of a stream may be all that it asks for.
    """
    path, mark, query = target.partition("?")
    shown = "".join(_of_path(part) for part in re.split(r"([/&;])", path))
    return shown + mark + "".join(_of_query(part) for part in re.split(r"([&;])", query))


def _of_path(part: str) -> str:
    if "=" in part:
        return _pair(part)
    return HIDDEN if "=" in unquote(part) or _is_by_chance(part) else part


def _of_query(part: str) -> str:
    if "=" in part:
        return _pair(part)
    return part if part in {"", "&", ";"} or part.lower() in _HARMLESS else HIDDEN


def _pair(part: str) -> str:
    name, _, value = part.partition("=")
    if name.lower().lstrip("-") in _HARMLESS and _PLAIN.match(value) and not _is_by_chance(value):
        return part
    return f"{HIDDEN if _is_by_chance(name) else name}={HIDDEN if value else ''}"


def _is_by_chance(text: str) -> bool:
    """Whether kinds of letters change as often as chance has it, or a word has no vowels for long."""
    runs = _RUN.findall(text)
    if sum(map(len, runs)) >= 12 and sum(map(len, runs)) < 3 * len(runs):
        return True
    return any(_HARD_TO_SAY.search(word) or _is_mixed(word) for word in _WORD.findall(text))


def _is_mixed(word: str) -> bool:
    is_mixed = not (word.isalpha() or word.isdecimal())
    return is_mixed and len(word) < 5 * len(_RUN.findall(word))

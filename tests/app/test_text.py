"""Text from people shows as text."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from markdown_it import MarkdownIt

from app.ui.text import ago, as_copied, many, plain


@pytest.mark.parametrize(
    "hostile",
    ["**bold**", "[x](http://evil.example)", "![x](http://evil.example/p.png)", "<script>alert(1)</script>", "`code`",
     "# heading", "a | b", "~~x~~", "- item", "1. item", "http://x.example", "&amp;", "\\*", "_x_", "a@b.example"],
)  # fmt: skip
def test_markdown_in_user_text_has_no_effect(hostile: str) -> None:
    html = MarkdownIt("gfm-like", {"linkify": False}).renderInline(plain(hostile))
    shown = html.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"').replace("&amp;", "&")
    assert shown.replace("\u2060", "") == hostile
    assert "<a" not in html
    assert "<img" not in html


@pytest.mark.parametrize("directive", [":material/home:", ":red[x]", ":smile:", ":blue-badge[x]"])
def test_streamlits_directives_are_split(directive: str) -> None:
    assert ":\u2060" in plain(directive)
    assert directive not in plain(directive)


@pytest.mark.parametrize("address", ["me@evil.example", "www.evil.example", "WWW.evil.example", "https://evil.example"])
def test_an_address_is_split_before_a_browser_makes_a_link_of_it(address: str) -> None:
    shown = plain(address).replace("\\", "")
    assert shown.replace("\u2060", "") == address
    assert re.search("(@|www|https:)\u2060", shown, re.IGNORECASE)


def test_long_and_many_lined_text_becomes_one_short_line() -> None:
    assert plain("a\n\n# b\t c", longest=100) == "a \\# b c"
    assert plain("x" * 50, longest=10) == "x" * 9 + "…"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(5, "just now"), (61, "1 minute ago"), (7_300, "2 hours ago"), (200_000, "2 days ago"), (-5, "just now")],
)
def test_ago(seconds: int, words: str) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert ago(now - timedelta(seconds=seconds), now) == words


def test_text_from_right_to_left_does_not_turn_its_line_around() -> None:
    assert plain("\u0639\u0645\u0631") == "\u2068\u0639\u0645\u0631\u2069"
    assert plain("Ada") == "Ada"


@pytest.mark.parametrize("text", ["local:root", "ada@example.com", "\u0639\u0645\u0631", "www.example.com"])
def test_what_is_copied_from_a_page_is_what_was_shown_there(text: str) -> None:
    assert as_copied(f" {plain(text)} ").replace("\\", "") == text


def test_many() -> None:
    assert [many(1, "model"), many(0, "model"), many(1200, "model")] == ["1 model", "0 models", "1,200 models"]

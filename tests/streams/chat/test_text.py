from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.chat import discord, matrix, slack, telegram
from streams.chat.message import Message
from streams.chat.text import Markup, compose, safe_link, size, told_ids

MARKUPS = [discord.MARKUP, telegram.MARKUP, matrix.PLAIN, matrix.HTML, slack.MARKUP]
TINY = Markup(limit=100, escapes={"&": "&amp;"})


@given(
    st.sampled_from(MARKUPS),
    st.text(max_size=300),
    st.lists(st.text(max_size=2000), max_size=40),
    st.lists(st.text("0123456789abcdef", max_size=40), max_size=20),
)
def test_no_text_is_longer_than_its_limit_or_has_more_lines_than_the_message(
    markup: Markup, title: str, lines: list[str], ids: list[str]
) -> None:
    message = Message(title, tuple(lines), "https://here/x", ids=tuple(ids))
    text = compose(message, markup)
    assert size(text) <= markup.limit
    assert text.count("\n") <= len(lines) + 3


def test_what_fits_exactly_is_not_cut() -> None:
    message = Message("t", ("a" * 49, "b" * 48))
    assert compose(message, TINY) == "\n".join(["t", *message.lines])


@pytest.mark.parametrize(
    ("lines", "ending"),
    [
        (("a" * 40, "b" * 60), "a\n(and 1 more line)"),
        (("a" * 10, "b" * 90, "c"), "b…\n(and 1 more line)"),
        (("a" * 90, "b", "c" * 60, "d"), "a…\n(and 3 more lines)"),
        (("&" * 200,), "&amp;…"),
    ],
)
def test_what_does_not_fit_is_cut_between_characters_and_counted(lines: tuple[str, ...], ending: str) -> None:
    text = compose(Message("t", lines), TINY)
    assert size(text) <= 100
    assert text.endswith(ending)


def test_ids_are_short_few_and_counted() -> None:
    assert told_ids(()) == ""
    assert told_ids(("0123456789abcdef",)) == "alert 0123456789ab"
    assert told_ids(tuple("abcdefgh")) == "alert a b c d e f and 2 more"


@pytest.mark.parametrize(
    ("link", "safe"),
    [
        ("http://h:8080/s/A?at=1&tf=1m#x", "http://h:8080/s/A?at=1&tf=1m#x"),
        ('https://h/"><script>|', "https://h/%22%3E%3Cscript%3E%7C"),
        ("https://h/a b\n", "https://h/a%20b%0A"),
        ("javascript:alert(1)", ""),
        ("https://h/" + "x" * 1000, ""),
        ("", ""),
    ],
)
def test_a_link_cannot_end_itself(link: str, safe: str) -> None:
    assert safe_link(link) == safe


def test_a_link_that_is_too_long_once_it_is_escaped_is_left_out() -> None:
    message = Message("t", ("a",), link="http://h/?" + "&" * 900)
    assert compose(message, telegram.MARKUP) == "<b>t</b>\na"


def test_a_link_that_no_service_can_read_is_no_error() -> None:
    assert safe_link("http://h/\ud800") == "http://h/?"

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from streams.chat.errors import ChatSettingsError
from streams.chat.open import KINDS, sender
from streams.secret import Secret

if TYPE_CHECKING:
    import aiohttp


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")
@pytest.mark.parametrize(
    ("kind", "settings", "told"),
    [
        ("pigeon", {}, "there is no such kind; there are apprise, discord, matrix, slack, telegram, webhook"),
        ("webhook", {}, "`url` is missing"),
        ("webhook", {"url": "ftp://h/x"}, "`url` is no address that begins with https:// or http://"),
        ("webhook", {"url": "https://"}, "`url` is no address that begins with https:// or http://"),
        ("webhook", {"url": "https://h/ x"}, "`url` holds spaces, or characters beyond ASCII"),
        ("webhook", {"url": "https://h", "secrt": "x"}, "`secrt` is no setting of it; did you mean `secret`?"),
        ("discord", {"url": "https://h", "zz": 1}, "`zz` is no setting of it; it takes url"),
        ("telegram", {"chat_id": 0}, "`token` is missing"),
        ("slack", {"token": "t"}, "`channel` is missing"),
        ("matrix", {"server": "https://h", "token": "t", "room": "#a:h"}, "`room` is no id of a room"),
        ("apprise", {"url": "nonsense://x"}, "`url` is none that Apprise knows"),
        ("apprise", {}, "`url` is missing"),
    ],
)
def test_wrong_settings_are_one_readable_error(kind: str, settings: dict[str, Any], told: str) -> None:
    with pytest.raises(ChatSettingsError) as raised:
        build(kind, settings)
    assert told in str(raised.value)
    assert str(raised.value).startswith(f"chat channel of kind {kind!r}: ")


def test_all_that_is_wrong_is_told_at_once_and_no_secret() -> None:
    with pytest.raises(ChatSettingsError) as raised:
        build("telegram", {"token": Secret("hush hush"), "serv": "s3cret"})
    assert len(raised.value.faults) == 3
    assert "hush" not in f"{raised.value} {raised.value!r}"
    assert "s3cret" not in str(raised.value)


def test_a_token_cannot_bring_a_header_along() -> None:
    with pytest.raises(ChatSettingsError, match="`token` holds spaces"):
        build("matrix", {"server": "https://h", "token": "a\r\nX: y", "room": "!a:h"})


def test_kinds_are_told() -> None:
    assert KINDS == ("apprise", "discord", "matrix", "slack", "telegram", "webhook")


def build(kind: str, settings: dict[str, Any]) -> object:
    nothing: aiohttp.ClientSession = None  # type: ignore[assignment]
    return sender(kind, settings, nothing)


def test_the_page_lists_every_setting_of_every_kind() -> None:
    page = (Path(__file__).parents[3] / "docs" / "channels.md").read_text()
    listed = set(re.findall(r"^\| `(\w+)` \| `(\w+)` \|", page, re.MULTILINE))
    assert listed == {(kind, name) for kind in KINDS for name in asked(kind)}


def asked(kind: str) -> set[str]:
    """What senders of `kind` look for, in all their forms."""
    return {
        name
        for form in ({}, {"url": "x"})
        for name in re.findall(r"\w+", told(kind, {**form, "??": 1}).partition("it takes ")[2].partition(";")[0])
    }


def told(kind: str, settings: dict[str, Any]) -> str:
    with pytest.raises(ChatSettingsError) as raised:
        build(kind, settings)
    return str(raised.value)

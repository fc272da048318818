"""The file of channels: what it may hold, and every mistake with its place."""

from __future__ import annotations

from datetime import time
from typing import TYPE_CHECKING, Any

import pytest

from daemon.chat import channels
from daemon.chat.channels import Outside, Quiet
from daemon.engine.errors import RuleErrors
from tests.daemon.chat.alerts import channel

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from daemon.chat.channels import Channel

SECRETS = {("credential", "slack_url"): "https://hooks.example/abc\n", ("env", "TOKEN"): "t0ken"}
FILES = {"tech.txt": "AAPL\nMSFT  # and a word\n\n", "empty.txt": "# nothing\n"}


def wrong(kind: str, settings: Mapping[str, Any]) -> Sequence[str]:
    return () if "url" in settings or "token" in settings else (f"{kind} lacks a url",)


def text_of(name: str) -> str:
    if name not in FILES:
        raise FileNotFoundError(2, "No such file or directory")
    return FILES[name]


ONE = "[[channel]]\nname='a'\nkind='webhook'\nsettings.url='x'\n"
OUTSIDE = Outside(lambda source, name: SECRETS[source, name], text_of, wrong)


def load(text: str) -> tuple[Channel, ...]:
    return channels.load(text, "channels.toml", OUTSIDE)


def mistakes(text: str) -> list[str]:
    with pytest.raises(RuleErrors) as caught:
        load(text)
    return str(caught.value).splitlines()


def test_a_channel_with_everything_and_one_with_the_least() -> None:
    most, least = load("""
[[channel]]
name = "desk"
kind = "slack"
settings = { url = { credential = "slack_url" } }
severity = "medium"
rules = ["gap-and-go"]
symbols = "tech.txt"
rate_per_minute = 30
quiet = "20:00-04:00"
quiet_passes = "high"
fallback = "ops"

[[channel]]
name = "ops"
kind = "webhook"
settings = { url = "http://127.0.0.1/hook", secret = { env = "TOKEN" } }
""")
    assert (most.name, most.kind, most.severity, most.fallback) == ("desk", "slack", "medium", "ops")
    assert (most.rules, most.symbols) == ({"gap-and-go"}, {"AAPL", "MSFT"})
    assert (most.rate_per_minute, most.quiet, most.quiet_passes) == (30, Quiet(time(20), time(4)), "high")
    assert most.settings["url"].reveal() == "https://hooks.example/abc"
    assert least.settings["secret"].reveal() == "t0ken"
    assert (least.severity, least.rules, least.quiet, least.fallback) == ("low", frozenset(), None, "")
    assert "t0ken" not in repr(least)


def test_all_mistakes_of_a_file_are_told_at_once_each_with_its_place_and_what_to_do() -> None:
    found = mistakes("""[[channel]]
name = "Desk 1"
kind = "slak"
settings = {}
severity = "hi"
rules = "gap"
symbols = ["A B"]
rate_per_minute = 0
quiet = "20-4"
quiet_passes = "loud"
fallback = "opps"
sevrity = "low"

[[channel]]
name = "ops"
kind = "webhook"
settings = { secret = "x" }

[[channel]]
name = "ops"
kind = "webhook"
settings = { url = { credental = "slack_url" } }

[[channel]]
name = "four"
kind = "webhook"
settings = { url = { env = "NOT_THERE" } }
symbols = "none.txt"

[[channel]]
name = "five"
kind = "webhook"
settings = { url = "x" }
symbols = "empty.txt"
""")
    assert found == [
        "channels.toml:2:1: a channel needs a name; 1 to 32 of a-z, 0-9, - and _",
        "channels.toml:3:1: there is no kind 'slak'; did you mean \"slack\"?",
        'channels.toml:4:1: a channel needs settings; write settings = { url = "https://..." }; see docs/channels.md',
        "channels.toml:5:1: severity cannot be 'hi'; did you mean \"high\"?",
        'channels.toml:6:1: rules are a list of names; write ["one", "two"]; leave it out for all',
        "channels.toml:7:1: 'A B' is no symbol; 1 to 16 of A-Z, a-z, 0-9, . / and -",
        "channels.toml:8:1: a rate is a whole number from 1 to 600; messages a minute that the service permits",
        'channels.toml:9:1: these are no quiet hours; write "22:00-07:00", in New York time',
        "channels.toml:10:1: quiet_passes cannot be 'loud'; it is one of low, medium, high, nobody",
        'channels.toml:11:1: there is no other channel "opps"; did you mean "ops"?',
        'channels.toml:12:1: unknown key "sevrity"; did you mean "severity"?',
        "channels.toml:17:1: webhook lacks a url; see docs/channels.md",
        'channels.toml:20:1: there is a channel "ops" already; name it otherwise',
        'channels.toml:22:14: this names no secret; write { credential = "slack_url" } or { env = "SLACK_URL" }',
        (
            "channels.toml:27:14: there is no NOT_THERE in the environment; "
            "give it to the service, or write the value here"
        ),
        "channels.toml:28:1: none.txt cannot be read: No such file or directory; see the path",
        "channels.toml:34:1: empty.txt names no symbol; write one a line, or leave symbols out for all",
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "there is no channel"),
        ("channel = 5", "channels are up to 50 tables"),
        ("[[channel]\n", "this is not TOML"),
        ("[chanel]\nname='a'", 'unknown key "chanel"'),
        (f"{ONE}quiet = '20:00-20:00'", "these quiet hours never begin"),
        (f"{ONE}rate_per_minute = true", "a rate is a whole number"),
        ("#" * 1_000_001, "longer than 1,000,000 characters"),
        (ONE * 51, "channels are up to 50 tables"),
    ],
)
def test_what_is_no_file_of_channels_is_told(text: str, says: str) -> None:
    assert says in mistakes(text)[0]


def test_a_channel_takes_alerts_by_severity_rule_and_symbol() -> None:
    chosen = channel(severity="medium", rules=frozenset({"gap"}), symbols=frozenset({"AAPL"}))
    assert chosen.takes("gap", "AAPL", "medium")
    assert chosen.takes("gap", "AAPL", "high")
    assert chosen.takes("gap", "AAPL", "something newer")
    assert not chosen.takes("gap", "AAPL", "low")
    assert not chosen.takes("gap", "MSFT", "high")
    assert not chosen.takes("fill", "AAPL", "high")
    assert channel().takes("fill", "MSFT", "low")


def test_quiet_hours_go_over_midnight_and_let_pass_what_is_grave_enough() -> None:
    resting = channel(quiet=Quiet(time(20), time(4)), quiet_passes="high")
    assert resting.rests(time(23), "medium")
    assert resting.rests(time(3, 59), "medium")
    assert not resting.rests(time(4), "medium")
    assert not resting.rests(time(19, 59), "medium")
    assert not resting.rests(time(23), "high")
    assert channel(quiet=Quiet(time(9), time(10))).rests(time(9), "high")
    assert not channel(quiet=Quiet(time(9), time(10))).rests(time(10), "low")
    assert not channel().rests(time(9), "low")

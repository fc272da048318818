from __future__ import annotations

import re
from datetime import date, time
from pathlib import Path

import pytest

from daemon import faultsfile
from daemon.engine.errors import RuleErrors
from streams.simulator.faultkinds import BAD, KINDS, SETTINGS
from streams.simulator.irregular import Irregularity
from streams.simulator.schedule import Faults, Moment, Rate, strikes
from tests.streams.simulator.feed_of import OPEN_MS

A_MOMENT = 'write "09:45", "09:45:30", "2025-03-10 09:45" (New York) or "+90s" after the start, or a list of these'
PAGE = (Path(__file__).parents[2] / "docs" / "simulator.md").read_text()


def load(text: str) -> Faults:
    return faultsfile.load(text, "faults.toml")


def mistakes(text: str) -> list[str]:
    with pytest.raises(RuleErrors) as refused:
        load(text)
    return str(refused.value).splitlines()


def test_an_empty_file_says_that_nothing_goes_wrong() -> None:
    assert load("") == Faults()


def test_a_file_says_what_strikes_when() -> None:
    found = load(
        """seed = 7
[irregular]
revised = 0.02
[[fault]]
kind = "close"
code = 1008
at = ["09:45", "2025-03-10 10:00", "+90s"]
[[fault]]
kind = "late"
rate = "3/minute"
between = ["09:30", "16:00"]
delay = "1.5s"
symbols = ["AAPL"]
"""
    )
    close, late = found.faults
    assert (found.seed, found.irregularity) == (7, Irregularity(revised=0.02, seed=7))
    assert close.settings == {"code": 1008, "clients": "all"}
    assert close.at == (Moment(time=time(9, 45)), Moment(time=time(10), day=date(2025, 3, 10)), Moment(90_000))
    assert (late.rate, late.between) == (Rate(3, 60_000), (time(9, 30), time(16)))
    assert (late.settings["delay"], late.settings["symbols"]) == (1_500, ("AAPL",))


def test_all_mistakes_come_at_once_with_their_places_and_remedies() -> None:
    text = """seeed = 1
seed = -1

[irregular]
lates = 0.5
late = 2

[[fault]]
kind = "clos"
at = "09:45"

[[fault]]
kind = "close"
at = ["09:45", "late"]
code = 999
delay = "1s"

[[fault]]
at = "09:45"

[[fault]]
kind = "halt"
between = ["16:00", "09:30"]
for = "5 minutes"

[[fault]]
kind = "bad"
rate = "3/day"
how = "utf8"
att = "09:30"
"""
    assert mistakes(text) == [
        'faults.toml:1:1: unknown key "seeed"; did you mean "seed"?',
        "faults.toml:2:1: a seed is a whole number from 0 up; write seed = 1",
        'faults.toml:5:1: unknown key "lates"; did you mean "late"?',
        "faults.toml:6:1: late is a share of all bars; write a number from 0 to 1",
        "faults.toml:9:1: there is no kind 'clos'; did you mean \"close\"?",
        f"faults.toml:14:16: at cannot be 'late'; {A_MOMENT}",
        "faults.toml:15:1: code cannot be 999; write 1000, 1001, 1006, 1008 or 1011",
        'faults.toml:16:1: a close has no "delay"; it has code, clients',
        "faults.toml:18:1: a fault needs a kind; it is one of " + ", ".join(KINDS),
        'faults.toml:21:1: this halt never strikes; give it at = "09:45" or rate = "3/hour"',
        'faults.toml:23:1: between is about a rate; give the fault rate = "3/hour", too',
        "faults.toml:23:1: between cannot be ['16:00', '09:30']; write [\"09:30\", \"16:00\"], New York",
        'faults.toml:24:1: for cannot be \'5 minutes\'; write a length like "30s", "500ms" or "5m", a day at most',
        'faults.toml:28:1: rate cannot be \'3/day\'; write "3/minute" or "12/hour", at most 1000',
        "faults.toml:29:1: how cannot be 'utf8'; write one of any, " + ", ".join(BAD),
        'faults.toml:30:1: a bad has no "att"; did you mean "at"?',
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("fault = 3", "1:1: faults are up to 1000 tables; write the header as [[fault]]"),
        ("[[fault", "1:1: this is not TOML"),
        ("irregular = 1", "1:1: irregular is a table"),
        ("[irregular]\nlate = 0.7\nrevised = 0.7", "1:1: late and revised are more than all bars"),
        ("[[fault]]\nkind = 3", "2:1: there is no kind 3"),
        ('[[fault]]\nkind = "cut"\nat = 5', "3:1: at is a time or a list of times"),
    ],
)
def test_what_is_no_file_of_faults_is_told(text: str, says: str) -> None:
    (said,) = mistakes(text)
    assert said.startswith(f"faults.toml:{says}")


def test_what_is_no_utf8_is_told_with_its_line() -> None:
    with pytest.raises(RuleErrors, match=r"faults\.toml:2:1: this is not UTF-8"):
        faultsfile.load_bytes(b"seed = 1\n# \xff\n", "faults.toml")


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_takes_its_defaults_as_they_are_written_on_the_page(kind: str) -> None:
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{kind}` |"))
    written = dict(re.findall(r"`(\w+) = ([^`]*)`", row))
    assert list(written) == list(KINDS[kind].settings)
    lines = "\n".join(f"{key} = {value}" for key, value in written.items())
    (found,) = load(f'[[fault]]\nkind = "{kind}"\nat = "09:45"\n{lines}').faults
    assert found.settings == KINDS[kind].settings
    assert KINDS[kind].meaning in row


def test_the_page_lists_every_kind_and_every_setting() -> None:
    kinds, settings = (
        part.split("\n## ")[0] for part in re.split(r"^## (?:Kinds|Settings)\n", PAGE, flags=re.MULTILINE)[1:]
    )
    assert re.findall(r"^\| `(\w+)` \|", kinds, re.MULTILINE) == list(KINDS)
    rows = re.findall(r"^\| `(\w+)` \| (.*) \| (.*) \|$", settings, re.MULTILINE)
    assert rows == [(name, each.form or "see the kind", each.meaning) for name, each in SETTINGS.items()]


def test_the_example_of_the_page_is_a_file_that_strikes() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    found = strikes(load(example), OPEN_MS, OPEN_MS + 6 * 3_600_000)
    assert {strike.fault for strike in found} == set(range(len(load(example).faults)))

from __future__ import annotations

import numpy as np
import pytest

from daemon import silencing
from daemon.engine.sessions import SessionTable
from daemon.silencing import SilencingError
from streams.redis.silenced import ANY, Silence, Silenced

RULES = ("vwap-reclaim", "gap-and-go")
SESSIONS = SessionTable(np.array([1_737_729_000_000]), np.array([1_737_752_400_000]))
NOW_MS = 1_737_730_800_000


@pytest.mark.parametrize(
    ("rule", "symbol", "rules", "found"),
    [
        ("vwap-reclaim", "", RULES, ("vwap-reclaim", ANY)),
        ("", "twlo", RULES, (ANY, "TWLO")),
        ("gap-and-go", "BACpL", RULES, ("gap-and-go", "BACpL")),
        ("*", "", RULES, (ANY, ANY)),
        ("", "*", RULES, (ANY, ANY)),
        ("unheard-of", "", (), ("unheard-of", ANY)),
    ],
)
def test_what_is_not_named_is_any(rule: str, symbol: str, rules: tuple[str, ...], found: tuple[str, str]) -> None:
    assert silencing.whose(rule, symbol, rules) == found


@pytest.mark.parametrize(
    ("rule", "symbol", "what"),
    [
        ("", "", "neither a rule nor a symbol is named; name one or both, or the rule * for everything"),
        ("vwap-reclam", "", 'there is no rule vwap-reclam; did you mean "vwap-reclaim"?'),
        ("x", "", "there is no rule x; there are vwap-reclaim, gap-and-go"),
        ("", "TW LO", "'TW LO' is no symbol; write it as the exchange does: BRK.B"),
        ("", "\x1b[2J", "'\\x1b[2J' is no symbol"),
    ],
)
def test_what_is_not_known_is_told_with_what_is_alike(rule: str, symbol: str, what: str) -> None:
    with pytest.raises(SilencingError) as told:
        silencing.whose(rule, symbol, RULES)
    assert str(told.value).startswith(what)


@pytest.mark.parametrize("rule", ["x" * 65, "a\tb", "Gap", "a|b", "\ud800"])
def test_where_rules_are_not_known_a_name_that_no_rule_can_have_is_refused(rule: str) -> None:
    with pytest.raises(SilencingError, match="is no name of a rule; write it as the rules file does"):
        silencing.whose(rule, "", ())


def test_a_snooze_has_one_end() -> None:
    def asked(end: str, lasting: str) -> Silence:
        about = ("gap-and-go", ANY)
        return silencing.snooze(about, end, lasting, "anna", now_ms=NOW_MS, set_ms=5, sessions=SESSIONS)

    assert asked("close", "") == Silence("gap-and-go", ANY, "snooze", int(SESSIONS.close_ms[0]), "anna", 5)
    assert asked("", "30m").until_ms == NOW_MS + 1_800_000
    for end, lasting in (("", ""), ("close", "30m")):
        with pytest.raises(SilencingError, match="a snooze has one end; give one of --until TIME and --for 30m"):
            asked(end, lasting)


@pytest.mark.parametrize("text", ["", "abcde", "g" * 32, "a" * 33, "abc def"])
def test_what_cannot_be_an_alerts_id_is_told(text: str) -> None:
    with pytest.raises(SilencingError, match="is no id of an alert; write 6 to 32 of its hex digits"):
        silencing.beginning_of(text)


def test_one_alert_is_meant_or_none() -> None:
    one, other = "abcdef" + "0" * 26, "abcdef" + "1" * 26
    assert silencing.beginning_of(" ABCDEF ") == "abcdef"
    assert silencing.the_one([one], "abcdef") == one
    assert silencing.the_one([other, one], one) == one
    with pytest.raises(SilencingError, match="no alert that Redis still holds has the id abcdef"):
        silencing.the_one([], "abcdef")
    with pytest.raises(SilencingError, match="more than one alert has an id that begins with abcdef; write more of it"):
        silencing.the_one([one, other], "abcdef")


@pytest.mark.parametrize("by", ["x" * 65, "a\nb", "\x1b[2J"])
def test_names_are_short_and_can_be_shown(by: str) -> None:
    with pytest.raises(SilencingError, match="write at most 64 ordinary characters"):
        silencing.name_of(by)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('[[rule]]\nname = "a"\n[[rule]]\nname = "b"', ("a", "b")),
        ("rule = 5", ()),
        ("[[rule]]\nname = 5", ()),
        ("[", ()),
    ],
)
def test_rules_are_known_by_their_names_as_far_as_the_file_can_be_read(text: str, names: tuple[str, ...]) -> None:
    assert silencing.rule_names(text) == names


def test_a_document_says_what_is_in_force_and_what_nobody_knows() -> None:
    known = Silenced({("a", ANY): Silence("a", ANY, "mute"), ("b", ANY): Silence("b", ANY, "snooze", NOW_MS)})
    assert [row["in_force"] for row in silencing.document(known, NOW_MS)["silences"]] == [True, False]
    assert [row["in_force"] for row in silencing.document(known, NOW_MS - 1)["silences"]] == [True, True]
    assert [row["in_force"] for row in silencing.document(known, None)["silences"]] == [True, None]


def test_what_cannot_be_lifted_is_told_with_what_is_silent() -> None:
    known = Silenced({("a", "TWLO"): Silence("a", "TWLO", "mute")})
    error = silencing.nothing_to_lift("a", ANY, known)
    assert str(error) == "rule a is not silent by itself; there are silences of rule a with symbol TWLO"
    assert str(silencing.nothing_to_lift("b", ANY, known)).endswith("; see technic silences")


def test_a_symbol_that_is_not_listed_is_told_with_one_that_is() -> None:
    assert str(silencing.stranger("TWLOO", ["AAPL", "TWLO"])) == 'no symbol TWLOO is known; did you mean "TWLO"?'

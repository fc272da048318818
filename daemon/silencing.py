"""What people ask to be silent, checked: the rule, the symbol, until when, who. Pure."""

from __future__ import annotations

import re
import tomllib
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

from daemon.deadlines import after, until
from daemon.engine.errors import nearest
from streams.redis.silenced import ANY, MOST_CHARACTERS, Silence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from daemon.engine.sessions import SessionTable
    from streams.redis.silenced import Silenced

_SYMBOL: Final = re.compile(r"[A-Za-z0-9./-]{1,16}")
_RULE: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_ID: Final = re.compile(r"[0-9a-f]{6,32}")


class SilencingError(Exception):
    """What is asked for cannot be. Stop: a person asks for something else."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what, remedy)
        self.what, self.remedy = what, remedy

    def __str__(self) -> str:
        return f"{self.what}; {self.remedy}"


class UnknownError(SilencingError):
    """There is no such alert, or no such silence."""


def whose(rule: str, symbol: str, rules: Sequence[str]) -> tuple[str, str]:
    """Rule and symbol of a silence, `ANY` for what is not named.

    Args:
        rule: as given, "" where not; ``*`` says that any is meant.
        symbol: likewise.
        rules: names of those in force; empty where they are not known.

    Raises:
        SilencingError: neither is named, there is no such rule, or that cannot be a rule, or a symbol.
    """
    if not rule and not symbol:
        raise SilencingError("neither a rule nor a symbol is named", "name one or both, or the rule * for everything")
    if rule not in {"", ANY, *rules}:
        if rules:
            alike = nearest(rule, rules) or f"there are {', '.join(rules)}"
            raise SilencingError(f"there is no rule {rule:.64}", alike)
        if not _RULE.fullmatch(rule):
            raise SilencingError(f"{rule[:40]!r} is no name of a rule", "write it as the rules file does")
    return rule or ANY, symbol_of(symbol) if symbol not in {"", ANY} else ANY


def stranger(symbol: str, listed: Sequence[str]) -> SilencingError:
    """It is not among the symbols that are listed."""
    alike = get_close_matches(symbol, listed, n=1)
    remedy = f'did you mean "{alike[0]}"?' if alike else "see technic universe"
    return SilencingError(f"no symbol {symbol} is known", remedy)


def symbol_of(text: str) -> str:
    """A symbol as the exchange spells it; small letters alone are taken for capitals, since no symbol has none.

    Raises:
        SilencingError: it cannot be one.
    """
    if not _SYMBOL.fullmatch(text):
        raise SilencingError(f"{text[:40]!r} is no symbol", "write it as the exchange does: BRK.B")
    return text.upper() if text.islower() else text


def snooze(
    about: tuple[str, str], end: str, lasting: str, by: str, *, now_ms: int, set_ms: int, sessions: SessionTable
) -> Silence:
    """A silence that ends by itself.

    Args:
        about: see `whose`.
        end: until when, see `daemon.deadlines.until`; "" if not given.
        lasting: for how long, see `daemon.deadlines.after`; "" if not given.
        by: who.
        now_ms: market time.
        set_ms: wall clock.
        sessions: the exchange's hours.

    Raises:
        SilencingError: both or neither of `end` and `lasting` are given.
        DeadlineError: that moment cannot be.
    """
    if bool(end) == bool(lasting):
        raise SilencingError("a snooze has one end", "give one of --until TIME and --for 30m")
    at_ms = until(end, now_ms, sessions) if end else after(lasting, now_ms)
    return Silence(*about, "snooze", at_ms, name_of(by), set_ms)


def mute(about: tuple[str, str], by: str, set_ms: int) -> Silence:
    """A silence without end."""
    return Silence(*about, "mute", 0, name_of(by), set_ms)


def nothing_to_lift(rule: str, symbol: str, known: Silenced) -> UnknownError:
    """There is no silence of just that rule and symbol."""
    what = Silence(rule, symbol, "mute").whose
    others = [
        f"{silence.whose}" for silence in known.silences.values() if rule == silence.rule or symbol == silence.symbol
    ]
    remedy = f"there are silences of {'; '.join(others)}" if others else "see technic silences"
    return UnknownError(f"{what} is not silent by itself", remedy)


def name_of(by: str) -> str:
    """The name of whoever asks.

    Raises:
        SilencingError: it is too long, or holds what cannot be shown.
    """
    if len(by) > MOST_CHARACTERS or not by.isprintable():
        raise SilencingError("that name cannot be shown", f"write at most {MOST_CHARACTERS} ordinary characters")
    return by


def beginning_of(alert_id: str) -> str:
    """An alert's id, or at least the six first characters of one.

    Raises:
        SilencingError: it cannot be that.
    """
    text = alert_id.strip().lower()
    if not _ID.fullmatch(text):
        raise SilencingError(f"{alert_id[:40]!r} is no id of an alert", "write 6 to 32 of its hex digits")
    return text


def the_one(found: Sequence[str], beginning: str) -> str:
    """The only alert that is meant.

    Raises:
        UnknownError: there is none.
        SilencingError: there is more than one.
    """
    if not found:
        raise UnknownError(f"no alert that Redis still holds has the id {beginning}", "see technic tail --json")
    if len(found) > 1 and beginning not in found:
        raise SilencingError(f"more than one alert has an id that begins with {beginning}", "write more of it")
    return found[0] if len(found) == 1 else beginning


def rule_names(text: str) -> tuple[str, ...]:
    """Names of the rules of a file; none where it cannot be read, for the daemon then works by other rules."""
    try:
        tables = tomllib.loads(text).get("rule", [])
    except (tomllib.TOMLDecodeError, RecursionError):
        return ()
    named = [table.get("name") for table in tables if isinstance(table, dict)] if isinstance(tables, list) else []
    return tuple(name for name in named if isinstance(name, str))


def document(known: Silenced, market_ms: int | None) -> dict[str, Any]:
    """All silences for programs, by rule and symbol; `market_ms` None where market time is not known."""
    rows = [
        {**silence._asdict(), "in_force": in_force(silence, market_ms)} for _, silence in sorted(known.silences.items())
    ]
    return {"market_ms": market_ms, "silences": rows}


def in_force(silence: Silence, market_ms: int | None) -> bool | None:
    """Whether it is not over yet; None where that cannot be told."""
    return silence.in_force(market_ms or 0) if market_ms is not None or not silence.until_ms else None

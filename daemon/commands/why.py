"""`technic why`."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from daemon.clock import SystemClock
from daemon.commands import daemonapi
from daemon.commands.begin import begin
from daemon.deadlines import NEW_YORK
from daemon.progress import ProgressBar
from daemon.spoken import UNKNOWN

if TYPE_CHECKING:
    from pathlib import Path

    from daemon.engine.why import Why

WIDE: Final = 160
"""Columns where nobody looks at a screen."""
MARKS: Final = {True: "[green]yes[/]", False: "[red]no[/]", None: "[yellow]not known[/]"}


def why(
    path: Path | None, symbol: str, rule: str, *, at: str, bars: Path | None, length_ms: int, as_json: bool
) -> None:
    """The answer goes to stdout: of the running daemon, or of bars up to a moment.

    Raises:
        WhyError, BarFileError, HistoryError: it cannot be answered.
        DaemonError: the running daemon cannot answer.
    """
    config = begin(path, writes=("cache",))
    name = symbol.upper() if symbol.islower() else symbol
    if at or bars:
        from daemon import why as through_engine  # noqa: PLC0415 (numba's cache has its place only now)

        clock = SystemClock()
        question = through_engine.Question(name, rule, at, bars, length_ms)
        with ProgressBar("market time", clock) as progress:
            found = through_engine.why(question, config, clock, progress)
    else:
        from daemon.engine.why import Why as Answer  # noqa: PLC0415

        query, otherwise = {"symbol": name, "rule": rule}, "ask of recorded bars with --at or --bars"
        told = daemonapi.ask(config, "/api/v1/why", query, otherwise)
        found = msgspec.convert(told, Answer)
    if as_json:
        sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
    else:
        _tell(found)


def _tell(found: Why) -> None:
    console = Console(width=None if sys.stdout.isatty() else WIDE, highlight=False)
    looked = "when the market's minute closed" if found.looked_at == "market minute" else "when the bar closed"
    moment = f"at {_when(found.bar_start_ms)}, {found.session}"
    console.print(f"[bold]{found.symbol} {found.rule}[/] {moment}: {found.verdict}", soft_wrap=True)
    table = Table("holds", "condition", "values")
    for condition in found.conditions:
        values = ", ".join(f"{text} {_number(value)}" for text, value in condition.values.items())
        table.add_row(MARKS[condition.holds], escape(condition.text), escape(values))
    console.print(table)
    for name, words in _facts(found).items():
        console.print(f"{name:<12} {words}")
    console.print(f"{'looked at':<12} {looked}, by version {found.rule_version}")


def _facts(found: Why) -> dict[str, str]:
    """Everything beside the conditions."""
    short = [f"{need.name} {need.seen} of {need.needed} bars" for need in found.warm_up if need.seen < need.needed]
    facts = {
        "coverage": f"{found.coverage}{': ' * bool(short)}{', '.join(short)}",
        "episode": f"{found.state}{_since(', since ', found.since_ms)}{_since(', last alert ', found.last_alert_ms)}",
        "cooldown": f"{found.cooldown_left_ms // 1000:,} s left" if found.cooldown_left_ms else "over",
        "score": _number(found.score),
    }
    if found.until is not None:
        facts["until"] = "holds" if found.until else "does not hold"
    if "budget" in found.standing:
        standing = {name: _number(value) for name, value in found.standing.items()}
        facts["budget"] = (
            f"{standing['spent']} of {standing['budget']} a day spent; {standing['candidates']} candidates, "
            f"threshold {standing['threshold']}, this one's value {_number(found.order)}"
        )
    if found.held_back:
        facts["held back"] = ", ".join(f"{_when(at_ms)} by {reason}" for at_ms, reason in found.held_back[-5:])
    return facts


def _since(words: str, at_ms: int | None) -> str:
    return f"{words}{_when(at_ms)}" if at_ms else ""


def _when(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, NEW_YORK):%Y-%m-%d %H:%M %Z}"


def _number(value: Any) -> str:
    return UNKNOWN if value is None else f"{value:,.6g}"

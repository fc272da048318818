"""`technic rules list` and `technic rules preview`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from rich.console import Console
from rich.table import Table

from daemon.clock import SystemClock
from daemon.commands.begin import begin, unreadable_rules
from daemon.commands.errors import OutputError
from daemon.configfile import ConfigError
from daemon.progress import ProgressBar
from daemon.spoken import several

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from daemon.engine.rules import Rule
    from daemon.fires import Fires, RuleReport
    from daemon.preview import Report

WIDE = 200
"""Columns where nobody looks at a screen."""

BLOCKS = "▁▂▃▄▅▆▇█"

UNITS = ((86_400, "d"), (3_600, "h"), (60, "m"))


class Bars(NamedTuple):
    """What rules are to be tried on: a file, the length of its bars, a file of symbols, the last so many days."""

    file: Path
    length_ms: int
    symbols: Path | None
    days: int | None


def show(path: Path | None, *, as_json: bool) -> None:
    """The configured rules on stdout."""
    config = begin(path)
    from daemon.assembly import ruleset_of  # noqa: PLC0415 (numba's cache has its place only now)

    found = [_described(rule) for rule in ruleset_of(config.engine).rules]
    if as_json:
        sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
        return
    _print(_table(found))


def preview(path: Path | None, bars: Bars, *, rules: Path, chart: Path | None, as_json: bool) -> None:
    """Both versions of the rules over the bars; the report goes to stdout."""
    config = begin(path, writes=("cache",))
    unreadable = unreadable_rules(rules)
    if unreadable:
        raise ConfigError([unreadable])
    from daemon import preview as trial  # noqa: PLC0415
    from daemon.assembly import ruleset_of  # noqa: PLC0415 (numba's cache has its place only now)
    from daemon.commands.symbolsfile import symbols_of  # noqa: PLC0415

    symbols = None if bars.symbols is None else symbols_of(bars.symbols)
    versions = ruleset_of(config.engine.model_copy(update={"rules": rules})), ruleset_of(config.engine)
    wish = trial.Wish(*versions, bars.file, bars.length_ms, symbols, bars.days)
    clock = SystemClock()
    with ProgressBar("trading days", clock) as progress:
        report = trial.preview(wish, config, clock, progress)
    if as_json:
        sys.stdout.write(msgspec.json.encode(report).decode() + "\n")
    else:
        _tell(report)
    for note in report.notes:
        sys.stderr.write(f"note: {note}\n")
    if chart is not None:
        _draw(report, chart)


def _draw(report: Report, path: Path) -> None:
    from daemon.previewchart import draw  # noqa: PLC0415 (matplotlib, for those who want a picture)

    try:
        path.write_bytes(draw(report, path.suffix))
    except OSError as error:
        raise OutputError(path, error.strerror or str(error)) from error
    sys.stderr.write(f"technic: a picture is in {path}\n")


def _described(rule: Rule) -> dict[str, str | int | None]:
    from daemon.engine.syntax import write  # noqa: PLC0415

    return {
        "name": rule.name,
        "version": rule.version,
        "severity": rule.severity,
        "evaluate": rule.evaluate,
        "condition": write(rule.condition),
        "hold": _duration(rule.hold_ms // 1000),
        "until": write(rule.until) if rule.until else None,
        "cooldown": _duration(rule.cooldown_ms // 1000),
        "budget": rule.budget,
        "by": write(rule.by),
        "group": rule.group,
    }


def _table(rules: Sequence[Mapping[str, str | int | None]]) -> Table:
    """A line a rule; what it does not say is left out."""
    table = Table("rule", "version", "severity", "evaluate", "condition", "told", show_lines=True)
    for rule in rules:
        said = {
            "hold": rule["hold"] != "0s" and rule["hold"],
            "until": rule["until"],
            "cooldown": rule["cooldown"] != "0s" and rule["cooldown"],
            "budget": rule["budget"] and f"{rule['budget']} a day",
            "by": (rule["budget"] or rule["group"]) and rule["by"],
            "group": rule["group"],
        }
        own = (str(rule[name]) for name in ("name", "version", "severity", "evaluate", "condition"))
        table.add_row(*own, "\n".join(f"{name} {value}" for name, value in said.items() if value))
    return table


def _duration(seconds: int) -> str:
    """In the largest unit that it is a whole number of, as rules write it."""
    size, unit = next(((size, unit) for size, unit in UNITS if seconds and seconds % size == 0), (1, "s"))
    return f"{seconds // size}{unit}"


def _tell(report: Report) -> None:
    of = f"{several(len(report.days), 'trading day', 'trading days')}, {several(report.symbols, 'symbol', 'symbols')}"
    sys.stdout.write(f"{report.new} against {report.running}: {of}, {report.bars:,} bars in {report.seconds:,.1f} s\n")
    if report.rejects:
        sys.stdout.write(f"left out: {', '.join(f'{reason} {rows:,}' for reason, rows in report.rejects.items())}\n")
    _print(_fires(report.rules))
    changed = [rule for rule in report.rules if rule.new and rule.running and rule.change != "same"]
    if changed:
        _print(_differences(changed))
    _tell_outcomes(report.rules)


def _tell_outcomes(rules: Sequence[RuleReport]) -> None:
    """What the alerts were worth, a running version under its own name where the rule has changed."""
    from daemon.commands import judged  # noqa: PLC0415 (numba's cache has its place only now)

    found = {
        f"{rule.name} (running)" if change == "running" else rule.name: fires.judged
        for rule in rules
        for change, fires in _versions(rule)
        if fires.judged
    }
    if found:
        judged.show(found)


def _fires(rules: Sequence[RuleReport]) -> Table:
    """A line a rule and version, but one for a rule that is the same in both."""
    table = Table("rule", "version", "alerts", "a day", "least", "most", "by day", "symbols", "most often")
    for column in (2, 3, 4, 5, 7):
        table.columns[column].justify = "right"
    for rule in rules:
        for change, fires in _versions(rule):
            by_day, top = sparkline(list(fires.by_day.values())), _top(fires.top)
            numbers = f"{fires.alerts:,}", f"{fires.mean:,.1f}", f"{fires.least:,}", f"{fires.most:,}"
            table.add_row(rule.name, change, *numbers, by_day, f"{fires.symbols:,}", top)
    return table


def _versions(rule: RuleReport) -> Iterator[tuple[str, Fires]]:
    if rule.new:
        yield rule.change, rule.new
    if rule.running and rule.change != "same":
        yield rule.change if rule.new is None else "running", rule.running


def _differences(rules: Sequence[RuleReport]) -> Table:
    table = Table("changed rule", "running alerts", "kept", "gone", "new")
    for column in table.columns[1:]:
        column.justify = "right"
    for rule in rules:
        numbers = rule.both + rule.only_running, rule.both, rule.only_running, rule.only_new
        table.add_row(rule.name, *(f"{number:,}" for number in numbers))
    return table


def sparkline(counts: Sequence[int]) -> str:
    """A block a day, as high as its share of the largest; a point for a day without any; at most the last 30 days."""
    most = max(counts, default=0)
    return "".join(BLOCKS[(count * len(BLOCKS) - 1) // most] if count else "·" for count in counts[-30:])


def _top(symbols: Mapping[str, int]) -> str:
    return ", ".join(f"{symbol} {count:,}" for symbol, count in list(symbols.items())[:5])


def _print(table: Table) -> None:
    console = Console(markup=False, emoji=False, highlight=False)
    if not console.is_terminal:
        console.width = WIDE
    console.print(table)

"""Outcomes of alerts as a table for people."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from daemon.judgement import Judgement

WIDE: Final = 140
"""Columns where nobody looks at a screen."""
SHOWN: Final = ("15m", "60m", "close")
MEANING: Final = (
    "Move: the larger excursion either way after the alert. Random: up to four symbols of the same minute.\n"
    "Moved more: than how many of these; 50 % is chance."
)
COLOURS: Final = {"beats random": "green", "below random": "red"}


def show(outcomes: Mapping[str, Mapping[str, Judgement]]) -> None:
    """Some horizons of every rule on stdout; all of them are in the JSON."""
    table = Table(
        "rule", "horizon", "alerts", "days", "move, ATR", "random", "difference, 95 %", "moved more", "return", ""
    )
    for column in table.columns[2:9]:
        column.justify = "right"
    for rule, horizons in outcomes.items():
        for place, name in enumerate(name for name in SHOWN if name in horizons):
            table.add_row("" if place else rule, name, *_cells(horizons[name]), end_section=name == SHOWN[-1])
    console = Console(width=None if sys.stdout.isatty() else WIDE, highlight=False)
    console.print(table)
    console.print(MEANING)


def _cells(found: Judgement) -> list[str]:
    interval = "" if found.low is None else f" [{found.low:+.2f}, {found.high:+.2f}]"
    colour = COLOURS.get(found.verdict, "dim")
    return [
        f"{found.alerts:,}",
        f"{found.days:,}",
        f"{found.move:.2f}",
        f"{found.random_move:.2f}",
        f"{found.difference:+.2f}{interval.replace('[', chr(92) + '[')}",
        f"{found.precision:.0%}",
        f"{found.forward:+.2%}",
        f"[{colour}]{found.verdict}[/]",
    ]

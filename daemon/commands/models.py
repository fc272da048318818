"""`technic models`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from daemon.commands import daemonapi
from daemon.commands.begin import begin
from daemon.scoring.modelfigures import ModelFigures, ranked
from daemon.spoken import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

WIDE: Final = 170
"""Columns where nobody looks at a screen."""
COLOURS: Final = {"champion": "bold green", "benched": "red"}
MEANING: Final = (
    "On predictions as issued. In brackets the same figure of the base rate of the session's half hour, beside that\n"
    "of the top 1 % the share of yes among all. Log loss, Brier and calibration error: lower is better. AUC: 0.5 is\n"
    "chance. Top 1 %: how many of the likeliest came true.\n"
    "issued: what was scored with, whichever model spoke. champion: its probability is the score now. challenger:\n"
    "only compared. benched: withheld, the base rate speaks."
)


def models(path: Path | None, *, as_json: bool) -> None:
    """How good the running daemon's models have been, on stdout.

    Raises:
        DaemonError: none answers.
    """
    told = daemonapi.ask(begin(path), "/api/v1/models", {}, "see what technic replay --report tells of recorded bars")
    found = msgspec.convert(told, list[ModelFigures])
    if as_json:
        sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
    elif found:
        show(found)
    else:
        sys.stdout.write("no model runs: model.enabled is false\n")


def show(found: Sequence[ModelFigures]) -> None:
    """Since start, then of the last sessions where there were others before."""
    console = Console(width=None if sys.stdout.isatty() else WIDE, highlight=False)
    console.print(_table("since start", "", found))
    if any(one.rolling_questions < one.questions for one in found):
        console.print(_table("last five sessions", "rolling_", found))
    console.print(MEANING)


def _table(title: str, prefix: str, found: Sequence[ModelFigures]) -> Table:
    numbers = ("lessons", "questions", "log loss", "Brier", "AUC", "calibration error", "top 1 %")
    table = Table("target", "model", "role", *numbers, title=title, title_justify="left")
    for column in table.columns[3:]:
        column.justify = "right"
    before = ""
    for one in ranked(found):
        colour = COLOURS.get(one.role, "default")
        names = (escape(one.target) if one.target != before else "", escape(one.name), f"[{colour}]{one.role}[/]")
        table.add_row(*names, f"{one.lessons:,}", *_cells(one, prefix))
        before = one.target
    return table


def _cells(one: ModelFigures, prefix: str) -> tuple[str, ...]:
    def figure(name: str, form: str = ".4f") -> str:
        value: Any = getattr(one, f"{prefix}{name}")
        return UNKNOWN if value is None else f"{value:{form}}"

    if not getattr(one, f"{prefix}questions"):
        return ("0",)
    return (
        figure("questions", ","),
        f"{figure('log_loss')} ({figure('base_log_loss')})",
        f"{figure('brier')} ({figure('base_brier')})",
        figure("auc", ".3f"),
        figure("calibration_error"),
        f"{figure('precision_top', '.1%')} ({figure('base_rate', '.1%')})",
    )

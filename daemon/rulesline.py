"""The command line of `technic rules` and what stands below it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from daemon.options import Bar, BarLength, ConfigFile, Json  # noqa: TC001 (typer reads annotations)

app = typer.Typer(help="Look at rules before they run.")

FORMS = (".png", ".svg")
"""Pictures that can be drawn, by the end of their name."""

RulesFile = Annotated[Path, typer.Argument(metavar="RULES", help="File of rules.")]


@app.command(name="list")
def list_(config: ConfigFile = None, as_json: Json = False) -> None:
    """List the configured rules.

    Name, version, severity, evaluation, cooldown, and the whole condition in the form that is evaluated.
    """
    from daemon.commands import rules as command  # noqa: PLC0415

    command.show(config, as_json=as_json)


@app.command()
def check(rules: RulesFile, as_json: Json = False) -> None:
    """Find all mistakes of a file of rules.

    At once, each with line, column and remedy. Exits with 78 if there are any.
    """
    from daemon.commands import check as command  # noqa: PLC0415

    command.check_rules(rules, as_json=as_json)


@app.command()
def preview(
    rules: RulesFile,
    bars: Annotated[Path, typer.Option(metavar="FILE", help="Parquet or CSV of bars.")],
    config: ConfigFile = None,
    bar: Bar = BarLength.minute,
    symbols: Annotated[Path | None, typer.Option(metavar="FILE", help="Only the symbols that this file names.")] = None,
    days: Annotated[int | None, typer.Option(metavar="N", min=1, help="Only the last N trading days.")] = None,
    chart: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw a picture here: .png or .svg.")] = None,
    as_json: Json = False,
) -> None:
    """Try rules on bars before they run.

    How often each would have fired a day, for which symbols, and what would change against the configured rules.
    """
    if chart is not None and chart.suffix not in FORMS:
        raise typer.BadParameter(f"--chart {chart}: the name of a picture has to end with {' or '.join(FORMS)}")
    from daemon.commands import rules as command  # noqa: PLC0415

    command.preview(config, command.Bars(bars, bar.ms, symbols, days), rules=rules, chart=chart, as_json=as_json)

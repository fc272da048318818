"""The command line of `technic history` and what stands below it."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 (typer reads annotations)
from typing import Annotated

import typer

from daemon.options import ConfigFile, Json  # noqa: TC001 (typer reads annotations)

app = typer.Typer()


@app.callback(invoke_without_command=True)
def history(context: typer.Context, config: ConfigFile = None, as_json: Json = False) -> None:
    """Show what is kept.

    Days, rows and symbols of bars, alerts and other tables, bytes on disk, and what was fetched.
    """
    if context.invoked_subcommand is None:
        from daemon.commands import history as command  # noqa: PLC0415

        command.show(config, as_json=as_json)
    elif config or as_json:
        raise typer.BadParameter(f"write options after history {context.invoked_subcommand}")


@app.command(name="import")
def import_(
    files: Annotated[list[Path], typer.Argument(metavar="FILES...", help="Parquet, CSV or gzipped CSV.")],
    config: ConfigFile = None,
    as_json: Json = False,
) -> None:
    """Bring bars of files into the history.

    Minute or daily bars, the vendor's flat files too; a file may be imported again. Of several files a bad one does
    not keep the others out; it is named, and the command ends with 65.
    """
    from daemon.commands import history as command  # noqa: PLC0415

    command.bring_in(config, files, as_json=as_json)

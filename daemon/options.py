"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ConfigFile = Annotated[Path | None, typer.Option("-c", "--config", metavar="FILE", help="Configuration file.")]
Duration = Annotated[float | None, typer.Option(metavar="SECONDS", min=0, help="Stop by itself after so long.")]
Json = Annotated[bool, typer.Option("--json", help="JSON on stdout, and nothing else there.")]

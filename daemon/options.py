"""Options that several commands have."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class BarLength(StrEnum):
    """How long the bars of a file are."""

    second = "1s"
    minute = "1m"

    @property
    def ms(self) -> int:
        """In milliseconds."""
        return {"1s": 1_000, "1m": 60_000}[self.value]


ConfigFile = Annotated[Path | None, typer.Option("-c", "--config", metavar="FILE", help="Configuration file.")]
Duration = Annotated[float | None, typer.Option(metavar="SECONDS", min=0, help="Stop by itself after so long.")]
Json = Annotated[bool, typer.Option("--json", help="JSON on stdout, and nothing else there.")]
Bar = Annotated[BarLength, typer.Option(help="Length of the file's bars.")]

"""Reads which sector each symbol belongs to.

Errors, and who acts::

    SectorFileError     stop: the file cannot be used; names file and line. Exit code 78
"""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from streams.bars import SYMBOL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from daemon.config import EngineSection

MAX_FILE_BYTES = 50_000_000

REMEDY = "it is a CSV file with a header and the columns symbol and sector"


class SectorFileError(Exception):
    """The file cannot be used.

    Attributes:
        place: file, and line where there is one.
        message: what is wrong.
        remedy: what to do.
    """

    def __init__(self, place: str, message: str, remedy: str = REMEDY) -> None:
        super().__init__(place, message, remedy)
        self.place, self.message, self.remedy = place, message, remedy

    def __str__(self) -> str:
        return f"{self.place}: {self.message}; {self.remedy}"


def configured(engine: EngineSection) -> dict[str, str]:
    """Sector by symbol by configuration; nothing where no file is named.

    Raises:
        SectorFileError: see `read`.
    """
    return read(engine.sectors, engine.sectors_era) if engine.sectors else {}


def read(path: Path, era: str | None = None) -> dict[str, str]:
    """Sector by symbol.

    A blank sector says nothing; of several rows of a symbol the last that says something holds.

    Args:
        path: CSV in UTF-8 with a header; columns ``symbol`` and ``sector`` are read, and ``era`` if one is asked for.
        era: leave out rows that have another value there: tickers are used again for other companies.

    Raises:
        SectorFileError: it cannot be read, is no such table, or has no row of this era.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise SectorFileError(str(path), f"has more than {MAX_FILE_BYTES:,} bytes")
        with path.open(encoding="utf-8-sig", newline="") as lines:
            rows = [row for row in _rows(path, lines, era) if era is None or row["era"] == era]
    except OSError as error:
        raise SectorFileError(
            str(path), f"the sectors cannot be read: {error.strerror}", "see engine.sectors"
        ) from None
    except UnicodeDecodeError:
        raise SectorFileError(str(path), "the sectors are no text in UTF-8") from None
    if era is not None and not rows:
        raise SectorFileError(str(path), f"no row has the era {era!r}", "see engine.sectors_era")
    return {row["symbol"]: row["sector"] for row in rows if row["symbol"] and row["sector"]}


def _rows(path: Path, lines: Iterator[str], era: str | None) -> Iterator[Mapping[str, str]]:
    """The columns that matter, row by row, without space around them."""
    reader = csv.DictReader(lines, strict=True)
    wanted = ["symbol", "sector", *(["era"] if era is not None else [])]
    try:
        columns = list(reader.fieldnames or ())
        for name in wanted:
            if name not in columns:
                raise SectorFileError(f"{path}:1:1", f"there is no column {name}")
        for row in reader:
            found = {name: (row[name] or "").strip() for name in wanted}
            symbol = found["symbol"]
            if not symbol.isascii() or len(symbol) > SYMBOL.itemsize:
                raise SectorFileError(f"{path}:{reader.reader.line_num}:1", f"{symbol!r:.40} is no symbol")
            yield found
    except csv.Error as error:
        raise SectorFileError(f"{path}:{reader.reader.line_num}:1", f"this is no CSV: {error}") from None

"""The two layouts of a bars file, and the SQL that reads either as the same columns."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

PRICES: Final = ("open", "high", "low", "close", "volume")
"""Columns that both layouts have under the same name."""

COLUMNS: Final = ("ticker", "start_ms", *PRICES, "vwap")
"""What `select` gives, whatever the layout: VARCHAR, BIGINT, and DOUBLE for the rest."""

_NUMBERS = re.compile(r"(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL.*|VARCHAR)")
_SHOWN = 200


class Layout(NamedTuple):
    """What a layout calls its columns.

    Attributes:
        ticker: column of the symbol.
        time: column of the bar's start.
        unit: what `time` counts since 1970.
        vwap: whether a column of that name is read.
    """

    ticker: str
    time: str
    unit: str
    vwap: bool

    @property
    def required(self) -> tuple[str, ...]:
        """Columns that must be there."""
        return (self.ticker, self.time, *PRICES)

    def source(self, column: str) -> str:
        """What the file calls one of `COLUMNS`."""
        return {"ticker": self.ticker, "start_ms": self.time}.get(column, column)


OURS: Final = Layout("symbol", "ts", "milliseconds", vwap=True)
VENDORS: Final = Layout("ticker", "window_start", "nanoseconds", vwap=False)


class LayoutError(ValueError):
    """A column is missing or of the wrong type; the caller knows the file, and says so.

    Attributes:
        column: the column at fault.
        what: what is wrong with it.
    """

    def __init__(self, column: str, what: str) -> None:
        super().__init__(column, what)
        self.column, self.what = column, what


def recognise(types: Mapping[str, str]) -> Layout:
    """The layout of a file from its columns and their SQL types.

    Raises:
        LayoutError: it is neither of the two.
    """
    layout = VENDORS if {"ticker", "window_start"} & types.keys() and "ts" not in types else OURS
    for column in layout.required:
        if column not in types:
            have = ", ".join(types)[:_SHOWN]
            raise LayoutError(column, f"is missing: wanted are {', '.join(layout.required)}; there are {have}")
    if types[layout.ticker] != "VARCHAR":
        raise LayoutError(layout.ticker, f"holds {types[layout.ticker]}, not text")
    for column in layout.required[1:]:
        if not _NUMBERS.fullmatch(types[column]):
            raise LayoutError(column, f"holds {types[column]}, not numbers")
    return layout


def select(layout: Layout, types: Mapping[str, str]) -> str:
    """A SELECT of `COLUMNS` from a relation called raw; what cannot be read is NULL.

    A start that needs no conversion is named as it stands, so that DuckDB skips row groups by it.
    """
    start = layout.time if types[layout.time] == "BIGINT" else f"TRY_CAST({layout.time} AS BIGINT)"
    if layout.unit == "nanoseconds":
        start = f"if({start} % 1000000 = 0, {start} // 1000000, -1)"
    vwap = "TRY_CAST(vwap AS DOUBLE)" if layout.vwap and "vwap" in types else "NULL::DOUBLE"
    numbers = ", ".join(f"TRY_CAST({name} AS DOUBLE) AS {name}" for name in PRICES)
    return f"SELECT {layout.ticker} AS ticker, {start} AS start_ms, {numbers}, {vwap} AS vwap FROM raw"  # noqa: S608 - our own names

"""Columns of the history's bars, and how batches become tables and back. Pure.

Tables are `pyarrow.Table`; symbols are a dictionary of text, what is not known is NaN (never null).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pyarrow as pa

from streams.bars import FIELDS, MINUTE_MS, SYMBOL, BarBatch
from streams.dailyfile import FIELDS as DAY_FIELDS
from streams.dailyfile import DailyBars
from streams.history.errors import HistoryRefusedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.types import Longs, Symbols

TEXT: Final = pa.dictionary(pa.int32(), pa.string())
"""Text of few different values, such as symbols."""

PRICES: Final = ("open", "high", "low", "close", "volume", "vwap")
"""Numbers of a minute, ``float64``; vwap is NaN where the vendor did not say."""


def _columns(**types: pa.DataType) -> pa.Schema:
    return pa.schema([pa.field(name, kind, nullable=False) for name, kind in types.items()])


MINUTES: Final = _columns(symbol=TEXT, start_ms=pa.int64(), **dict.fromkeys(PRICES, pa.float64()))
"""Minute bars: start in milliseconds since the epoch, UTC. Key (start_ms, symbol), in that order."""

DAILY: Final = _columns(
    symbol=TEXT, day=pa.date32(), **dict.fromkeys(DAY_FIELDS, pa.float64()), source=TEXT, as_of_ms=pa.int64()
)
"""Daily bars: New York date, who said it, and when. Key (symbol, day), in that order."""


class Keyed(NamedTuple):
    """A table whose rows have one key of symbol and time.

    Attributes:
        name: of the table.
        schema: its columns.
        time: the column of time.
        by_time: rows are in order of (time, symbol); else of (symbol, time).
        completed: what a row leaves open is taken from the row that it replaces, see `streams.history.completing`.
    """

    name: str
    schema: pa.Schema
    time: str
    by_time: bool
    completed: bool = False


MINUTE_BARS: Final = Keyed("minutes", MINUTES, "start_ms", by_time=True)
DAILY_BARS: Final = Keyed("daily", DAILY, "day", by_time=False, completed=True)


def texts(symbols: Symbols) -> pa.DictionaryArray:
    """``S16[n]`` as a dictionary of text. Cost: 0.1 s a million; only the different names are decoded."""
    fixed = pa.py_buffer(np.ascontiguousarray(symbols, SYMBOL))
    coded = pa.FixedSizeBinaryArray.from_buffers(pa.binary(SYMBOL.itemsize), len(symbols), [None, fixed])
    coded = coded.dictionary_encode()
    names = [name.rstrip(b"\0").decode("ascii") for name in coded.dictionary.to_pylist()]
    return pa.DictionaryArray.from_arrays(coded.indices, pa.array(names, pa.string()))


def symbols_of(column: pa.ChunkedArray) -> Symbols:
    """The inverse of `texts`."""
    names, codes = coded(column)
    return np.array(names, SYMBOL)[codes] if len(codes) else np.zeros(0, SYMBOL)


def coded(column: pa.ChunkedArray) -> tuple[list[str], Longs]:
    """The different texts of a column, sorted, and ``int64[n]`` positions in them."""
    array = column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
    array = array if pa.types.is_dictionary(array.type) else array.dictionary_encode()
    names: list[str] = array.dictionary.to_pylist()
    places = {name: place for place, name in enumerate(sorted(set(names)))}
    codes = np.array([places[name] for name in names], np.int64)[array.indices.to_numpy()] if names else np.zeros(0)
    return list(places), codes.astype(np.int64, copy=False)


def minute_table(bars: BarBatch) -> pa.Table:
    """The minute bars of a batch; bars of other lengths are left out."""
    minutes = bars if (bars.length_ms == MINUTE_MS).all() else bars.take(bars.length_ms == MINUTE_MS)
    columns = [texts(minutes.symbol), minutes.start_ms, *minutes.values[: len(PRICES)]]
    return pa.Table.from_arrays([pa.array(column) for column in columns], schema=MINUTES)


def daily_table(days: DailyBars, source: str, as_of_ms: int) -> pa.Table:
    """Daily bars with who said so, and when."""
    rows = len(days.day)
    said = pa.DictionaryArray.from_arrays(np.zeros(rows, np.int32), [source])
    dates = pa.array(days.day.astype(np.int32)).cast(pa.date32())
    columns = [texts(days.symbol), dates, *days.values, said, np.full(rows, as_of_ms)]
    return pa.Table.from_arrays([pa.array(column) for column in columns], schema=DAILY)


def daily_bars(table: pa.Table) -> DailyBars:
    """The inverse of `daily_table`, without source and as-of."""
    values = np.array([table[name].to_numpy() for name in DAY_FIELDS]).reshape(len(DAY_FIELDS), len(table))
    return DailyBars(symbols_of(table["symbol"]), times(table, "day"), values, 0)


def times(table: pa.Table, column: str) -> Longs:
    """A column of milliseconds or dates as ``int64[n]``."""
    found = table[column]
    numbers: Longs = found.cast(pa.int32()).to_numpy() if pa.types.is_date(found.type) else found.to_numpy()
    return numbers.astype(np.int64, copy=False)


def conform(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """`table` with exactly the columns of `schema`, cast where nothing is lost.

    Raises:
        HistoryRefusedError: a column is missing, holds another type, or is null where it must not be.
    """
    columns = [_fitting(table, field) for field in schema]
    return pa.Table.from_arrays(columns, schema=schema).unify_dictionaries()


def _fitting(table: pa.Table, field: pa.Field) -> pa.ChunkedArray:
    if field.name not in table.column_names:
        raise _unfit(field.name, f"is missing; there are {', '.join(table.column_names)}")
    column = table[field.name]
    try:
        column = _cast(column, field.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise _unfit(field.name, f"holds {column.type} that is no {field.type} ({error})") from error
    if column.null_count and not field.nullable:
        if field.type != pa.float64():
            raise _unfit(field.name, f"is empty in {column.null_count} rows")
        column = column.fill_null(float("nan"))
    return column


def _cast(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    if column.type == kind:
        return column
    if pa.types.is_dictionary(kind):
        return column.cast(kind.value_type).dictionary_encode()
    return column.cast(kind)


def _unfit(column: str, what: str) -> HistoryRefusedError:
    return HistoryRefusedError("rows", f"column {column} {what}", "these rows were not stored")


def wanted(symbols: Sequence[str] | Symbols) -> list[str]:
    """Symbols as text, whether given as text or as ``S16[n]``."""
    found: list[Any] = np.asarray(symbols).tolist()
    return [name.decode("ascii") if isinstance(name, bytes) else name for name in found]


def bars_of(table: pa.Table) -> BarBatch:
    """Minute bars of a table `MINUTES`, in its order; they came at their ends."""
    start_ms = times(table, "start_ms")
    values = np.full((len(FIELDS), len(table)), np.nan)
    for row, name in enumerate(PRICES):
        values[row] = table[name].to_numpy()
    return BarBatch(symbols_of(table["symbol"]), start_ms, np.full(len(table), MINUTE_MS), start_ms + MINUTE_MS, values)

"""`technic universe`."""

from __future__ import annotations

import asyncio
import io
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np
from rich.console import Console
from rich.table import Table

from daemon import calendar, sectorfile
from daemon.clock import SystemClock
from daemon.commands.begin import begin
from daemon.commands.scan import history_of
from daemon.dataplane.daystatistics import Days, statistics
from daemon.dataplane.fetch import GROUPED
from daemon.dataplane.shelf import Shelf
from daemon.dataplane.statistics import LONG_DAYS, MEASURES, PERCENTILES, SymbolStatistics, of_sectors
from daemon.dataplane.universe import register, universe, with_sectors
from daemon.engine.sessions import DAY_MS
from streams.companyfile import read_companies

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from daemon.config import Config
    from daemon.dataplane.universe import Universe
    from streams.types import Flags, Floats

WIDE = 200


class Filter(NamedTuple):
    """What is wanted of the universe; None and empty ask for nothing. Bounds leave out what is not known."""

    kinds: tuple[str, ...] = ()
    sectors: tuple[str, ...] = ()
    min_price: float | None = None
    max_price: float | None = None
    min_volume: float | None = None
    min_market_cap: float | None = None


def show(
    path: Path | None, wanted: Filter, *, companies: Path | None, lines: int, as_json: bool, by_sector: bool = False
) -> None:
    """Take in a file of companies if one is given, then list what is known and wanted, or its sectors."""
    config = begin(path, writes=("folder", "cache"))
    asyncio.run(_show(config, wanted, companies, lines, as_json=as_json, by_sector=by_sector))


async def _show(
    config: Config, wanted: Filter, companies: Path | None, lines: int, *, as_json: bool, by_sector: bool
) -> None:
    clock = SystemClock()
    async with Shelf(lambda: history_of(config)) as shelf:
        if companies is not None:
            taken = await register(shelf, read_companies(companies), clock.wall_ms())
            sys.stderr.write(f"technic: {taken:,} companies taken in from {companies}\n")
        everything = with_sectors(await universe(shelf), sectorfile.configured(config.engine))
        sessions = calendar.configured(config, clock.wall_ms()).sessions
        known_days = [span.last for span in await shelf.ask(lambda history: history.fetched(GROUPED))]
        later = sessions.open_ms[sessions.open_ms // DAY_MS > max(known_days, default=np.inf)]
        days = Days(*sessions.dates(int(later[0]) if len(later) else clock.wall_ms(), LONG_DAYS))
        known = await statistics(shelf, None, everything.symbols, days)
    chosen = matching(everything, known, wanted)
    if said := strangers(everything, wanted):
        sys.stderr.write(f"technic: {said}\n")
    found = list(_sectors(everything, known, chosen) if by_sector else _rows(everything, known, chosen))
    if as_json:
        sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
        return
    if not len(everything.symbols):
        sys.stderr.write("technic: nothing is known yet: technic scan asks the exchange, --import FILE reads a list\n")
        return
    table = _sector_table(found) if by_sector else _table(found, len(everything.symbols), lines)
    console = Console(highlight=False)
    if console.is_terminal:
        console.print(table)
        return
    text = io.StringIO()
    Console(file=text, highlight=False, width=WIDE).print(table)
    sys.stdout.writelines(f"{line.rstrip()}\n" for line in text.getvalue().splitlines())


def matching(known: Universe, usual: SymbolStatistics, wanted: Filter) -> Flags:
    """Which rows are wanted, ``bool[s]``; only what is listed now."""
    chosen = known.active.copy()
    for names, texts in ((wanted.kinds, known.kind), (wanted.sectors, known.sector)):
        if names:
            folded = {name.casefold() for name in names}
            chosen &= np.array([text.casefold() in folded for text in texts], np.bool_)
    bounds: tuple[tuple[float | None, Floats, int], ...] = (
        (wanted.min_price, usual.previous_close, 1),
        (wanted.max_price, usual.previous_close, -1),
        (wanted.min_volume, usual.average_volume, 1),
        (wanted.min_market_cap, known.market_cap, 1),
    )
    for bound, column, sign in bounds:
        if bound is not None:
            chosen &= sign * column >= sign * bound
    return chosen


def strangers(known: Universe, wanted: Filter) -> str:
    """Sectors and types that are wanted and that nothing has, and what there is; "" if all are known."""
    found = []
    for what, names, texts in (("sector", wanted.sectors, known.sector), ("type", wanted.kinds, known.kind)):
        there = sorted(set(texts) - {""})
        if missing := [name for name in names if name.casefold() not in {one.casefold() for one in there}]:
            remedy = f"there are {', '.join(there)}" if there else "none is known: see --import FILE and engine.sectors"
            found.append(f"no symbol has the {what} {', '.join(missing)}; {remedy}")
    return "; ".join(found)


def _rows(known: Universe, usual: SymbolStatistics, chosen: Flags) -> Iterator[dict[str, Any]]:
    """Records, the largest turnover first."""
    rows = np.flatnonzero(chosen)
    order = np.argsort(-np.nan_to_num(usual.average_turnover[rows]), kind="stable")
    for k in rows[order].tolist():
        yield {
            "symbol": known.symbols[k].decode(),
            "name": known.name[k],
            "exchange": known.exchange[k],
            "type": known.kind[k],
            "sector": known.sector[k],
            "industry": known.industry[k],
            "market_cap": _number(known.market_cap[k]),
            "previous_close": _number(usual.previous_close[k]),
            "average_volume": _number(usual.average_volume[k]),
            "average_range": _number(usual.average_range[k]),
        }


def _sectors(known: Universe, usual: SymbolStatistics, chosen: Flags) -> Iterator[dict[str, Any]]:
    """Records, the most symbols first: how the usual days of each sector's symbols spread."""
    some = SymbolStatistics(*(column[chosen] for column in usual))  # type: ignore[arg-type]  # columns alike
    sector_of = dict(zip(known.symbols.tolist(), known.sector, strict=True))
    found = of_sectors(some, sector_of)
    for g in np.argsort(-found.symbols, kind="stable").tolist():
        yield {
            "sector": found.sectors[g],
            "symbols": int(found.symbols[g]),
            **{
                measure: {
                    "mean": _number(found.mean[g, m]),
                    "deviation": _number(found.deviation[g, m]),
                    **{
                        f"p{at:.0f}": _number(value)
                        for at, value in zip(PERCENTILES, found.percentiles[g, m], strict=True)
                    },
                }
                for m, measure in enumerate(MEASURES)
            },
        }


def _sector_table(found: list[dict[str, Any]]) -> Table:
    head = ("sector", "symbols", "median volume", "range: mean", "deviation", "last change: mean", "p10", "p90")
    table = Table(*head, box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    for row in found:
        spread, change = row["average_range"], row["previous_change"]
        table.add_row(
            row["sector"] or "(not known)",
            f"{row['symbols']:,}",
            _shown(row["average_volume"]["p50"], "{:,.0f}"),
            _shown(spread["mean"], "{:.1%}"),
            _shown(spread["deviation"], "{:.1%}"),
            *(_shown(change[name], "{:+.1%}") for name in ("mean", "p10", "p90")),
        )
    return table


def _table(found: list[dict[str, Any]], every: int, lines: int) -> Table:
    head = ("symbol", "name", "exchange", "type", "sector", "market cap", "prev. close", "avg. volume", "avg. range")
    caption = f"{len(found):,} of {every:,} symbols; averages of 20 days"
    table = Table(*head, caption=caption, caption_justify="left", box=None, pad_edge=False)
    for column in table.columns[5:]:
        column.justify = "right"
    for row in found[:lines]:
        table.add_row(
            *(row[name] for name in ("symbol", "name", "exchange", "type", "sector")),
            _shown(row["market_cap"], "{:,.0f}"),
            _shown(row["previous_close"], "{:,.2f}"),
            _shown(row["average_volume"], "{:,.0f}"),
            _shown(row["average_range"], "{:.1%}"),
        )
    return table


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _shown(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)

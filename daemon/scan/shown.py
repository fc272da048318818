"""A scan for people and for programs."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from rich.console import Group
from rich.table import Table as RichTable
from rich.text import Text

from daemon.spoken import several

if TYPE_CHECKING:
    from collections.abc import Iterator

    from daemon.scan.scanner import Scan

NEW_YORK = ZoneInfo("America/New_York")
RISES, FALLS, QUIET = "green", "red", "dim"


def rows(scan: Scan) -> Iterator[dict[str, Any]]:
    """A record a symbol, best first; what is not known is None."""
    names = dict(zip(scan.universe.symbols.tolist(), scan.universe.name, strict=True))
    found = scan.table
    for k, symbol in enumerate(found.symbol.tolist()):
        yield {
            "rank": k + 1,
            "symbol": symbol.decode(),
            "name": names.get(symbol, ""),
            "sector": found.sector[k],
            **{
                name: _known(float(getattr(found, name)[k]))
                for name in (
                    *("price", "volume", "change", "gap", "relative_volume", "position", "activity", "sector_rank"),
                    "score",
                )
            },
            "rules": list(found.rules[k]),
            "why": found.why[k],
        }


def document(scan: Scan) -> dict[str, Any]:
    """All of it, for JSON."""
    return {
        "as_of": moment(scan.as_of_ms),
        "judged": None if scan.judged_ms is None else moment(scan.judged_ms),
        "symbols": len(scan.universe.symbols),
        "calls": scan.calls,
        "daily_bars_wanted": scan.wanted,
        "daily_bars_known": scan.had,
        "volume_profiles": scan.profiles,
        "seconds": round(scan.seconds, 3),
        "troubles": list(scan.troubles),
        "rows": list(rows(scan)),
    }


COLUMNS: Final = ("#", "symbol", "score", "price", "change", "gap", "volume", "range", "sector", "rules", "why")
NARROW: Final = ("#", "symbol", "score", "price", "change", "volume", "rules", "why")
"""Of a window in which the others would leave no room for the reasons."""

WIDE: Final = 110


def shown(scan: Scan, most: int, width: int) -> Group:
    """The first rows, in colours, for a window of so many columns, and below them what they are of."""
    below = Text(summary(scan), QUIET)
    return Group(_table(scan, most, width), below) if len(scan.table.symbol) else Group(below)


def _table(scan: Scan, most: int, width: int) -> RichTable:
    """The reasons stand last, for they are the longest."""
    head = COLUMNS if width >= WIDE else NARROW
    table = RichTable(pad_edge=False, box=None)
    for name in head:
        words = name in ("symbol", "rules", "why")
        table.add_column(name, justify="left" if words else "right", no_wrap=name not in ("rules", "why"))
    for row in islice(rows(scan), most):
        cells = _cells(row)
        table.add_row(*(cells[name] for name in head))
    return table


def _cells(row: dict[str, Any]) -> dict[str, Text]:
    return {
        "#": Text(str(row["rank"]), QUIET),
        "symbol": Text(row["symbol"], "bold"),
        "score": _number(row["score"], "{:.2f}"),
        "price": _number(row["price"], "{:,.2f}"),
        "change": _signed(row["change"]),
        "gap": _signed(row["gap"]),
        "volume": _number(row["relative_volume"], "{:.1f}x"),
        "range": _number(row["position"], "{:.0%}"),
        "sector": _number(row["sector_rank"], "{:.0%}"),
        "rules": Text(", ".join(row["rules"]), "yellow"),
        "why": Text(row["why"], overflow="fold"),
    }


def summary(scan: Scan) -> str:
    """What the table is of, and what it took."""
    judged = "no daemon has scored today" if scan.judged_ms is None else f"scored {_time(scan.judged_ms)}"
    symbols, traded = several(len(scan.universe.symbols), "symbol", "symbols"), len(scan.table.symbol)
    lines = [
        f"{moment(scan.as_of_ms)}: {symbols}, {f'{traded:,}' if traded else 'none'} of them traded today",
        judged,
        f"{scan.seconds:.2f} s, {several(scan.calls, 'call', 'calls')}, {scan.hit_rate:.1%} of daily bars were known",
        *(f"without: {trouble}" for trouble in scan.troubles),
    ]
    return "\n".join(lines)


def moment(ms: int) -> str:
    """For people: New York's date and time."""
    return f"{datetime.fromtimestamp(ms / 1000, UTC).astimezone(NEW_YORK):%Y-%m-%d %H:%M:%S} New York"


def _time(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, UTC).astimezone(NEW_YORK):%H:%M}"


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _number(value: float | None, form: str) -> Text:
    return Text("-", QUIET) if value is None else Text(form.format(value))


def _signed(share: float | None) -> Text:
    if share is None:
        return Text("-", QUIET)
    return Text(f"{100 * share:+.2f} %", RISES if share > 0 else FALLS if share < 0 else QUIET)

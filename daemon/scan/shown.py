"""A scan for people and for programs."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from rich.table import Table as RichTable
from rich.text import Text

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
        "seconds": round(scan.seconds, 3),
        "troubles": list(scan.troubles),
        "rows": list(rows(scan)),
    }


def shown(scan: Scan, most: int) -> RichTable:
    """The first rows, in colours; the reasons last, for they are the longest."""
    head = ("#", "symbol", "score", "price", "change", "gap", "rel. volume", "day range", "sector rank", "rules", "why")
    table = RichTable(*head, caption=summary(scan), caption_justify="left", pad_edge=False, box=None)
    for column in table.columns[2:9]:
        column.justify = "right"
    for row in rows(scan):
        if row["rank"] > most:
            break
        table.add_row(
            Text(str(row["rank"]), QUIET),
            Text(row["symbol"], "bold"),
            _number(row["score"], "{:.2f}"),
            _number(row["price"], "{:,.2f}"),
            _signed(row["change"]),
            _signed(row["gap"]),
            _number(row["relative_volume"], "{:.1f}x"),
            _number(row["position"], "{:.0%}"),
            _number(row["sector_rank"], "{:.0%}"),
            Text(", ".join(row["rules"]), "yellow"),
            Text(row["why"], overflow="fold"),
        )
    return table


def summary(scan: Scan) -> str:
    """What the table is of, and what it took."""
    judged = "no daemon has scored today" if scan.judged_ms is None else f"scored {_time(scan.judged_ms)}"
    all_, traded = len(scan.universe.symbols), len(scan.table.symbol)
    lines = [
        f"{moment(scan.as_of_ms)}: of {all_:,} symbols {traded:,} trade; {judged}",
        f"{scan.seconds:.2f} s, {scan.calls} calls, {scan.hit_rate:.1%} of daily bars were known",
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

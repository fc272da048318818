"""`technic history` and `technic history import`."""

from __future__ import annotations

import sys
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from daemon.clock import SystemClock
from daemon.commands.begin import begin
from daemon.progress import ProgressBar
from daemon.spoken import number, several
from streams.history.errors import HistoryAbsentError
from streams.history.importing import import_file
from streams.history.kept import Kept, KeptBars
from streams.history.open import open_history
from streams.tablefile import TableFileError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from daemon.config import Config
    from streams.history.protocol import History

EMPTY = Kept(0, KeptBars(), KeptBars(), {}, {})

NOTHING = "nothing is kept yet: `technic run` keeps what it sees, `technic history import FILES` brings in files"


def show(path: Path | None, *, as_json: bool) -> None:
    """What is kept, on stdout.

    Raises:
        HistoryError: it cannot be read.
    """
    kept = _kept(begin(path))
    sys.stdout.write((_json(document(kept)) if as_json else _text(kept)) + "\n")


def document(kept: Kept) -> dict[str, Any]:
    """What is kept as it is told in JSON: dates as 2025-01-31, null where there is nothing."""
    return {
        "disk_bytes": kept.disk_bytes,
        "minutes": _bars(kept.minutes),
        "daily": _bars(kept.daily),
        "rows": kept.rows,
        "fetched": {kind: spans._asdict() for kind, spans in kept.fetched.items()},
    }


def bring_in(path: Path | None, files: Sequence[Path], *, as_json: bool) -> None:
    """Import files, one after the other; what was stored goes to stdout, even if not all could be.

    Raises:
        ExceptionGroup: of TableFileError: the files that cannot be used; the others are stored.
        HistoryError: the history does not take them, or no more of them.
    """
    config = begin(path)
    results: list[dict[str, Any]] = []
    failures: list[TableFileError] = []
    try:
        with open_history(config.history_place) as history:
            results.extend(_one(file, history, failures) for file in files)  # one by one: a stop leaves the ones before
    finally:
        _report(results, as_json=as_json)
    if failures:
        raise ExceptionGroup("files", failures)


def _one(file: Path, history: History, failures: list[TableFileError]) -> dict[str, Any]:
    clock = SystemClock()
    try:
        with ProgressBar(file.name, clock) as bar:
            found = import_file(file, history, clock.wall_ms(), lambda state: bar(state.done, state.total))
    except TableFileError as error:
        failures.append(error)
        return {"file": str(file), "error": error.said}
    return {"file": str(file), "kind": found.kind, "stored": found.done - found.rejected, "rejected": found.rejected}


def _report(results: Sequence[dict[str, Any]], *, as_json: bool) -> None:
    stored, rejected = (sum(one.get(name, 0) for one in results) for name in ("stored", "rejected"))
    if as_json:
        sys.stdout.write(_json({"files": results, "stored": stored, "rejected": rejected}) + "\n")
        return
    for one in results:
        if "kind" in one:
            rows = f"{one['stored']:,} {'minute' if one['kind'] == 'minutes' else 'daily'} bars stored"
            sys.stdout.write(f"{one['file']}: {rows}, {several(one['rejected'], 'row', 'rows')} rejected\n")


def _kept(config: Config) -> Kept:
    try:
        with open_history(config.history_place, read_only=True) as history:
            return history.kept()
    except HistoryAbsentError:
        return EMPTY


def _bars(bars: KeptBars) -> dict[str, int | str | None]:
    return {
        "rows": bars.rows,
        "symbols": bars.symbols,
        "days": bars.days,
        "first": _date(bars.first_day),
        "last": _date(bars.last_day),
    }


def _date(day: int | None) -> str | None:
    return None if day is None else (date(1970, 1, 1) + timedelta(days=day)).isoformat()


def _text(kept: Kept) -> str:
    lines = list(_lines(kept))
    if not lines:
        return NOTHING
    lines.append(("on disk", f"{kept.disk_bytes / 1e6:,.1f} MB"))
    return "\n".join(f"{name:<20} {text}" for name, text in lines)


def _lines(kept: Kept) -> Iterator[tuple[str, str]]:
    """What there is; what is not there is not spoken of."""
    for name, bars in (("minute bars", kept.minutes), ("daily bars", kept.daily)):
        if bars.rows:
            counts = f"{number(bars.rows)} of {several(bars.symbols, 'symbol', 'symbols')}"
            days = f"{several(bars.days, 'day', 'days')} from {_date(bars.first_day)} to {_date(bars.last_day)}"
            yield name, f"{counts}, {days}"
    for name, rows in kept.rows.items():
        if rows:
            yield name, number(rows)
    for kind, fetched in kept.fetched.items():
        spans, keys = several(fetched.spans, "span", "spans"), several(fetched.keys, "key", "keys")
        yield f"fetched {kind}", f"{spans} of {keys}"


def _json(told: object) -> str:
    return msgspec.json.encode(told).decode()

"""The exchange's calendar: made once in a process of its own, kept on disk, loaded in milliseconds.

`exchange_calendars` knows holidays and half days, but takes seconds to import (pandas), which must not
stand between a restart and the first bar. So a child, ``python -m daemon.calendar FIRST LAST``, prints one
JSON object with the opens and closes, and the answer is kept in the cache folder with the version of the
package.

Errors, and who acts::

    CalendarError   stop: there is no table that covers today; the text says what to do
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from daemon import statefile
from daemon.engine.sessions import SessionTable

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from daemon.config import Config

EXCHANGE = "XNYS"
FIRST = date(2010, 1, 1)
AHEAD_DAYS = 2 * 365
"""The exchange announces its holidays about three years ahead."""

STALE_DAYS = 30
"""A table that ends within this many days is made anew."""

CHILD_S = 60.0
PACKAGE = "exchange_calendars"

_DAY_MS = 86_400_000
_ROOT = Path(__file__).parents[1]


class CalendarError(Exception):
    """No session table can be had."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        """What happened and what to do."""
        check = f"{sys.executable} -m daemon.calendar {FIRST} {FIRST.replace(month=12)}"
        remedy = f"see whether `{check}` works, and install the locked {PACKAGE} if not"
        return f"the exchange's calendar cannot be made: {self.reason}; {remedy}"


class Calendar(NamedTuple):
    """A session table, and what was wrong on the way to it ("" if nothing)."""

    sessions: SessionTable
    warning: str = ""


def configured(config: Config, now_ms: int) -> Calendar:
    """As `load`, without the days on which the exchange is closed although it is not in the calendar.

    Raises:
        CalendarError: as `load` does.
    """
    found = load(config.state.cache, now_ms)
    closed = [_date_ms(day) for day in config.engine.closed_days]
    table = found.sessions
    open_ = ~np.isin(table.open_ms // _DAY_MS * _DAY_MS, closed)
    return found._replace(sessions=SessionTable(table.open_ms[open_], table.close_ms[open_]))


def load(folder: Path, now_ms: int, make: Callable[[date, date], bytes] | None = None) -> Calendar:
    """The session table from the cache in `folder`; made and kept there when it is absent or out of date.

    When it cannot be made anew, one in the cache that still covers today serves on, with a warning.

    Args:
        folder: for the cache; made if need be.
        now_ms: today, UTC milliseconds.
        make: gives the child's answer for a first and a last day; stands in for the child in tests.

    Raises:
        CalendarError: there is no table that covers today.
    """
    path = folder / "sessions.npz"
    cached, made_by = _read(path)
    if cached and made_by == version(PACKAGE) and cached.end_ms > now_ms + STALE_DAYS * _DAY_MS:
        return Calendar(cached)
    try:
        fresh = _table((make or run_child)(FIRST, _day(now_ms) + timedelta(AHEAD_DAYS)))
    except CalendarError as error:
        if cached is None or cached.end_ms <= now_ms:
            raise
        return Calendar(cached, f"an older one serves on, {error}")
    return Calendar(fresh, _write(path, fresh))


def run_child(first: date, last: date) -> bytes:
    """What the child prints for the days from `first` to `last`.

    Raises:
        CalendarError: it failed or took longer than `CHILD_S` seconds.
    """
    path = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH"))))
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TECHNIC_")}
    try:
        done = subprocess.run(  # noqa: S603 (our own interpreter, our own module)
            [sys.executable, "-P", "-W", "ignore", "-m", "daemon.calendar", str(first), str(last)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
            timeout=CHILD_S,
            env={**kept, "PYTHONPATH": path},
        )
    except subprocess.CalledProcessError as error:
        lines = error.stderr.decode(errors="replace").strip().splitlines() or [f"exit code {error.returncode}"]
        raise CalendarError(lines[-1]) from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CalendarError(str(error)) from error
    return done.stdout


def _table(answer: bytes) -> SessionTable:
    try:
        days = json.loads(answer)
        return SessionTable(np.array(days["open_ms"], np.int64), np.array(days["close_ms"], np.int64))
    except (ValueError, KeyError, TypeError) as error:
        raise CalendarError(f"the answer makes no sense ({error})") from error


def _read(path: Path) -> tuple[SessionTable | None, str]:
    """The cached table and the version that made it; a cache that cannot be read is none."""
    try:
        arrays: dict[str, NDArray[np.generic]] = statefile.read(path) or {}
        table = SessionTable(arrays["open_ms"].astype(np.int64), arrays["close_ms"].astype(np.int64))
        return table, str(arrays["made_by"])
    except (statefile.StateRefusedError, OSError, KeyError, ValueError):
        return None, ""


def _write(path: Path, table: SessionTable) -> str:
    """Keep `table`; a cache that cannot be written costs seconds at the next start, and no more."""
    arrays = {"open_ms": table.open_ms, "close_ms": table.close_ms, "made_by": np.array(version(PACKAGE))}
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        statefile.write(path, arrays)
    except OSError as error:
        return f"it cannot be kept for the next start: {error}"
    return ""


def _date_ms(day: date) -> int:
    return round(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)


def _day(ms: int) -> date:
    return datetime.fromtimestamp(ms / 1000, UTC).date()


def compute(first: str, last: str) -> dict[str, list[int]]:
    """Opens and closes from `exchange_calendars`; the child's work, seconds of import included."""
    import exchange_calendars  # noqa: PLC0415 (the import that this module exists to keep away)

    calendar = exchange_calendars.get_calendar(EXCHANGE, start=first, end=last)
    hours = {"open_ms": calendar.opens, "close_ms": calendar.closes}
    return {name: column.to_numpy("datetime64[ms]").astype(int).tolist() for name, column in hours.items()}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(compute(*sys.argv[1:])))

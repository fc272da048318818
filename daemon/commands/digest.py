"""`technic digest`."""

from __future__ import annotations

import sys
from collections import Counter
from datetime import date
from typing import TYPE_CHECKING, Any

import msgspec

import streams.history.nopandas  # noqa: F401 - comes before all that imports pyarrow
from daemon.clock import SystemClock
from daemon.commands import judged
from daemon.commands.begin import begin
from daemon.judgement import EPOCH
from daemon.judgement import judged as judgements
from daemon.outcomekeeping import outcomes_of
from daemon.spoken import several
from streams.history.open import open_history
from streams.history.protocol import DAY_MS, MIDNIGHT_MS

if TYPE_CHECKING:
    from pathlib import Path

    from streams.history.protocol import History


def digest(path: Path | None, *, day: date | None, days: int, as_json: bool) -> None:
    """Alerts of some days and what became of them, on stdout.

    Raises:
        HistoryError: it cannot be read.
    """
    config = begin(path)
    with open_history(config.history_place, read_only=True) as history:
        found = _found(history, day, days)
    if as_json:
        sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
        return
    if not found["alerts"]:
        sys.stdout.write("no alerts were kept of that time\n")
        return
    sys.stdout.write(f"{found['first']} to {found['last']}: {several(found['alerts'], 'alert', 'alerts')}\n")
    for rule, count in found["by_rule"].items():
        sys.stdout.write(f"  {rule:<24} {count:,}\n")
    if found["outcomes"]:
        judged.show(found["outcomes"])
    else:
        sys.stdout.write("what becomes of them is known when the regular session has closed\n")


def _found(history: History, day: date | None, days: int) -> dict[str, Any]:
    """Of `days` days up to `day`, or up to the newest that has alerts."""
    last = (day.toordinal() - EPOCH if day else _newest(history)) + 1
    first_ms, last_ms = (last - days) * DAY_MS + MIDNIGHT_MS, last * DAY_MS + MIDNIGHT_MS
    alerts = history.read("alerts", first_ms, last_ms).to_pylist()
    named = {row["id"]: (row["rule"], row["symbol"]) for row in alerts}
    outcomes = outcomes_of(history.read("outcomes", first_ms, last_ms), named)
    return {
        "first": date.fromordinal(EPOCH + last - days).isoformat(),
        "last": date.fromordinal(EPOCH + last - 1).isoformat(),
        "alerts": len(alerts),
        "by_rule": dict(sorted(Counter(row["rule"] for row in alerts).items())),
        "outcomes": judgements(outcomes),
    }


def _newest(history: History) -> int:
    """The newest day that there are bars of, today where there is none."""
    last_day = history.kept().minutes.last_day
    return last_day if last_day is not None else SystemClock().wall_ms() // DAY_MS

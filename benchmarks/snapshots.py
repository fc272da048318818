"""Three timeframes to disk and back, corrected, and in memory; a part of the question ``indicators``."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.report import result
from daemon import statefile
from indicators import CATALOGUE
from indicators.memory import footprint
from indicators.timeframes import Timeframes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.peers.streams import Asked
    from benchmarks.report import Result
    from indicators.types import Floats, Longs

TIMEFRAMES = (1, 5, 15)
OLD = (1, 8, 15)
"""Bars back of the minutes that are corrected."""

BATCH = 100
MINUTES = 60


def results(asked: Sequence[Asked], symbols: int, repeats: int) -> list[Result]:
    """Save and restore, durable and checked as the daemon does it, then corrections against plain minutes; medians."""
    frames = _filled(asked, symbols)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "state"
        spent = [_round(path, frames, asked) for _ in range(repeats)]
        detail = {"minutes": TIMEFRAMES, "symbols": symbols, "bytes": path.stat().st_size, "repeats": repeats}
    save, restore = (median(column) for column in zip(*spent, strict=True))
    name = "indicators.snapshot"
    return [
        result(f"{name}.save", save, {}, detail, "s"),
        result(f"{name}.restore", restore, {}, detail, "s"),
        *_corrections(frames, symbols, repeats),
    ]


def memory(asked: Sequence[Asked]) -> Result:
    """Bytes a symbol of all timeframes, counted over their arrays, and those of the minutes by indicator."""
    frames = {f"{minutes}m": footprint(frame) for minutes, frame in _timeframes(asked, 1).frames.items()}
    total = sum(held.total for held in frames.values())
    detail = {
        "timeframes": {name: held.total for name, held in frames.items()},
        "indicators": {key: one.total for key, one in frames["1m"].indicators.items()},
        "megabytes_12000_symbols": round(total * 12_000 / 1e6, 1),
    }
    return result("indicators.memory", total, {}, detail, "bytes/symbol")


def _corrections(frames: Timeframes, symbols: int, repeats: int) -> list[Result]:
    """Microseconds a symbol: a plain minute of `BATCH` symbols, and minutes of theirs that come again."""
    rows = np.arange(0, symbols, max(symbols // BATCH, 1))[:BATCH]
    size, plain = len(rows), []
    for k in range(20 * repeats):
        began = perf_counter()
        frames.update(rows, *_minute(rows, MINUTES + k))
        plain.append(perf_counter() - began)
    last = MINUTES + 20 * repeats - 1
    spent: dict[int, list[float]] = {back: [] for back in OLD}
    for _ in range(3 * repeats):
        for back in OLD:
            began = perf_counter()
            frames.revise(rows, *_minute(rows, last - back))
            spent[back].append(perf_counter() - began)
    usual = median(plain) / size * 1e6
    detail = {"symbols": size, "minutes": TIMEFRAMES}
    return [
        result("indicators.update", usual, {}, detail, "us/bar"),
        *(
            result(f"indicators.revise.{back}", cost, {}, {**detail, "times_update": round(cost / usual, 1)}, "us/bar")
            for back, cost in ((back, median(took) / size * 1e6) for back, took in spent.items())
        ),
    ]


def _round(path: Path, frames: Timeframes, asked: Sequence[Asked]) -> tuple[float, float]:
    """Seconds to save and to restore."""
    began = perf_counter()
    statefile.write(path, frames.to_arrays())
    saved = perf_counter()
    read: dict[str, Any] = statefile.read(path) or {}
    _timeframes(asked, 1).load_arrays(read)
    return saved - began, perf_counter() - saved


def _timeframes(asked: Sequence[Asked], symbols: int) -> Timeframes:
    specs = [CATALOGUE.spec(one.name, one.arguments) for one in asked]
    return Timeframes(dict.fromkeys(TIMEFRAMES, specs), symbols)


def _filled(asked: Sequence[Asked], symbols: int) -> Timeframes:
    """Frames in which no page of memory is untouched."""
    frames = _timeframes(asked, symbols)
    rows = np.arange(symbols)
    for minute in range(MINUTES):
        frames.update(rows, *_minute(rows, minute))
        frames.close((minute + 1) * 60_000)
    return frames


def _minute(rows: Longs, minute: int) -> tuple[Longs, Floats, Longs]:
    prices = 100.0 + (rows + minute) % 7
    bars = np.stack([prices, prices + 1, prices - 1, prices, 1000 * prices, prices])
    return np.full(len(rows), minute * 60_000), bars, np.zeros(len(rows), np.int64)

"""Three frames to disk and back, and what they take in memory; a part of the question ``indicators``."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.report import result
from daemon import statefile
from indicators import CATALOGUE, Frame
from indicators.memory import footprint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.peers.streams import Asked
    from benchmarks.report import Result

FRAMES = 3


def results(asked: Sequence[Asked], symbols: int, repeats: int) -> list[Result]:
    """Save and restore, durable and checked as the daemon does it; medians."""
    frames = [_filled(asked, symbols) for _ in range(FRAMES)]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "state"
        spent = [_round(path, frames) for _ in range(repeats)]
        detail = {"frames": FRAMES, "symbols": symbols, "bytes": path.stat().st_size, "repeats": repeats}
    save, restore = (median(column) for column in zip(*spent, strict=True))
    name = "indicators.snapshot"
    return [
        result(f"{name}.save", save, {}, detail, "s"),
        result(f"{name}.restore", restore, {}, detail, "s"),
    ]


def memory(asked: Sequence[Asked]) -> Result:
    """Bytes a symbol of one frame, counted over its arrays."""
    held = footprint(_frame(asked, 1))
    detail = {
        "ring": held.ring,
        "indicators": {key: one.total for key, one in held.indicators.items()},
        "megabytes_12000_symbols": round(held.total * 12_000 / 1e6, 1),
    }
    return result("indicators.memory", held.total, {}, detail, "bytes/symbol")


def _round(path: Path, frames: Sequence[Frame]) -> tuple[float, float]:
    """Seconds to save and to restore."""
    began = perf_counter()
    arrays = {f"{k}/{name}": array for k, frame in enumerate(frames) for name, array in frame.to_arrays().items()}
    statefile.write(path, arrays)
    saved = perf_counter()
    read: dict[str, Any] = statefile.read(path) or {}
    for k, frame in enumerate(frames):
        prefix = f"{k}/"
        fresh = Frame(frame.specs, 1)
        fresh.load_arrays({name.removeprefix(prefix): a for name, a in read.items() if name.startswith(prefix)})
    return saved - began, perf_counter() - saved


def _frame(asked: Sequence[Asked], symbols: int) -> Frame:
    return Frame([CATALOGUE.spec(one.name, one.arguments) for one in asked], symbols)


def _filled(asked: Sequence[Asked], symbols: int) -> Frame:
    """A frame in which no page of memory is untouched."""
    frame = _frame(asked, symbols)
    rows, session = np.arange(symbols), np.zeros(symbols, np.int64)
    for minute in range(60):
        prices = 100.0 + (rows + minute) % 7
        bars = np.stack([prices, prices + 1, prices - 1, prices, 1000 * prices, prices])
        frame.update(rows, np.full(symbols, minute * 60_000), bars, session)
    return frame

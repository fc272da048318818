"""Values that others published, and how close ours come: tests and ``docs/agreement.md`` are made of the same lists.

Each module of this package has a list `REFERENCES`. The files stand in ``indicator_reference`` of the real data, each
with its origin and licence; none of them is part of this repository.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from indicators import CATALOGUE
from indicators.naive import Bars
from tests.indicators.feeds import DAY_MS, MINUTE_MS, run

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from indicators import Spec

    Floats = NDArray[np.float64]

FOLDER = "indicator_reference"
SPY_DAILY = "skender/input_spy_daily_2017_2018.csv"


NOT_COMPARED: Mapping[str, str] = {
    "lean/spy_10_min.txt": "bars alone",
    "lean/spy_atr.txt": "a plain mean of true ranges: sma and true_range are compared each by itself",
    "lean/spy_rdv.txt": "against the plain mean of two days; rvol_tod gives each later day the weight 1 / days",
    "lean/spy_with_vwap.txt": "made of finer bars than it shows",
    "skender/out_ulcer.csv": "falls from the highest close since the window began, ours, as cs-ui, from that of n bars",
    "skender/out_zigzag.csv": "repaints: its values depend on later bars",
}
"""Files whose values cannot be compared, and why."""


@dataclass(frozen=True, slots=True)
class Reference:
    """Some columns of a file, and the indicator that should say the same.

    Attributes:
        file: below ``indicator_reference``.
        call: name of the indicator and its arguments.
        columns: column of the file by output; where the header names one twice, the last is meant.
        tolerance: largest difference allowed: half a unit of the last digit that the file shows, unless the note says
            what else it lost.
        bars: the file that holds the bars; the same where empty.
        led_in: copies of the first bar that are put before it, where theirs starts from the first bar as if the
            market had stood still until then.
        converged: first row that is compared; before it the other start of a recursion still shows.
        later: rows by which the file shows a value later than we do.
        factors: what the file's values are multiplied with, by output, where its unit is another.
        offsets: what is added to them then, by output, where its zero is another.
        note: deliberate differences, and what the file has of its own.
    """

    file: str
    call: tuple[str, list[float | str]]
    columns: Mapping[str, str]
    tolerance: float
    bars: str = ""
    led_in: int = 0
    converged: int = 0
    later: int = 0
    factors: Mapping[str, float] = field(default_factory=dict)
    offsets: Mapping[str, float] = field(default_factory=dict)
    note: str = ""

    @property
    def spec(self) -> Spec:
        """The indicator with its arguments."""
        return CATALOGUE.spec(*self.call)

    def __str__(self) -> str:
        return f"{self.file} {self.spec}"


class Difference(NamedTuple):
    """What a comparison found.

    Attributes:
        compared: values that the reference has, from where it has converged.
        missing: those that we have not.
        absolute: the largest difference.
        relative: the largest difference as a share of the largest value of its column.
    """

    compared: int
    missing: int
    absolute: float
    relative: float


def references() -> list[Reference]:
    """All of them, by file."""
    modules = (import_module(module.name) for module in iter_modules(__path__, f"{__name__}."))
    found = [reference for module in modules for reference in getattr(module, "REFERENCES", [])]
    return sorted(found, key=str)


def compare(reference: Reference, folder: Path) -> Difference:
    """The difference between a reference and ours, over all its columns."""
    table = read_columns(folder / reference.file)
    bars = bars_of(led_in(read_columns(folder / (reference.bars or reference.file)), reference.led_in))
    spec, late = reference.spec, reference.converged
    ours = dict(zip(spec.outputs, run([spec], bars)[:, reference.led_in :], strict=True))
    return _worst(
        [_difference(ours[output][late:], published(reference, table, output)[late:]) for output in reference.columns]
    )


def published(reference: Reference, table: Mapping[str, Floats], output: str) -> Floats:
    """What the file says of an output, in our unit."""
    values = table[reference.columns[output]][reference.later :]
    values = np.append(values, [np.nan] * reference.later)
    return values * reference.factors.get(output, 1.0) + reference.offsets.get(output, 0.0)


def _difference(ours: Floats, theirs: Floats) -> Difference:
    known = ~np.isnan(theirs)
    missing = int(np.isnan(ours[known]).sum())
    apart = np.nanmax(np.abs(ours - theirs)[known], initial=0.0)
    largest = np.nanmax(np.abs(theirs), initial=0.0)
    return Difference(int(known.sum()), missing, float(apart), float(apart / largest) if largest else 0.0)


def _worst(found: list[Difference]) -> Difference:
    compared, missing, absolute, relative = zip(*found, strict=True)
    return Difference(sum(compared), sum(missing), max(absolute), max(relative))


def read_columns(path: Path) -> dict[str, Floats]:
    """Columns of numbers by their header; NaN where something else stands."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        header, *rows = csv.reader(file)
    width = len(header)
    filled = [[*row, *[""] * width][:width] for row in rows if any(row)]
    columns = zip(*filled, strict=True)
    return {
        name.strip(): np.array([_number(cell) for cell in column]) for name, column in zip(header, columns, strict=True)
    }


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return np.nan


def led_in(columns: Mapping[str, Floats], copies: int) -> dict[str, Floats]:
    """The columns with copies of their first row before them."""
    return {name: np.concatenate([np.repeat(column[:1], copies), column]) for name, column in columns.items()}


def bars_of(columns: Mapping[str, Floats]) -> Bars:
    """Bars of one session; the close stands in for prices that the file lacks, and 0 for the volume."""
    by_name = {name.lower(): column for name, column in columns.items()}
    any_price = next(by_name[name] for name in ("close", "high", "volume") if name in by_name)
    close = by_name.get("close", any_price)
    prices = [by_name.get(name, close) for name in ("open", "high", "low")]
    size = len(close)
    unknown = np.full(size, np.nan)
    volume = np.nan_to_num(by_name.get("volume", np.zeros(size)))
    start_ms = DAY_MS + np.arange(size) * MINUTE_MS
    return Bars(*prices, close, volume, unknown, np.full(size, DAY_MS), start_ms, unknown, unknown)

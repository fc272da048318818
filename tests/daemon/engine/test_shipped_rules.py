"""Each rule that ships fires where its name says it should, once, and not where one of its conditions is missing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest

from daemon.engine import rules
from daemon.engine.engine import Engine, Settings
from daemon.engine.plan import Plan
from daemon.engine.sectors import Sectors
from daemon.engine.sessions import SessionTable
from daemon.scoring.view import level, untaught
from streams.bars import MINUTE_MS, SYMBOL, empty
from tests.daemon.engine.test_engine import DAY, OPEN

if TYPE_CHECKING:
    from daemon.scoring.lesson import Lesson

    from daemon.scoring.view import View
    from streams.bars import BarBatch

SHIPPED = Path(__file__).parents[3] / "daemon" / "rules" / "default.toml"
TODAY = OPEN + DAY
LEVEL, VOLUME = 100.0, 1_000.0
EVENT = 60
"""Minute of today at which most things happen."""


class Tape(NamedTuple):
    """One symbol's minutes of a quiet day and the next, as columns to be written to; NaN where it does not trade.

    Attributes:
        open, high, low, close, volume: ``float64[2, 390]``.
    """

    open: np.ndarray
    high: np.ndarray
    low: np.ndarray
    close: np.ndarray
    volume: np.ndarray

    def put(self, minute: int, close: float, volume: float = VOLUME, *, open_: float | None = None) -> None:
        """A minute of today."""
        first = close if open_ is None else open_
        columns = (self.open, self.high, self.low, self.close, self.volume)
        values = (first, max(first, close) + 0.05, min(first, close) - 0.05, close, volume)
        for column, value in zip(columns, values, strict=True):
            column[1, minute] = value

    def level(self, first: int, end: int, close: float, volume: float = VOLUME) -> None:
        """Quiet minutes at another price."""
        for minute in range(first, end):
            self.put(minute, close + 0.02 * (minute % 3 - 1), volume)

    def silence(self, first: int, end: int) -> None:
        """It does not trade."""
        self.close[1, first:end] = np.nan


def quiet() -> Tape:
    """Two cents up and down around a level."""
    close = LEVEL + 0.02 * (np.arange(390) % 3 - 1.0) * np.ones((2, 1))
    return Tape(close.copy(), close + 0.05, close - 0.05, close.copy(), np.full((2, 390), VOLUME))


def batches(tapes: dict[str, Tape], end: int) -> list[BarBatch]:
    """All symbols' bars, minute by minute, up to minute `end` of today."""
    found = []
    for day, minute in [(0, minute) for minute in range(390)] + [(1, minute) for minute in range(end)]:
        trading = [(name, tape) for name, tape in sorted(tapes.items()) if np.isfinite(tape.close[day, minute])]
        batch = empty(len(trading))
        batch.symbol[:] = np.array([name.encode() for name, _ in trading], SYMBOL)
        batch.start_ms[:] = (OPEN, TODAY)[day] + minute * MINUTE_MS
        batch.length_ms[:], batch.arrival_ms[:] = MINUTE_MS, batch.start_ms + MINUTE_MS
        columns = [[column[day, minute] for column in tape] for _, tape in trading]
        batch.values[:5] = np.array(columns).reshape(-1, 5).T
        found.append(batch)
    return found


class Sudden:
    """A teacher that thinks little of everything, and from some minute on very much."""

    def teach(self, lesson: Lesson) -> None:
        """Nothing is learned."""

    def view(self, minute_ms: int) -> View:
        sure = minute_ms >= TODAY + (EVENT - 3) * MINUTE_MS  # it is in force three minutes later
        return untaught(1)._replace(additive=level(1, 3.0 if sure else -3.0), minute_ms=minute_ms)


def told(rule: str, tapes: dict[str, Tape], end: int = EVENT + 30) -> list[tuple[str, int]]:
    """Symbol and minute of today of the rule's alerts; none of yesterday."""
    sessions = SessionTable(np.array([OPEN, TODAY]), np.array([OPEN, TODAY]) + 390 * MINUTE_MS)
    plan = Plan(rules.load(SHIPPED.read_text(), SHIPPED.name), rules.features(("log(volume)",)))
    sectors = Sectors(dict.fromkeys(tapes, "Energy"))
    engine = Engine(plan, sessions, Sudden(), Settings(sectors=sectors))
    alerts = [alert for batch in batches(tapes, end) for alert in engine.step(batch)]
    alerts += engine.advance(TODAY + (end + 1) * MINUTE_MS)
    return [(alert.symbol, (alert.bar_start_ms - TODAY) // MINUTE_MS) for alert in alerts if alert.rule == rule]


@pytest.mark.parametrize(("volume", "expected"), [(6_000.0, [("A", 40)]), (1_500.0, [])])
def test_an_opening_range_is_broken_on_volume_only(volume: float, expected: list[tuple[str, int]]) -> None:
    tape = quiet()
    for minute in range(30):
        tape.put(minute, LEVEL + np.sin(minute / 4.0) * 0.5)
    tape.put(40, LEVEL + 1.0, volume, open_=LEVEL)
    tape.level(41, 90, LEVEL + 1.0)
    assert told("opening-range-breakout", {"A": tape}) == expected


@pytest.mark.parametrize(("volume", "expected"), [(20_000.0, [("A", EVENT)]), (1_500.0, [])])
def test_a_vwap_is_reclaimed_with_others_joining_in(volume: float, expected: list[tuple[str, int]]) -> None:
    tape = quiet()
    tape.level(0, 5, LEVEL + 2.0, 5_000.0)
    tape.put(EVENT, LEVEL + 2.5, volume, open_=LEVEL)
    tape.level(EVENT + 1, 90, LEVEL + 2.5)
    assert told("vwap-reclaim", {"A": tape}) == expected


@pytest.mark.parametrize(("move", "expected"), [(1.0, [("A", EVENT)]), (0.1, [])])
def test_a_volume_spike_takes_the_price_with_it(move: float, expected: list[tuple[str, int]]) -> None:
    tape = quiet()
    tape.put(EVENT, LEVEL + move, 20_000.0)
    tape.level(EVENT + 1, 90, LEVEL + move)
    assert told("volume-spike", {"A": tape}) == expected


@pytest.mark.parametrize(("gap", "expected"), [(10.0, [("A", 1)]), (4.0, [])])
def test_a_gap_goes_when_it_is_wide_and_traded(gap: float, expected: list[tuple[str, int]]) -> None:
    tape = quiet()
    tape.level(0, 90, LEVEL + gap, 30_000.0)
    assert told("gap-and-go", {"A": tape}) == expected


@pytest.mark.parametrize(("back_to", "expected"), [(LEVEL - 0.2, [("A", 20)]), (LEVEL + 0.5, [])])
def test_a_gap_is_filled_when_the_close_of_yesterday_is_reached(
    back_to: float, expected: list[tuple[str, int]]
) -> None:
    tape = quiet()
    tape.level(0, 20, LEVEL + 3.0)
    tape.put(20, back_to, open_=LEVEL + 3.0)
    tape.level(21, 90, LEVEL + 1.0)
    assert told("gap-fill", {"A": tape}) == expected


@pytest.mark.parametrize(("volume", "expected"), [(20_000.0, [("A", 75)]), (1_500.0, [])])
def test_a_new_high_of_the_day_comes_after_a_pause_and_on_volume(
    volume: float, expected: list[tuple[str, int]]
) -> None:
    tape = quiet()
    tape.put(20, LEVEL + 1.5)
    tape.put(75, LEVEL + 2.0, volume, open_=LEVEL)
    tape.level(76, 90, LEVEL + 2.0)
    assert told("new-high-with-volume", {"A": tape}) == expected


@pytest.mark.parametrize(("move", "expected"), [(1.5, [("A", EVENT)]), (0.3, [])])
def test_a_squeeze_is_released_by_more_than_a_usual_minute(move: float, expected: list[tuple[str, int]]) -> None:
    tape = quiet()
    tape.high[1, :EVENT], tape.low[1, :EVENT] = LEVEL + 0.2, LEVEL - 0.2
    tape.put(EVENT, LEVEL + move, 20_000.0)
    tape.level(EVENT + 1, 90, LEVEL + move)
    assert told("squeeze-release", {"A": tape}) == expected


@pytest.mark.parametrize(("volume", "expected"), [(20_000.0, [("A", EVENT)]), (1_500.0, [])])
def test_an_oversold_name_bounces_on_heavy_volume(volume: float, expected: list[tuple[str, int]]) -> None:
    tape = quiet()
    for minute in range(40, EVENT):
        tape.put(minute, LEVEL - 0.3 * (minute - 39))
    tape.put(EVENT, tape.close[1, EVENT - 1] + 1.0, volume, open_=tape.close[1, EVENT - 1])
    tape.level(EVENT + 1, 90, tape.close[1, EVENT])
    assert told("oversold-bounce", {"A": tape}) == expected


@pytest.mark.parametrize(("move", "expected"), [(3.0, [("A", EVENT)]), (1.0, [])])
def test_a_sector_has_a_leader_when_one_name_is_far_ahead_of_it(move: float, expected: list[tuple[str, int]]) -> None:
    tapes, random = {f"S{number:02}": quiet() for number in range(20)}, np.random.default_rng(1)
    for tape in tapes.values():
        for minute in range(90):
            tape.put(minute, LEVEL + random.normal(0.0, 0.03))
    leader = quiet()
    leader.level(EVENT, 90, LEVEL + move, 5_000.0)
    assert told("sector-leader", {**tapes, "A": leader}) == expected


@pytest.mark.parametrize(
    ("silent", "move", "expected"), [(10, 5.0, [("A", EVENT)]), (10, 0.5, []), (3, 5.0, []), (0, 5.0, [])]
)
def test_a_halted_name_resumes_far_from_where_it_stopped(
    silent: int, move: float, expected: list[tuple[str, int]]
) -> None:
    tape = quiet()
    tape.silence(EVENT - silent, EVENT)
    tape.level(EVENT, 90, LEVEL + move)
    assert told("halted-and-resumed", {"A": tape, "B": quiet()}) == expected


@pytest.mark.parametrize(("volume", "expected"), [(20_000.0, [("A", EVENT)]), (1_500.0, [])])
def test_a_score_is_unusual_where_volume_is_there_already(volume: float, expected: list[tuple[str, int]]) -> None:
    tape = quiet()
    tape.put(EVENT, LEVEL, volume)
    assert told("unusual-score", {"A": tape, "B": quiet()}) == expected


@pytest.mark.parametrize(("rising", "expected"), [(10, [("BIG", 80)]), (5, [])])
def test_the_market_turns_when_most_names_do_and_the_largest_tells_it(
    rising: int, expected: list[tuple[str, int]]
) -> None:
    tapes = {f"S{number}": quiet() for number in range(9)} | {"BIG": quiet()}
    for number, (name, tape) in enumerate(sorted(tapes.items())):
        tape.level(0, 90, LEVEL, 50_000.0 if name == "BIG" else VOLUME)
        tape.level(0, 5, LEVEL + 1.0, 50_000.0 if name == "BIG" else VOLUME)
        if number < rising:
            tape.level(80, 110, LEVEL + 2.0, 50_000.0 if name == "BIG" else VOLUME)
    assert told("market-turn", tapes, end=110) == expected

"""Relative volume at this time of day."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from indicators.jit import each_row, inlined
from indicators.naive import NAN, divided
from indicators.ring import SESSION, START_MS, VOLUME
from indicators.spec import Indicator, window

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

ANCHOR, DAY, NEXT, SO_FAR, USUAL_SO_FAR, USUAL = range(6)

MINUTE_MS, DAY_MS = 60_000, 86_400_000
MINUTES = 390
NOON_MS = DAY_MS // 2
"""UTC: the pre-market begins before it, the regular session after it, in summer and in winter."""


@inlined
def _blended(usual: float, volume: float, day: float, days: float) -> float:
    """The usual volume of a minute with one more day: the mean of up to `days`, then a mean of weight 1 / days."""
    return usual + (volume - usual) / min(day, days)


@inlined
def _end_day(state: Floats, row: int, day: float, days: float) -> None:
    """The minutes after the day's last bar were silent."""
    for m in range(int(state[row, NEXT]), MINUTES):
        state[row, USUAL + m] = _blended(state[row, USUAL + m], 0.0, day, days)


@inlined
def _usual(state: Floats, row: int, m: int, ended: bool, days: float) -> float:
    """Usual volume of minute m over the earlier days; if the last has just `ended`, silent from NEXT on."""
    usual = state[row, USUAL + m]
    return _blended(usual, 0.0, state[row, DAY], days) if ended and m >= state[row, NEXT] else usual


@each_row
def rvol_tod(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """Each minute's usual volume is blended once a day: at its bar, or by the next bar after it as a silent one."""
    days, session, volume = now.params[0], now.time[SESSION, i], now.bars[VOLUME, i]
    m = (now.time[START_MS, i] - session) // MINUTE_MS
    out[0, row] = np.nan
    out[1, row] = np.nan
    if session % DAY_MS >= NOON_MS and 0 <= m < MINUTES:
        day = state[row, DAY]
        starts = day == 0.0 or state[row, ANCHOR] != session
        ended = starts and day > 0.0
        first = 0 if starts else int(state[row, NEXT])
        so_far = volume + (0.0 if starts else state[row, SO_FAR])
        usual_so_far = 0.0 if starts else state[row, USUAL_SO_FAR]
        for silent in range(first, m):
            usual_so_far += _usual(state, row, silent, ended, days)
        usual = _usual(state, row, m, ended, days)
        usual_so_far += usual
        day = day + 1.0 if starts else day
        known = day > days
        out[0, row] = volume / usual if known and usual > 0.0 else np.nan
        out[1, row] = so_far / usual_so_far if known and usual_so_far > 0.0 else np.nan
        if commit:
            if ended:
                _end_day(state, row, day - 1.0, days)
            for silent in range(first, m):
                state[row, USUAL + silent] = _blended(state[row, USUAL + silent], 0.0, day, days)
            state[row, USUAL + m] = _blended(state[row, USUAL + m], volume, day, days)
            state[row, ANCHOR] = float(session)
            state[row, DAY] = day
            state[row, NEXT] = m + 1.0
            state[row, SO_FAR] = so_far
            state[row, USUAL_SO_FAR] = usual_so_far


def twin(bars: Bars, days: int) -> list[Series]:
    usual, today = np.zeros(MINUTES), np.zeros(MINUTES)
    now, cumulative = [NAN] * len(bars.close), [NAN] * len(bars.close)
    day, session = 0, None
    for t, (began, start_ms, volume) in enumerate(zip(bars.session, bars.start_ms, bars.volume, strict=True)):
        minute = (start_ms - began) // MINUTE_MS
        if began % DAY_MS < DAY_MS // 2 or minute >= MINUTES:
            continue
        if began != session:
            usual = today if day <= 1 else usual + (today - usual) / min(day, days)
            day, session, today = day + 1, began, np.zeros(MINUTES)
        today[minute] = volume
        if day > days:
            now[t] = divided(volume, usual[minute])
            cumulative[t] = divided(math.fsum(today), math.fsum(usual[: minute + 1]))
    return [now, cumulative]


INDICATOR = Indicator(
    name="rvol_tod",
    title="Relative volume at this time of day",
    formula="volume / usual volume of the same minute of the regular session, and, cumulative, the session's volume so "
    "far / its usual volume until this minute. The usual volume is the mean of the earlier days on which the symbol "
    "traded, the first `days` of them with equal weight, each later one with weight 1 / days; a silent minute counts as"
    " 0. That keeps one number a minute whatever `days` is: 3,160 bytes a symbol. After the early close of a half day "
    "minutes count as usual ones",
    inputs=("volume",),
    parameters=(window(10, "days"),),
    outputs=("rvol", "cumulative"),
    kernel=rvol_tod,
    twin=twin,
    width=lambda _days: USUAL + MINUTES,
    warmup=lambda days: (days + 1, days + 1),
    waits="as many earlier days",
    undefined="outside of the regular session, or no volume at this minute (cumulative: until this minute) on the days "
    "before",
    cost="O(1) amortised: every minute of the session is visited once a day, silent ones by the next bar",
    brief=(2,),
    scales=((0, 0), (0, 0)),
)

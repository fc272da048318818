"""Bars since the session's high."""

from __future__ import annotations

from typing import TYPE_CHECKING

from indicators.jit import each_row
from indicators.naive import this_session
from indicators.ring import HIGH, SESSION
from indicators.spec import Indicator

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, ANCHOR, BEST, SINCE, WIDTH = range(5)


@each_row
def bars_since_high(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """The highest high so far, and how long it has stood."""
    session, best, since = float(now.time[SESSION, i]), now.bars[HIGH, i], 0.0
    if state[row, SEEN] >= 1.0 and state[row, ANCHOR] == session and state[row, BEST] > best:
        best = state[row, BEST]
        since = state[row, SINCE] + 1.0
    out[0, row] = since
    if commit:
        state[row, SEEN] = 1.0
        state[row, ANCHOR] = session
        state[row, BEST] = best
        state[row, SINCE] = since


def twin(bars: Bars) -> list[Series]:
    values = bars.series("high")
    parts = [values[part] for part in this_session(bars)]
    return [[float(part[::-1].index(max(part))) for part in parts]]


INDICATOR = Indicator(
    name="bars_since_high",
    title="Bars since the session's high",
    formula="number of bars since the highest high of the session, 0 at the bar that has it, the last one where it was"
    " met again; the pre-market is a session of its own",
    inputs=("high",),
    parameters=(),
    outputs=("bars",),
    kernel=bars_since_high,
    twin=twin,
    width=lambda: WIDTH,
    warmup=lambda: (1,),
    scales=((0, 0),),
)

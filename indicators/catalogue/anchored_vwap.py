"""Volume-weighted average price from a time of the session on."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from indicators.jit import each_row
from indicators.naive import NAN, divided
from indicators.ring import SESSION, START_MS, VOLUME, VWAP, price
from indicators.spec import Indicator, Parameter

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

ANCHORED, ANCHOR, MONEY, SHARES, WIDTH = range(5)

MINUTE_MS = 60_000


@each_row
def anchored_vwap(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """Two sums that start anew at every anchor: only what is positive enters them, and nothing leaves."""
    session = float(now.time[SESSION, i])
    passed = now.time[START_MS, i] - now.time[SESSION, i] >= now.params[0] * MINUTE_MS
    begins = passed and (state[row, ANCHORED] < 1.0 or state[row, ANCHOR] != session)
    money, shares = (0.0, 0.0) if begins else (state[row, MONEY], state[row, SHARES])
    anchored = begins or state[row, ANCHORED] >= 1.0
    if anchored:
        shares += now.bars[VOLUME, i]
        money += price(now.bars, VWAP, i) * now.bars[VOLUME, i]
    out[0, row] = money / shares if shares > 0.0 else np.nan
    if commit and anchored:
        state[row, ANCHORED] = 1.0
        state[row, ANCHOR] = session if begins else state[row, ANCHOR]
        state[row, MONEY] = money
        state[row, SHARES] = shares


def twin(bars: Bars, minutes: int) -> list[Series]:
    late = bars.start_ms - bars.session >= minutes * MINUTE_MS
    first = {int(session): int(np.argmax(late & (bars.session == session))) for session in bars.session[late]}

    def at(t: int) -> float:
        anchors = [since for since in first.values() if since <= t]
        if not anchors:
            return NAN
        money = bars.price[max(anchors) : t + 1] * bars.volume[max(anchors) : t + 1]
        return divided(math.fsum(money), math.fsum(bars.volume[max(anchors) : t + 1]))

    return [[at(t) for t in range(len(bars.close))]]


INDICATOR = Indicator(
    name="anchored_vwap",
    title="Anchored volume-weighted average price",
    formula="sum of price times volume / sum of volume since the first bar that starts these minutes or more after the "
    "session's start; goes on from there into the next session, until that one's own anchor; price is the bar's own "
    "vwap where known, else (high + low + close) / 3; the pre-market is a session of its own",
    inputs=("high", "low", "close", "volume", "vwap"),
    parameters=(Parameter("minutes", 15, 0, 960),),
    outputs=("anchored_vwap",),
    kernel=anchored_vwap,
    twin=twin,
    width=lambda _minutes: WIDTH,
    warmup=lambda _minutes: (1,),
    waits="the first bar that is these minutes into its session",
    undefined="no anchor was passed yet, or no share traded since",
    scales=((1, 0),),
)

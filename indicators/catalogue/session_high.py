"""Session's high."""

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

SEEN, ANCHOR, BEST, WIDTH = range(4)


@each_row
def session_high(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """The highest so far."""
    session, value = float(now.time[SESSION, i]), now.bars[HIGH, i]
    if state[row, SEEN] >= 1.0 and state[row, ANCHOR] == session:
        value = max(value, state[row, BEST])
    out[0, row] = value
    if commit:
        state[row, SEEN] = 1.0
        state[row, ANCHOR] = session
        state[row, BEST] = value


def twin(bars: Bars) -> list[Series]:
    return [[float(max(bars.high[part])) for part in this_session(bars)]]


INDICATOR = Indicator(
    name="session_high",
    title="Session's high",
    formula="highest high since the session began, this bar among them; the pre-market is a session of its own",
    inputs=("high",),
    parameters=(),
    outputs=("session_high",),
    kernel=session_high,
    twin=twin,
    width=lambda: WIDTH,
    warmup=lambda: (1,),
    scales=((1, 0),),
)

"""Session's low."""

from __future__ import annotations

from typing import TYPE_CHECKING

from indicators.jit import each_row
from indicators.naive import this_session
from indicators.ring import LOW, SESSION
from indicators.spec import Indicator

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, ANCHOR, BEST, WIDTH = range(4)


@each_row
def session_low(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """The lowest so far."""
    session, value = float(now.time[SESSION, i]), now.bars[LOW, i]
    if state[row, SEEN] >= 1.0 and state[row, ANCHOR] == session:
        value = min(value, state[row, BEST])
    out[0, row] = value
    if commit:
        state[row, SEEN] = 1.0
        state[row, ANCHOR] = session
        state[row, BEST] = value


def twin(bars: Bars) -> list[Series]:
    return [[float(min(bars.low[part])) for part in this_session(bars)]]


INDICATOR = Indicator(
    name="session_low",
    title="Session's low",
    formula="lowest low since the session began, this bar among them; the pre-market is a session of its own",
    inputs=("low",),
    parameters=(),
    outputs=("session_low",),
    kernel=session_low,
    twin=twin,
    width=lambda: WIDTH,
    warmup=lambda: (1,),
    scales=((1, 0),),
)

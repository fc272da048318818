"""Session's open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from indicators.jit import each_row
from indicators.naive import this_session
from indicators.ring import OPEN, SESSION
from indicators.spec import Indicator

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, ANCHOR, FIRST, WIDTH = range(4)


@each_row
def session_open(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """That of the first bar."""
    session, value = float(now.time[SESSION, i]), now.bars[OPEN, i]
    if state[row, SEEN] >= 1.0 and state[row, ANCHOR] == session:
        value = state[row, FIRST]
    out[0, row] = value
    if commit:
        state[row, SEEN] = 1.0
        state[row, ANCHOR] = session
        state[row, FIRST] = value


def twin(bars: Bars) -> list[Series]:
    return [[float(bars.open[part][0]) for part in this_session(bars)]]


INDICATOR = Indicator(
    name="session_open",
    title="Session's open",
    formula="open of the session's first bar; the pre-market is a session of its own",
    inputs=("open",),
    parameters=(),
    outputs=("session_open",),
    kernel=session_open,
    twin=twin,
    width=lambda: WIDTH,
    warmup=lambda: (1,),
    scales=((1, 0),),
)

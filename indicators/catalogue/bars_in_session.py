"""Bars in the session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from indicators.jit import each_row
from indicators.naive import this_session
from indicators.ring import SESSION
from indicators.spec import Indicator

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

ANCHOR, COUNT, WIDTH = range(3)


@each_row
def bars_in_session(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """A count that starts anew with every session."""
    session, count = float(now.time[SESSION, i]), 1.0
    if state[row, ANCHOR] == session:
        count += state[row, COUNT]
    out[0, row] = count
    if commit:
        state[row, ANCHOR] = session
        state[row, COUNT] = count


def twin(bars: Bars) -> list[Series]:
    return [[float(part.stop - part.start) for part in this_session(bars)]]


INDICATOR = Indicator(
    name="bars_in_session",
    title="Bars in the session",
    formula="number of bars since the session began, this one among them; a silent minute is no bar, and the "
    "pre-market is a session of its own",
    inputs=("session",),
    parameters=(),
    outputs=("bars",),
    kernel=bars_in_session,
    twin=twin,
    width=lambda: WIDTH,
    warmup=lambda: (1,),
    scales=((0, 0),),
)

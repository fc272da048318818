"""Session's volume."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from indicators.jit import each_row
from indicators.naive import this_session
from indicators.ring import SESSION, VOLUME
from indicators.spec import Indicator

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, ANCHOR, SUM, WIDTH = range(4)


@each_row
def session_volume(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """A sum that starts anew with every session: nothing leaves it, so nothing can drift."""
    session, value = float(now.time[SESSION, i]), now.bars[VOLUME, i]
    if state[row, SEEN] >= 1.0 and state[row, ANCHOR] == session:
        value = value + state[row, SUM]
    out[0, row] = value
    if commit:
        state[row, SEEN] = 1.0
        state[row, ANCHOR] = session
        state[row, SUM] = value


def twin(bars: Bars) -> list[Series]:
    return [[math.fsum(bars.volume[part]) for part in this_session(bars)]]


INDICATOR = Indicator(
    name="session_volume",
    title="Session's volume",
    formula="sum of volume since the session began, this bar among them; the pre-market is a session of its own",
    inputs=("volume",),
    parameters=(),
    outputs=("session_volume",),
    kernel=session_volume,
    twin=twin,
    width=lambda: WIDTH,
    warmup=lambda: (1,),
    scales=((0, 1),),
)

"""Gap."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indicators.jit import each_row
from indicators.naive import divided
from indicators.ring import OPEN, PREVIOUS_CLOSE, SESSION
from indicators.spec import Indicator

if TYPE_CHECKING:
    from indicators.jit import Step
    from indicators.naive import Bars, Series
    from indicators.types import Floats

SEEN, ANCHOR, FIRST, WIDTH = range(4)


@each_row
def gap(i: int, row: int, now: Step, state: Floats, out: Floats, commit: bool) -> None:
    """The session's first open is kept, the close of the day before comes with every bar."""
    session, before = float(now.time[SESSION, i]), now.outside[PREVIOUS_CLOSE, i]
    goes_on = state[row, SEEN] >= 1.0 and state[row, ANCHOR] == session
    first = state[row, FIRST] if goes_on else now.bars[OPEN, i]
    out[0, row] = 100.0 * (first - before) / before if before > 0.0 else np.nan
    if commit:
        state[row, SEEN] = 1.0
        state[row, ANCHOR] = session
        state[row, FIRST] = first


def twin(bars: Bars) -> list[Series]:
    first = {session: t for t, session in reversed(list(enumerate(bars.session)))}
    opens = [bars.open[first[session]] for session in bars.session]
    return [[divided(100 * (o - c), c) for o, c in zip(opens, bars.previous_close, strict=True)]]


INDICATOR = Indicator(
    name="gap",
    title="Gap",
    formula="100 * (open of the session's first bar / official close of the day before - 1), in percent, the same all "
    "session long; the pre-market has a gap of its own",
    inputs=("open", "previous close"),
    parameters=(),
    outputs=("gap",),
    kernel=gap,
    twin=twin,
    width=lambda: WIDTH,
    warmup=lambda: (1,),
    undefined="the official close of the day before is not known",
    scales=((0, 0),),
)

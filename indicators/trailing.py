"""A stop that trails the price: two bands that only tighten, and the side on which the price is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from indicators.jit import inlined

if TYPE_CHECKING:
    from indicators.naive import Series
    from indicators.types import Floats

COLUMNS = 3
"""State: upper band, lower band, direction (0 before the first)."""

ROUNDING = 1e-12
"""A close that differs from a band by less than this share stands on it: bands are means, closes are ticks."""


@inlined
def _beyond(a: float, b: float) -> bool:
    return a - b > ROUNDING * abs(a)


@inlined
def trail(
    state: Floats, row: int, base: int, upper: float, lower: float, close: float, last: float, rises: bool, commit: bool
) -> tuple[float, float]:
    """The stop and the direction: 1 with the stop below the price, -1 with the stop above.

    Args:
        state: ``float64[capacity, width]``.
        row: row of the symbol.
        base: first of the three columns.
        upper: where this bar alone would put the upper band.
        lower: where this bar alone would put the lower band.
        close: of this bar.
        last: close of the bar before.
        rises: the direction to start with is up.
        commit: keep the new state.
    """
    upper_before, lower_before, direction = state[row, base], state[row, base + 1], state[row, base + 2]
    if direction == 0.0:
        direction = 1.0 if rises else -1.0
    else:
        upper = upper if _beyond(last, upper_before) else min(upper, upper_before)
        lower = lower if _beyond(lower_before, last) else max(lower, lower_before)
    if _beyond(close, upper) if direction < 0.0 else _beyond(lower, close):
        direction = -direction
    if commit:
        state[row, base] = upper
        state[row, base + 1] = lower
        state[row, base + 2] = direction
    return (lower if direction > 0.0 else upper), direction


def trail_twin(uppers: Series, lowers: Series, close: Series, start: int, rises: bool) -> list[Series]:
    """Stop and direction from the bar `start` on, the bands of each bar alone given."""
    nothing = [float("nan")] * start
    stops, directions = list(nothing), list(nothing)
    upper, lower, up = uppers[start], lowers[start], rises
    for t in range(start, len(close)):
        on = 1e-9 * close[t]
        if t > start:
            broke_out, broke_down = close[t - 1] > upper + on, close[t - 1] < lower - on
            upper = uppers[t] if broke_out or uppers[t] < upper else upper
            lower = lowers[t] if broke_down or lowers[t] > lower else lower
        up = close[t] >= lower - on if up else close[t] > upper + on
        stops.append(lower if up else upper)
        directions.append(1.0 if up else -1.0)
    return [stops[: len(close)], directions[: len(close)]]

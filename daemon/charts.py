"""Pictures: a symbol's price around an alert. Pure; matplotlib is imported where a picture is drawn.

Every picture has a background of its own, so that it reads the same in a dark window and in a light one. Figures are
objects that nobody else knows of, so that several threads may draw at once.
"""

from __future__ import annotations

import io
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from streams.types import Floats, Longs

NEW_YORK = ZoneInfo("America/New_York")

MINUTE_MS = 60_000
PAUSE_MS = 15 * MINUTE_MS
"""A longer time without a bar is drawn as one of this length: nights take no room."""

STEPS_MINUTES = (1, 5, 10, 15, 30, 60, 120, 240, 480, 1440)
"""Distances that ticks of time may have."""

MOST_TICKS = 5
LONGEST_TITLE = 46
"""Characters; what is longer would run out of the picture."""


class Ink(NamedTuple):
    """Colours of a picture."""

    ground: str
    text: str
    faint: str
    line: str
    mark: str


NIGHT = Ink("#16202c", "#e8eef5", "#3a4a5c", "#6cb6ff", "#ffb454")


def price(minute_ms: Sequence[int], closes: Sequence[float], mark_ms: int, title: str) -> bytes:
    """A symbol's price around an alert, small enough for chat: a PNG of 600 by 300 pixels, some 15 kB.

    Args:
        minute_ms: starts of minutes, ascending, milliseconds since the epoch, UTC.
        closes: price of each; those that are not finite are left out.
        mark_ms: start of the minute to be marked; outside of the others none is.
        title: one line; what is too long is cut off, what the font lacks is left out.

    Returns:
        The picture. Cost: some 60 ms, and half a second more the first time.
    """
    at_ms, values = np.asarray(minute_ms, np.int64), np.asarray(closes, np.float64)
    known = np.isfinite(values)
    figure, axes = _card(title)
    if known.any():
        _draw_price(axes, at_ms[known], values[known], mark_ms)
    else:
        _say_empty(axes, "no bars of this time", NIGHT)
    return png(figure)


def _card(title: str) -> tuple[Figure, Axes]:
    """An empty dark picture with its title, and price on the right, where the newest is."""
    from matplotlib.figure import Figure  # noqa: PLC0415 (half a second)

    figure = Figure(figsize=(6.0, 3.0), dpi=100, facecolor=NIGHT.ground)
    axes = figure.add_axes((0.035, 0.155, 0.825, 0.695), facecolor=NIGHT.ground)
    figure.text(0.035, 0.965, drawable(title), color=NIGHT.text, size=13, weight="bold", va="top", parse_math=False)
    axes.yaxis.tick_right()
    axes.tick_params(colors=NIGHT.text, labelsize=11, length=0, pad=5)
    axes.grid(visible=True, color=NIGHT.faint, linewidth=0.6)
    axes.set_axisbelow(True)
    for side in axes.spines.values():
        side.set_visible(False)
    return figure, axes


def _draw_price(axes: Axes, at_ms: Longs, values: Floats, mark_ms: int) -> None:
    places = _places(at_ms)
    low, high = float(values.min()), float(values.max())
    room = (high - low) * 0.12 or abs(high) * 0.01 or 1.0
    axes.set_ylim(low - room, high + room)
    axes.set_xlim(places[0] - 1, places[-1] + 1)
    axes.plot(places, values, color=NIGHT.line, linewidth=2.0, marker="o" if len(values) == 1 else "")
    axes.fill_between(places, values, low - room, color=NIGHT.line, alpha=0.12, linewidth=0)
    if at_ms[0] <= mark_ms <= at_ms[-1]:
        _draw_mark(axes, float(np.interp(mark_ms, at_ms, places)), float(np.interp(mark_ms, at_ms, values)))
    _label_prices(axes, high)
    _label_times(axes, at_ms, places)


def _draw_mark(axes: Axes, place: float, value: float) -> None:
    axes.axvline(place, color=NIGHT.mark, linewidth=1.2, linestyle=(0, (4, 3)))
    axes.plot([place], [value], color=NIGHT.mark, marker="o", markersize=8, markeredgecolor=NIGHT.ground)


def _label_prices(axes: Axes, high: float) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator  # noqa: PLC0415

    low_end, high_end = axes.get_ylim()
    axes.yaxis.set_major_locator(MaxNLocator(4))
    digits = 4 if high < 1 else 2
    if high >= 1000 and high_end - low_end >= MOST_TICKS:  # noqa: PLR2004 - where cents say nothing
        digits = 0
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.{digits}f}"))


def _label_times(axes: Axes, at_ms: Longs, places: Floats) -> None:
    """Round times of New York below, and the day, or the days, at the right end."""
    ticks_ms = _round_times(at_ms)
    axes.set_xticks(np.interp(ticks_ms, at_ms, places), [f"{_new_york(ms):%H:%M}" for ms in ticks_ms])
    first, last = _new_york(int(at_ms[0])), _new_york(int(at_ms[-1]))
    days = f"{last:%-d %b}" if first.date() == last.date() else f"{first:%-d %b}\nto {last:%-d %b}"
    axes.annotate(days, (1.01, 0), (4, -6), "axes fraction", "offset points", color=NIGHT.text, size=10, va="top")


def _round_times(at_ms: Longs) -> Longs:
    """Up to `MOST_TICKS` round times within bars, none in a pause."""
    first, last = _new_york(int(at_ms[0])), int(at_ms[-1])
    midnight_ms = int(first.replace(hour=0, minute=0, second=0, microsecond=0).timestamp() * 1000)
    for step in STEPS_MINUTES:
        ticks_ms = np.arange(midnight_ms, last + 1, step * MINUTE_MS)
        ticks_ms = ticks_ms[ticks_ms >= at_ms[0]]
        after = np.searchsorted(at_ms, ticks_ms)
        ticks_ms = ticks_ms[at_ms[after] - at_ms[np.maximum(after - 1, 0)] <= PAUSE_MS]
        if len(ticks_ms) <= MOST_TICKS:
            break
    return ticks_ms[:MOST_TICKS]


def _places(at_ms: Longs) -> Floats:
    """Where each bar stands, in minutes from the first one, pauses cut short."""
    gone_ms = np.minimum(np.diff(at_ms, prepend=at_ms[:1]), PAUSE_MS)
    return np.cumsum(gone_ms) / MINUTE_MS


def _say_empty(axes: Axes, text: str, ink: Ink) -> None:
    axes.set_axis_off()
    axes.text(0.5, 0.5, text, color=ink.text, size=12, ha="center", va="center", transform=axes.transAxes)


def _new_york(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, NEW_YORK)


def drawable(text: str) -> str:
    """One line without what the font has no picture of, cut to `LONGEST_TITLE`."""
    line = " ".join("".join(sign if ord(sign) in _signs() else " " for sign in text).split())
    return line if len(line) <= LONGEST_TITLE else line[: LONGEST_TITLE - 1].rstrip() + "…"


@cache
def _signs() -> frozenset[int]:
    """What the font knows."""
    from matplotlib.font_manager import findfont, get_font  # noqa: PLC0415

    return frozenset(get_font(findfont("DejaVu Sans")).get_charmap())


def png(figure: Figure) -> bytes:
    """The same bytes for the same picture."""
    file = io.BytesIO()
    figure.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()

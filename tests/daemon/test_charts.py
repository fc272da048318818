"""Pictures are valid, of the size that was promised, and take whatever they are given."""

from __future__ import annotations

import math
import struct
import threading

import numpy as np
import pytest

from daemon import charts

OPEN = 1_737_988_200_000
"""2025-01-27, 09:30 in New York."""
MINUTE = 60_000


def size(png: bytes) -> tuple[int, int]:
    """Width and height, by the first part of the file."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    assert png[-8:-4] == b"IEND"
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def walk(bars: int) -> tuple[list[int], list[float]]:
    moves = np.random.default_rng(1).normal(0, 0.2, bars)
    return [OPEN + k * MINUTE for k in range(bars)], (100 + np.cumsum(moves)).tolist()


def test_the_price_around_an_alert_is_a_small_png() -> None:
    minutes, closes = walk(80)
    picture = charts.price(minutes, closes, minutes[60], "NVDA vwap-reclaim 118.42 +2.1 %")
    assert size(picture) == (600, 300)
    assert len(picture) < 60_000


def test_the_same_bars_give_the_same_picture_and_the_mark_is_in_it() -> None:
    minutes, closes = walk(40)
    marked = charts.price(minutes, closes, minutes[20], "A")
    assert charts.price(minutes, closes, minutes[20], "A") == marked
    assert charts.price(minutes, closes, minutes[21], "A") != marked
    assert charts.price(minutes, closes, minutes[-1] + 10 * MINUTE, "A") != marked


@pytest.mark.parametrize(
    ("minutes", "closes"),
    [
        ([], []),
        ([OPEN], [10.0]),
        ([OPEN, OPEN + MINUTE], [0.0, 0.0]),
        ([OPEN, OPEN + MINUTE, OPEN + 2 * MINUTE], [math.nan, 10.0, math.inf]),
        ([OPEN, OPEN + MINUTE], [math.nan, math.nan]),
        ([OPEN, OPEN + 6 * 3_600_000, OPEN + 3 * 86_400_000], [0.0001, 0.0002, 0.0001]),
        ([OPEN, OPEN + MINUTE], [650_000.0, 700_000.0]),
    ],
)
def test_few_strange_or_no_bars_have_a_picture_too(minutes: list[int], closes: list[float]) -> None:
    assert size(charts.price(minutes, closes, OPEN, "X")) == (600, 300)


@pytest.mark.parametrize("title", ["", "$12 to $13_a^{", "日本 🚀 <!channel>", "x" * 500, "two\nlines\x00"])
def test_no_title_is_taken_for_a_formula_or_breaks_the_picture(title: str) -> None:
    minutes, closes = walk(5)
    assert size(charts.price(minutes, closes, OPEN, title)) == (600, 300)


def test_what_the_font_lacks_is_left_out_and_what_is_too_long_is_cut() -> None:
    assert charts.drawable("NVDA 日本 halted\nnow") == "NVDA halted now"
    assert len(charts.drawable("x" * 500)) == charts.LONGEST_TITLE


def test_times_are_new_yorks_at_round_minutes_and_none_lies_in_the_night() -> None:
    minutes = [OPEN + k * MINUTE for k in range(390)] + [OPEN + 86_400_000 + k * MINUTE for k in range(390)]
    times = [f"{charts._new_york(ms):%d %H:%M}" for ms in charts._round_times(np.array(minutes)).tolist()]
    assert times == ["27 12:00", "28 12:00"]
    short = [f"{charts._new_york(ms):%H:%M}" for ms in charts._round_times(np.array(minutes[:20])).tolist()]
    assert short == ["09:30", "09:35", "09:40", "09:45"]


def test_several_threads_draw_at_once() -> None:
    minutes, closes = walk(40)
    expected, drawn = charts.price(minutes, closes, OPEN, "A"), []
    threads = [
        threading.Thread(target=lambda: drawn.append(charts.price(minutes, closes, OPEN, "A"))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert drawn == [expected] * 4

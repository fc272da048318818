from __future__ import annotations

import numpy as np

from streams.simulator.book import Book
from streams.simulator.irregular import Irregularity, irregular
from streams.simulator.market import SyntheticMarket
from streams.simulator.tape import emissions
from tests.streams.simulator.market_of import MONDAY, TUESDAY, Bar, book_of, minutes, ms

EVER = (0, 1 << 60)


def test_minutes_come_back_in_order_however_they_came() -> None:
    book = Book()
    for minute in reversed(list(minutes([Bar("A", "09:30"), Bar("B", "09:31"), Bar("A", "09:32", 5)]))):
        book.add(minute.minutes)
    assert book.minutes(b"A", *EVER).start_ms.tolist() == [ms("09:30"), ms("09:32")]
    summary = book.summary(20157)
    assert summary is not None
    assert summary.regular[:4, 0].tolist() == [10, 12, 4, 11]


def test_a_bar_that_comes_again_replaces_the_earlier_one() -> None:
    book = book_of(Bar("A", "09:30", 10, 11))
    for minute in minutes([Bar("A", "09:30", 10, 15, 300)]):
        book.add(minute.minutes)
    bars = book.minutes(b"A", *EVER)
    assert bars.values[[3, 4]].tolist() == [[15], [300]]
    assert book.summary(20157).regular[[3, 4], 0].tolist() == [15, 300]  # type: ignore[union-attr]


def test_an_untidy_feed_ends_in_the_same_book() -> None:
    market = SyntheticMarket(40, seed=2)
    tape = [emission for _, emission in zip(range(600), emissions(market.minutes()), strict=False)]
    tidy, untidy = Book(), Book()
    for emission in tape:
        if emission.prefix == "AM":
            tidy.add(emission.prints)
    for emission in irregular(tape, Irregularity(late=0.1, revised=0.2)):
        if emission.prefix == "AM":
            untidy.add(emission.prints)
    assert untidy.rows > tidy.rows
    for symbol in tidy.symbols:
        np.testing.assert_array_equal(tidy.minutes(symbol, *EVER).values, untidy.minutes(symbol, *EVER).values)
        ours, theirs = (book.summary(20157).regular[:, book.position(symbol)] for book in (tidy, untidy))  # type: ignore[union-attr]
        np.testing.assert_array_equal(ours, theirs)


def test_a_full_book_forgets_the_minutes_of_its_oldest_day_but_not_the_day() -> None:
    book = Book(most_rows=2)
    bars = [Bar("A", "09:30"), Bar("A", "09:31"), Bar("A", "09:30", day=TUESDAY)]
    for minute in minutes(bars):
        book.add(minute.minutes)
    assert book.rows == 1
    assert book.minutes(b"A", *EVER).start_ms.tolist() == [ms("09:30", TUESDAY)]
    assert len(book.days) == 2
    assert book.summary(book.days[0]).regular[3, 0] == 11  # type: ignore[union-attr]


def test_an_unknown_symbol_has_no_minutes() -> None:
    assert book_of(Bar("A", "09:30", day=MONDAY)).minutes(b"B", *EVER).start_ms.size == 0

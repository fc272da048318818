import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.dataplane.planner import FetchPlan, Known, Range, fetch_plan, missing
from streams.bars import SYMBOL
from streams.dailyfile import DailyBars

SYMBOLS = np.array([b"A", b"B", b"C", b"D"], SYMBOL)
DAYS = np.array([100, 101, 102, 105, 106])
NO_DAYS = np.zeros(0, np.int64)


def bars(*cells: tuple[bytes, int]) -> DailyBars:
    cells = tuple(sorted(cells))
    symbol, day = [c[0] for c in cells], [c[1] for c in cells]
    return DailyBars(np.array(symbol, SYMBOL), np.array(day, np.int64), np.ones((5, len(cells))), 0)


NOTHING = Known(bars(), NO_DAYS, ())


def fetched(known: Known, plan: FetchPlan) -> Known:
    """What is known after the plan's calls, if nothing traded at all."""
    return Known(known.bars, np.union1d(known.days, plan.days).astype(np.int64), [*known.ranges, *plan.ranges])


cells = st.sets(st.tuples(st.sampled_from([b"A", b"B", b"C", b"D", b"E"]), st.integers(99, 107)))
spans = st.lists(
    st.tuples(st.sampled_from([b"A", b"B", b"Z"]), st.integers(99, 107), st.integers(0, 8)).map(
        lambda s: Range(s[0], s[1], s[1] + s[2])
    ),
    max_size=3,
)


@settings(deadline=None)  # the first loads scipy
@given(cells, st.sets(st.integers(99, 107)), spans)
def test_after_a_plan_nothing_is_missing_and_nothing_is_asked_again(
    have: set[tuple[bytes, int]], days: set[int], ranges: list[Range]
) -> None:
    known = Known(bars(*have), np.array(sorted(days), np.int64), ranges)
    plan = fetch_plan(SYMBOLS, DAYS, known)
    assert not set(plan.days) & days
    again = fetched(known, plan)
    assert not missing(SYMBOLS, DAYS, again).any()
    assert fetch_plan(SYMBOLS, DAYS, again).calls == 0


def test_a_market_that_knows_nothing_asks_for_whole_days_only_where_they_are_fewer() -> None:
    few = fetch_plan(SYMBOLS[:2], DAYS, NOTHING)
    assert (few.days, few.ranges) == ((), (Range(b"A", 100, 106), Range(b"B", 100, 106)))
    many = fetch_plan(np.array([f"S{k}" for k in range(10)], SYMBOL), DAYS, NOTHING)
    assert (many.days, many.ranges) == (tuple(DAYS), ())


def test_a_symbol_is_asked_over_the_span_of_what_it_misses() -> None:
    known = Known(bars((b"A", 100), (b"A", 102), (b"A", 106)), NO_DAYS, ())
    assert fetch_plan(SYMBOLS[:1], DAYS, known).ranges == (Range(b"A", 101, 105),)


def test_today_is_one_call_for_all() -> None:
    everything = Known(bars(), DAYS, ())
    assert fetch_plan(SYMBOLS, DAYS, everything, today=True) == FetchPlan(snapshot=True, days=(), ranges=(), cells=0)
    assert fetch_plan(SYMBOLS[:0], DAYS, everything, today=True).calls == 0


def test_a_plan_says_what_it_asks_and_for_what() -> None:
    plan = fetch_plan(SYMBOLS[:1], DAYS, Known(bars((b"A", 100)), NO_DAYS, ()), today=True)
    assert plan.explain().splitlines() == [
        "2 calls, the fewest there can be:",
        "  1 snapshot of the market: today so far",
        "  1 symbol, all missing days each: A 1970-04-12..1970-04-17",
        "  which tell 4 days of single symbols, or that they did not trade",
    ]
    assert fetch_plan(SYMBOLS, DAYS, Known(bars(), DAYS, ())).explain() == "nothing is missing: no call"


def test_a_long_plan_is_summed_up() -> None:
    days = np.arange(1_000, 1_250)
    plan = fetch_plan(np.array([f"S{k}" for k in range(900)], SYMBOL), days, NOTHING)
    assert plan.explain().splitlines()[1].endswith(", 1972-10-01 and 245 more")

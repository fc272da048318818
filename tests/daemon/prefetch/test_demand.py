from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.prefetch.demand import COLUMNS, HABIT_MS, HALF_LIFE_MS, MINUTE_MS, QUIET_MS, Candidates, Demand

T0 = 1_736_000_000_000
ANY = st.floats(allow_nan=True, allow_infinity=True)


def names(*symbols: str) -> np.ndarray:
    return np.array(symbols, "S16")


def candidates(*symbols: str, **columns: list[float]) -> Candidates:
    blank = np.full(len(symbols), np.nan)
    known = {name: np.array(column) for name, column in columns.items()}
    sector = known.pop("sector", np.full(len(symbols), -1))
    filled = [known.get(name, blank) for name in ("score", "distance", "move", "relative_volume")]
    return Candidates(names(*symbols), *filled, sector)


def column(found: np.ndarray, name: str) -> list[float]:
    return found[:, COLUMNS.index(name)].tolist()


def test_a_look_counts_half_after_ten_minutes_of_market_time() -> None:
    demand = Demand()
    demand.look(names("NVDA", "NVDA", "AMD"), T0)
    assert demand.looks(names("AMD", "NVDA", "TSM"), T0).tolist() == [1.0, 2.0, 0.0]
    assert demand.looks(names("AMD", "NVDA", "TSM"), T0 + HALF_LIFE_MS).tolist() == [0.5, 1.0, 0.0]


@given(st.lists(st.tuples(st.sampled_from("ABC"), st.integers(0, 3_600_000)), max_size=20), st.integers(0, 3_600_000))
def test_decayed_looks_are_the_sum_of_each_look_decayed(looks: list[tuple[str, int]], after_ms: int) -> None:
    demand = Demand()
    for symbol, at_ms in sorted(looks, key=lambda look: look[1]):
        demand.look(names(symbol), T0 + at_ms)
    now_ms = 3_600_000 + after_ms
    expected = [sum(0.5 ** ((now_ms - at) / HALF_LIFE_MS) for name, at in looks if name == symbol) for symbol in "ABC"]
    assert demand.looks(names(*"ABC"), T0 + now_ms) == pytest.approx(expected, rel=1e-9)


@given(st.lists(st.tuples(ANY, ANY, ANY, ANY, st.integers(-5, 5)), min_size=1, max_size=12))
def test_whatever_the_market_shows_the_columns_stay_bounded(rows: list[tuple[float, float, float, float, int]]) -> None:
    score, distance, move, volume, sector = (np.array(part) for part in zip(*rows, strict=True))
    some = Candidates(names(*(f"S{i}" for i in range(len(rows)))), score, distance, move, volume, sector)
    found = Demand(sectors=3).columns(some, T0)
    rest = found[:, 1:]
    assert found.flags.c_contiguous
    assert (np.isnan(rest) | (np.abs(rest) <= 5)).all()
    assert not np.isnan(np.delete(rest, COLUMNS.index("relative_volume") - 1, axis=1)).any()


def test_what_is_not_known_is_far_and_does_not_move() -> None:
    found = Demand().columns(candidates("A", "B", distance=[np.nan, 0.25], move=[np.nan, 0.1]), T0)
    assert column(found, "distance") == [1.0, 0.5]
    assert column(found, "move")[0] == 0.0


def test_the_largest_move_ranks_highest_whichever_way_it_goes() -> None:
    found = Demand().columns(candidates("A", "B", "C", move=[0.01, -0.2, 0.05]), T0)
    assert column(found, "move") == [0.0, 1.0, 0.5]


def test_an_alert_makes_its_sector_loud_and_no_other() -> None:
    demand = Demand(sectors=2)
    demand.alert(np.array([1, -1, 7]), T0)
    some = candidates("A", "B", "C", sector=[1, 0, -1])
    assert column(demand.columns(some, T0), "sector") == pytest.approx([1.0, 0.0, 0.0], abs=1e-9)
    assert column(demand.columns(some, T0 + QUIET_MS), "sector") == pytest.approx([0.5, 0.0, 0.0], abs=1e-9)


def test_more_symbols_than_are_remembered_are_left_out() -> None:
    demand = Demand(most_symbols=1)
    demand.look(names("A", "B", "A"), T0)
    assert demand.looks(names("A", "B"), T0).tolist() == [2.0, 0.0]


def test_it_goes_on_bit_for_bit_where_it_was_saved() -> None:
    demand, restored = Demand(sectors=2), Demand(sectors=2)
    demand.look(names("A", "B", "A"), T0)
    demand.alert(np.array([1]), T0 + MINUTE_MS)
    restored.load_arrays(demand.to_arrays())
    some = candidates("B", "A", "C", sector=[0, 1, 1])
    for one in (demand, restored):
        one.look(names("C", "A"), T0 + 3 * MINUTE_MS)
    later_ms = T0 + 7 * MINUTE_MS
    np.testing.assert_array_equal(demand.columns(some, later_ms), restored.columns(some, later_ms))


@pytest.mark.parametrize("spoil", ["absent", "longer", "twice", "infinite", "sectors"])
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(spoil: str) -> None:
    demand = Demand()
    demand.look(names("A", "B"), T0)
    arrays = demand.to_arrays()
    if spoil == "absent":
        del arrays["looks"]
    elif spoil == "longer":
        arrays["looks"] = np.ones(3)
    elif spoil == "twice":
        arrays["symbols"] = names("A", "A")
    elif spoil == "infinite":
        arrays["looks"] = np.array([np.inf, 1.0])
    else:
        arrays["alerted_ms"] = np.zeros(2, np.int64)
    with pytest.raises(ValueError, match="prefetch state"):
        demand.load_arrays(arrays)
    assert demand.looks(names("A", "B"), T0).tolist() == [1.0, 1.0]


def test_distance_is_told_by_who_is_nearer_than_the_others() -> None:
    found = Demand().columns(candidates("A", "B", "C", distance=[0.9, 0.001, 0.5]), T0)
    a, b, c = column(found, "distance")
    assert 0.0 <= b < c < a <= 1.0


def test_a_habit_lasts_for_days_where_a_look_lasts_for_minutes() -> None:
    demand = Demand()
    demand.look(np.array([b"A"], "S16"), T0)
    later = T0 + HABIT_MS
    assert demand.habit(np.array([b"A", b"B"], "S16"), later).tolist() == [0.5, 0.0]
    assert demand.looks(np.array([b"A"], "S16"), later)[0] < 1e-9

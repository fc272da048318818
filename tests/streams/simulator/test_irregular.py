from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import pytest

from streams.polygon.codec import Codec
from streams.simulator import wire
from streams.simulator.irregular import OPEN_FOR_MS, Irregularity, irregular
from streams.simulator.market import SyntheticMarket
from streams.simulator.tape import emissions

if TYPE_CHECKING:
    from streams.simulator.tape import Emission

Bars = dict[tuple[str, bytes, int], list[list[float]]]


@cache
def tidy() -> list[Emission]:
    minutes = [minute for _, minute in zip(range(20), SyntheticMarket(200, seed=3).minutes(), strict=False)]
    return list(emissions(minutes))


def said(out: list[Emission]) -> Bars:
    """What was said of every bar, in order."""
    bars: Bars = {}
    for emission in out:
        batch = emission.prints.bars
        for symbol, start, *values in zip(
            batch.symbol.tolist(), batch.start_ms.tolist(), *batch.values[:7].tolist(), strict=True
        ):
            bars.setdefault((emission.prefix, symbol, start), []).append(values)
    return bars


def test_what_is_said_last_of_a_bar_is_what_it_was() -> None:
    whole, untidy = said(tidy()), said(list(irregular(tidy(), Irregularity())))
    assert untidy.keys() == whole.keys()
    assert all(untidy[key][-1] == values for key, (values,) in whole.items())


def test_about_as_many_bars_are_revised_as_asked() -> None:
    untidy = said(list(irregular(tidy(), Irregularity(revised=0.1))))
    assert sum(len(values) == 2 for values in untidy.values()) / len(untidy) == pytest.approx(0.1, rel=0.2)
    assert max(map(len, untidy.values())) == 2


def test_a_revision_adds_shares_and_never_lowers_the_high() -> None:
    for first, *again in said(list(irregular(tidy(), Irregularity(revised=0.1)))).values():
        for last in again:
            assert last[4] >= first[4]
            assert last[1] >= first[1]


def test_emissions_stay_in_order_of_due_time_and_bars_do_not_stay_in_order_of_start() -> None:
    out = list(irregular(tidy(), Irregularity()))
    due = [emission.due_ms for emission in out]
    starts = [int(emission.prints.bars.start_ms[0]) for emission in out if emission.prefix == "A"]
    assert due == sorted(due)
    assert starts != sorted(starts)


def test_no_bar_changes_after_it_has_closed() -> None:
    for emission in irregular(tidy(), Irregularity(late=0.05, revised=0.1)):
        assert emission.due_ms - emission.prints.bars.start_ms.min() <= OPEN_FOR_MS


def test_untidiness_is_repeatable_by_seed() -> None:
    one, two, other = (said(list(irregular(tidy(), Irregularity(seed=seed)))) for seed in (1, 1, 2))
    assert one == two
    assert one != other


def test_every_bar_said_keeps_the_laws_of_the_feed() -> None:
    codec = Codec()
    for emission in irregular(tidy(), Irregularity(revised=0.3)):
        assert not codec.decode(wire.frame(wire.events(emission)), emission.due_ms).rejects

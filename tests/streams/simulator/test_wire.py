from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from streams.bars import MINUTE_MS, SYMBOL, BarBatch
from streams.simulator import wire
from streams.simulator.tape import Emission, Prints

T0 = 1_735_828_200_000


def emission(size: int, prefix: str = "AM") -> Emission:
    rng = np.random.default_rng(5)
    values = rng.lognormal(3, 2, (9, size))
    symbol = np.array([f"S{k}.b" for k in range(size)], SYMBOL)
    start = np.full(size, T0)
    length = np.full(size, MINUTE_MS)
    bars = BarBatch(symbol, start, length, start + length, values)
    return Emission(T0 + 64_000, prefix, Prints(bars, np.arange(1, size + 1)))


def decoded(one: Emission) -> list[dict[str, Any]]:
    return [msgspec.json.decode(event) for event in wire.events(one)]


def test_every_number_comes_back_as_the_same_double() -> None:
    one = emission(500)
    events = decoded(one)
    for row, key in ((0, "o"), (1, "h"), (2, "l"), (3, "c"), (5, "vw"), (7, "op"), (8, "a")):
        assert [event[key] for event in events] == one.prints.bars.values[row].tolist()
    assert [float(event["dv"]) for event in events] == one.prints.bars.values[4].tolist()
    assert [float(event["dav"]) for event in events] == one.prints.bars.values[6].tolist()


def test_an_event_has_the_vendors_fields_in_its_order() -> None:
    (event,) = decoded(emission(1, "A"))
    keys = ["ev", "sym", "v", "av", "op", "vw", "o", "c", "h", "l", "a", "z", "s", "e", "dv", "dav"]
    assert list(event) == keys
    assert (event["ev"], event["sym"], event["s"], event["e"]) == ("A", "S0.b", T0, T0 + MINUTE_MS)


def test_volumes_are_cut_to_whole_shares_and_now_and_then_written_as_fractions() -> None:
    one = emission(wire.ODD_ONE * 2)
    events = decoded(one)
    assert [event["v"] for event in events] == np.floor(one.prints.bars.values[4]).tolist()
    assert [type(event["z"]) for event in events].count(float) == 2
    assert isinstance(events[wire.ODD_ONE - 1]["z"], float)


def test_what_is_not_known_is_left_out() -> None:
    one = emission(3)
    one.prints.bars.values[[5, 7, 8], 1] = np.nan
    first, second, third = decoded(one)
    assert {"vw", "op", "a"} & second.keys() == set()
    assert {"vw", "op", "a"} <= first.keys() & third.keys()


def test_an_old_feed_has_no_decimal_volumes() -> None:
    (event,) = wire.events(emission(1), decimals=False)
    assert {"v", "av"} <= (keys := msgspec.json.decode(event).keys())
    assert {"dv", "dav"} & keys == set()


def test_frames_hold_every_event_once_in_order() -> None:
    events = wire.events(emission(1_203))
    frames = wire.frames(events, 500)
    assert [len(msgspec.json.decode(frame)) for frame in frames] == [500, 500, 203]
    joined = [event for frame in frames for event in msgspec.json.decode(frame)]
    assert joined == [msgspec.json.decode(event) for event in events]


def test_the_longest_events_make_a_frame_below_the_clients_limit() -> None:
    one = emission(1)
    bars = one.prints.bars
    bars.symbol[0] = b"W" * 16
    bars.values[:] = np.nextafter(1e7, 0)
    bars.values[[4, 6]] = np.nextafter([[1e12], [1e13]], 0)
    (event,) = wire.events(one)
    assert (len(event) + 1) * wire.MOST_EVENTS < 1_000_000

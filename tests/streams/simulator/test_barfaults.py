"""Faults of bars, as a real client sees them; the market without faults is the measure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import aiohttp
import msgspec
import pytest

from streams.polygon.codec import Codec
from streams.polygon.messages import Reason
from streams.simulator.faultkinds import BAD
from streams.simulator.markettime import AS_FAST_AS_READ
from streams.simulator.schedule import Rate
from streams.simulator.spoiled import element
from tests.streams.simulator.feed_of import OPEN_MS, bars, clean, events, exchange, fault, frames, named

if TYPE_CHECKING:
    from tests.streams.simulator.feed_of import Exchange


def touched(running: Exchange) -> list[tuple[str, str, int]]:
    return [(bar["ev"], bar["sym"], bar["s"]) for record in running.records for bar in record["touched"]["bars"]]


async def test_late_bars_come_so_much_later_than_the_others() -> None:
    async with exchange(fault("late", "+30s", delay="20s", count=4, channel="A")) as running:
        got = named(bars(await events(await running.connect("A.*")), "A"))
    usual = named(bars(await clean("A.*"), "A"))
    assert sorted(got) == sorted(usual)
    assert got != usual
    assert len(touched(running)) == 4
    for late in touched(running):
        behind = next(bar for bar in got[got.index(late) :] if bar not in touched(running))
        assert behind[2] >= late[2] + 20_000 > OPEN_MS + 45_000
    assert [bar for bar in got if bar not in touched(running)] == [bar for bar in usual if bar not in touched(running)]


async def test_what_is_said_of_late_bars_is_when_they_are_sent() -> None:
    async with exchange(fault("late", "+30s", delay="20s", channel="A"), speed=600.0) as running:
        socket = await running.connect("A.*")
        seen: dict[tuple[str, str, int], int] = {}
        for frame in await frames_with_time(running, socket):
            seen |= frame
    (record,) = running.records
    (late,) = touched(running)
    assert record["touched"]["sent_ms"] == [late[2] + 1_000 + 2_000 + 20_000]
    assert record["touched"]["sent_ms"][0] <= seen[late] + 1


async def frames_with_time(running: Exchange, socket: Any) -> list[dict[tuple[str, str, int], int]]:
    """Each frame's bars with market time at which they were read."""
    found = []
    async for frame in socket:
        now_ms = running.simulator.now_ms()
        found.append(dict.fromkeys(named([each for each in msgspec.json.decode(frame) if "sym" in each]), now_ms))
    return found


async def test_duplicates_are_the_same_bars_once_more() -> None:
    async with exchange(fault("duplicate", "+30s", count=5), fault("duplicate", "+1m", delay="9s")) as running:
        got = bars(await events(await running.connect("A.*")), "A")
    usual = bars(await clean("A.*"), "A")
    more = [bar for place, bar in enumerate(got) if bar in got[:place]]
    assert sorted(named(more)) == sorted(touched(running))
    assert len(got) == len(usual) + 6
    assert [bar for bar in usual if bar not in got] == []


async def test_a_revised_bar_comes_wrong_first_and_whole_later_with_the_same_start() -> None:
    async with exchange(fault("revised", "+10s", delay="70s", lasting="1m", channel="AM")) as running:
        got = bars(await events(await running.connect("AM.*")))
    usual = {(bar["sym"], bar["s"]): bar for bar in bars(await clean("AM.*"))}
    versions: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for bar in got:
        versions.setdefault((bar["sym"], bar["s"]), []).append(bar)
    revised = {key: said for key, said in versions.items() if len(said) > 1}
    assert sorted(key for key in revised) == sorted((sym, start) for _, sym, start in touched(running))
    assert revised
    assert {key: said[-1] for key, said in versions.items()} == usual
    assert all(first["v"] < last["v"] and first["s"] == last["s"] for first, last in revised.values())


async def test_disorder_moves_bars_within_its_bound_and_loses_none() -> None:
    async with exchange(fault("disorder", "+0s", within="3s", lasting="2m")) as running:
        got = named(bars(await events(await running.connect("A.*")), "A"))
    usual = named(bars(await clean("A.*"), "A"))
    assert got != usual
    assert sorted(got) == sorted(usual)
    behind = [max(start for _, _, start in got[: place + 1]) - got[place][2] for place in range(len(got))]
    assert 0 < max(behind) <= 3_000
    in_force = [record for record in running.records if record["market_ms"] < OPEN_MS + 120_000]
    assert in_force == running.records


async def test_dropped_bars_never_come_and_rest_has_them() -> None:
    async with exchange(
        fault("drop", "+30s", count=3, channel="AM"), on_end="silence", speed=6_000.0, minutes=3
    ) as running:
        socket = await running.connect("AM.*")
        await running.simulator.wait_finished()
        await socket.close()
        got = named(bars(await events(socket)))
        usual = named(bars(await clean("AM.*")))
        assert sorted({*usual} - {*got}) == sorted(touched(running))
        assert len(touched(running)) == 3
        for _, symbol, start_ms in touched(running):
            assert await by_rest(running, symbol, start_ms)


async def by_rest(running: Exchange, symbol: str, start_ms: int) -> list[dict[str, Any]]:
    path = f"/v2/aggs/ticker/{symbol}/range/1/minute/{start_ms}/{start_ms}"
    url = f"http://127.0.0.1:{running.simulator.port}{path}"
    async with aiohttp.ClientSession() as http, http.get(url) as response:
        document: dict[str, Any] = await response.json()
        return document.get("results") or []


@pytest.mark.parametrize("how", BAD)
async def test_a_bad_element_stands_beside_good_ones_and_costs_none(how: str) -> None:
    async with exchange(fault("bad", "+30s", how=how, count=7)) as running:
        raw = await frames(await running.connect("A.*"))
    usual = named(bars(await clean("A.*"), "A"))
    codec, kept, rejected = Codec(), 0, 0
    for frame in raw:
        decoded = codec.decode(frame, 0)
        kept += decoded.bars.size
        rejected += sum(reject.count for reject in decoded.rejects.values())
    assert len(touched(running)) == rejected == 7
    assert kept == len(usual)


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("nan", Reason.MALFORMED),
        ("negative", Reason.PRICE),
        ("text", Reason.TYPE),
        ("high_below_low", Reason.OHLC),
        ("huge", Reason.PRICE),
        ("year_1970", Reason.TIME),
        ("year_9999", Reason.TIME),
        ("long_number", Reason.TYPE),
        ("symbol", Reason.SYMBOL),
    ],
)
def test_every_bad_element_breaks_a_law_of_its_own(how: str, reason: Reason) -> None:
    good = (
        b'{"ev":"A","sym":"ZZTOP","v":312,"av":1840022,"op":12.05,"vw":12.4107,"o":12.40,"c":12.42,"h":12.43,'
        b'"l":12.39,"a":12.2231,"z":26,"s":1763735401000,"e":1763735402000}'
    )
    decoded = Codec().decode(b"[" + good + b"," + element(good, how) + b"]", 0)
    assert decoded.bars.size == 1
    assert {why: reject.count for why, reject in decoded.rejects.items()} == {reason: 1}


async def test_a_flood_holds_everything_back_and_invents_symbols() -> None:
    flood = fault("flood", "+30s", lasting="40s", invented=50)
    async with exchange(flood, frame_events=2_000, speed=600.0) as running:
        socket = await running.connect("A.*", "AM.*")
        seen = await frames_with_time(running, socket)
    arrivals = {bar: at_ms for frame in seen for bar, at_ms in frame.items()}
    usual = {*named([bar for bar in await clean("A.*", "AM.*") if "sym" in bar])}
    invented = {bar for bar in arrivals if bar not in usual}
    assert usual <= {*arrivals}
    assert len(invented) == 50 == len({symbol for _, symbol, _ in invented})
    held = [at_ms for bar, at_ms in arrivals.items() if bar[0] == "A" and 27_000 <= bar[2] - OPEN_MS < 67_000]
    assert len(held) > 90
    assert min(held) >= OPEN_MS + 70_000 - 1
    assert running.records[0]["touched"] == {"held_until_ms": OPEN_MS + 70_000}
    assert running.records[1]["touched"]["invented"] == 50


async def test_a_halt_is_told_in_nanoseconds_and_the_symbol_is_silent_until_it_resumes() -> None:
    symbol = busiest(await clean("A.*"))
    async with exchange(
        fault("halt", "+30s", symbols=[symbol], lasting="1m"), on_end="silence", speed=600.0
    ) as running:
        socket = await running.connect("A.*", "AM.*", "LULD.*")
        await running.simulator.wait_finished()
        missing = await by_rest(running, symbol, OPEN_MS), await by_rest(running, symbol, OPEN_MS + 60_000)
        there = await by_rest(running, symbol, OPEN_MS + 120_000)
        await socket.close()
        got = await events(socket)
    halt, resumption = (event for event in got if event["ev"] == "LULD")
    assert (halt["T"], halt["i"], halt["h"], halt["l"]) == (symbol, [17], 0.0, 0.0)
    assert (resumption["T"], resumption["i"]) == (symbol, [18])
    assert halt["q"] < resumption["q"]
    assert [event["t"] // 10**6 - OPEN_MS for event in (halt, resumption)] == [30_000, 90_000]
    mine = [bar for bar in got if bar.get("sym") == symbol]
    assert mine
    assert not [bar for bar in mine if bar["s"] < OPEN_MS + 90_000 and bar["e"] > OPEN_MS + 30_000]
    between = got[got.index(halt) : got.index(resumption)]
    assert {bar["s"] for bar in between if bar.get("sym") == symbol} <= {OPEN_MS + k * 1_000 for k in (27, 28, 29)}
    assert missing == ([], [])
    assert there
    (record,) = running.records
    assert record["touched"] == {"symbols": [symbol], "until_ms": OPEN_MS + 90_000}


def busiest(found: list[dict[str, Any]]) -> str:
    names = [bar["sym"] for bar in bars(found, "A")]
    return max(set(names), key=names.count)


async def test_a_halt_of_any_symbols_takes_such_as_trade_and_goes_to_who_asked_for_them() -> None:
    async with exchange(fault("halt", "+30s", count=3, lasting="30s")) as running:
        all_, other = await running.connect("LULD.*"), await running.connect("LULD.NONE")
        told, nothing = await events(all_), await events(other)
    (record,) = running.records
    assert len(record["touched"]["symbols"]) == 3
    assert [(event["T"], event["i"]) for event in bars(told, "LULD")] == [
        (symbol, [code]) for code in (17, 18) for symbol in record["touched"]["symbols"]
    ]
    assert bars(nothing, "LULD") == []


async def test_in_a_silence_nothing_is_traded_anywhere() -> None:
    async with exchange(fault("silence", "+1m", lasting="1m"), on_end="silence", speed=6_000.0) as running:
        socket = await running.connect("A.*", "AM.*")
        await running.simulator.wait_finished()
        await socket.close()
        got = [bar for bar in await events(socket) if "sym" in bar]
        symbol = busiest(got)
        by_minute = [await by_rest(running, symbol, OPEN_MS + k * 60_000) for k in range(3)]
    assert {bar["s"] // 60_000 - OPEN_MS // 60_000 for bar in got} == {0, 2}
    assert [bool(found) for found in by_minute] == [True, False, True]


async def test_only_the_symbols_and_the_channel_asked_for_are_touched() -> None:
    symbol = busiest(await clean("A.*"))
    async with exchange(fault("duplicate", "+0s", symbols=[symbol], channel="A", lasting="2m", share=0.5)) as running:
        await events(await running.connect("A.*", "AM.*"))
    found = touched(running)
    assert {(ev, sym) for ev, sym, _ in found} == {("A", symbol)}
    usual = sum(bar["sym"] == symbol and bar["s"] < OPEN_MS + 117_000 for bar in bars(await clean("A.*"), "A"))
    assert 0.25 * usual < len(found) < 0.75 * usual


async def test_the_same_faults_seed_and_bars_give_the_same_strikes_and_bytes() -> None:
    kinds = ("late", "duplicate", "revised", "drop", "bad", "halt", "garbage", "status")
    faults = [fault(kind, "+20s", "+70s", "+100s") for kind in kinds]
    runs = []
    for seed in (5, 5, 6):
        async with exchange(*faults, fault("disorder", "+1m"), seed=seed, irregularity=None) as running:
            raw = await frames(await running.connect("A.*", "AM.*", "LULD.*"))
            runs.append((raw, running.records))
    assert runs[0] == runs[1]
    assert runs[0][1] != runs[2][1]


async def test_strikes_are_the_same_at_any_speed() -> None:
    kinds = ("late", "duplicate", "revised", "drop", "bad", "halt", "disorder", "silence", "flood")
    faults = [fault(kind)._replace(rate=Rate(2, 60_000)) for kind in kinds]
    told = []
    for speed in (AS_FAST_AS_READ, 2_000.0):
        async with exchange(*faults, speed=speed) as running:
            await events(await running.connect("A.*", "AM.*", "LULD.*"))
            told.append(running.records)
    assert told[0] == told[1]
    assert {record["kind"] for record in told[0]} == {*kinds}

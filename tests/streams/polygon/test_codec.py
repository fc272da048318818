from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from streams.bars import FIELDS
from streams.polygon import elements
from streams.polygon.codec import OTHER, ROWS, SLOW_MOST, Codec
from streams.polygon.messages import SAMPLE_BYTES, Reason, Status
from tests.streams.polygon.frames import MINUTE_MS, START_MS, frame, luld, minute, second, status, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from streams.bars import BarBatch
    from streams.polygon.messages import Decoded

ARRIVAL_MS = START_MS + 3_000


@pytest.fixture(autouse=True)
def _silent_overflow() -> Iterator[None]:
    """Long numbers wrap silently in compiled kernels, and have to under ``NUMBA_DISABLE_JIT=1`` too."""
    with np.errstate(over="ignore"):
        yield


def decode(data: bytes) -> Decoded:
    return Codec().decode(data, ARRIVAL_MS)


def one(element: dict[str, Any]) -> dict[str, float]:
    """The values of a frame's only bar, by field."""
    bars = decode(frame(element)).bars
    assert bars.size == 1
    return dict(zip(FIELDS, bars.values[:, 0].tolist(), strict=True))


def reasons(decoded: Decoded) -> dict[Reason, int]:
    return {reason: reject.count for reason, reject in decoded.rejects.items()}


def bits(bars: BarBatch) -> tuple[bytes, ...]:
    return tuple(column.tobytes() for column in bars)


def test_a_second_bar_fills_every_column() -> None:
    bars = decode(frame(second())).bars
    assert bars.symbol.tolist() == [b"ZZTOP"]
    assert (bars.start_ms[0], bars.length_ms[0], bars.arrival_ms[0]) == (START_MS, 1_000, ARRIVAL_MS)
    assert one(second()) == {
        "open": 12.40, "high": 12.43, "low": 12.39, "close": 12.42, "volume": 312.5, "vwap": 12.4107,
        "day_volume": 1840022.1184, "day_open": 12.05, "day_vwap": 12.2231,
    }  # fmt: skip


def test_a_minute_bar_is_a_minute_long() -> None:
    bars = decode(frame(minute())).bars
    assert (bars.start_ms[0], bars.length_ms[0]) == (MINUTE_MS, 60_000)


def test_seconds_and_minutes_of_one_frame_keep_their_order() -> None:
    bars = decode(frame(second("B"), minute("A"), second("C"))).bars
    assert bars.symbol.tolist() == [b"B", b"A", b"C"]
    assert bars.length_ms.tolist() == [1_000, 60_000, 1_000]


def test_whole_volumes_serve_where_decimal_ones_are_missing() -> None:
    values = one(second(dv=None, dav=None))
    assert (values["volume"], values["day_volume"]) == (312.0, 1840022.0)


def test_a_fraction_of_a_share_is_a_volume() -> None:
    assert one(second(v=0, dv="0.25"))["volume"] == 0.25


@pytest.mark.parametrize("name", ["op", "vw", "a"])
@pytest.mark.parametrize("value", [None, 0, 0.0])
def test_an_optional_price_that_is_absent_or_zero_is_not_known(name: str, value: float | None) -> None:
    field = {"op": "day_open", "vw": "vwap", "a": "day_vwap"}[name]
    assert math.isnan(one(second(**{name: value}))[field])


def test_a_vwap_outside_the_range_is_normal() -> None:
    assert one(second(vw=12.5))["vwap"] == 12.5
    assert one(second(vw=12.1))["vwap"] == 12.1


TOLERATED = [
    second(z=26.5),
    second(z=12.0),
    second(z="many"),
    second(z={"a": [1]}),
    second(z=None, otc=True),
    second(v=312.0, av=1840022.5),
    second(s=float(START_MS), e=float(START_MS + 1000)),
    second(dv=312.5, dav=1840022.1184),
    second(news="none", more=[1, {"b": 2}]),
    second(longer_than_four=1),
]


@pytest.mark.parametrize("element", TOLERATED)
def test_what_the_vendor_has_been_seen_to_send_is_tolerated(element: dict[str, Any]) -> None:
    decoded = decode(frame(element))
    assert bits(decoded.bars) == bits(decode(frame(second(av=element["av"], dav=element["dav"]))).bars)
    assert not decoded.rejects


VARIANTS = [
    json.dumps(second()).encode(),
    json.dumps(second(), indent=2).encode(),
    text(dict(reversed(second().items()))),
    text(second()).replace(b"ZZTOP", rb"ZZT\u004fP"),
    text(second()).replace(b'"sym"', rb'"s\u0079m"'),
    text(second()).replace(b"12.42", b"1242e-2"),
    text(second()).replace(b"12.42", b"12.4200000000000000000000"),
    text(second()).replace(b'"c"', b'"c":1,"c"'),
]


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_same_element_in_another_spelling_gives_the_same_bar(variant: bytes) -> None:
    assert bits(decode(frame(variant)).bars) == bits(decode(frame(second())).bars)


def test_blanks_between_elements_do_not_matter() -> None:
    spaced = b" \n[ " + text(second("A")) + b" ,\t" + text(second("B")) + b"\r\n] \n"
    assert bits(decode(spaced).bars) == bits(decode(frame(second("A"), second("B"))).bars)


def test_an_empty_array_holds_nothing() -> None:
    decoded = decode(b"[]")
    assert decoded.bars.size == 0
    assert not decoded.rejects


def test_statuses_come_out_in_order() -> None:
    decoded = decode(frame(status("error", "not authorized"), second(), status("success", "subscribed to: A.*")))
    assert decoded.statuses == [Status("error", "not authorized"), Status("success", "subscribed to: A.*")]
    assert decoded.bars.size == 1


def test_a_status_without_a_message_has_an_empty_one() -> None:
    assert decode(b'[{"ev":"status","status":"connected"}]').statuses == [Status("connected", "")]


def test_the_message_of_a_status_is_cut() -> None:
    assert len(decode(frame(status("error", "x" * 5000))).statuses[0].message) == 200


@pytest.mark.parametrize("time", [1763735521123, 1763735521123456, 1763735521123456789])
def test_the_time_of_a_band_is_told_by_its_digits(time: int) -> None:
    bands = decode(frame(luld(t=time))).bands
    assert bands.time_ms.tolist() == [1763735521123]
    assert bands.arrival_ms.tolist() == [ARRIVAL_MS]


def test_halt_and_resumption_are_told_apart_from_bands() -> None:
    bands = decode(frame(luld("A"), luld("B", i=[18]), luld("C", i=[15], h=3.63, l=2.97), luld("D", i=None))).bands
    assert bands.symbol.tolist() == [b"A", b"B", b"C", b"D"]
    assert bands.halted.tolist() == [True, False, False, False]
    assert bands.resumed.tolist() == [False, True, False, False]
    assert bands.upper[2] == 3.63
    assert bands.lower[2] == 2.97
    assert np.isnan(bands.upper[[0, 1, 3]]).all()
    assert bands.sequence.tolist() == [812345] * 4


UNFIT_BANDS = [
    (luld(t=1763735521), Reason.TIME),
    (luld(t=10**400), Reason.TIME),
    (luld(t=None), Reason.MISSING),
    (luld(h=2.0, l=3.0), Reason.OHLC),
    (luld(h=1e300, l=3.0), Reason.PRICE),
    (luld(h=-1, l=3.0), Reason.PRICE),
    (luld("no spaces"), Reason.SYMBOL),
    (luld(i="halted"), Reason.TYPE),
]


@pytest.mark.parametrize(("element", "reason"), UNFIT_BANDS)
def test_a_band_that_breaks_a_law_is_set_aside(element: dict[str, Any], reason: Reason) -> None:
    decoded = decode(frame(element))
    assert decoded.bands.size == 0
    assert reasons(decoded) == {reason: 1}


LAWLESS = [
    (second(h=12.41), Reason.OHLC),
    (second(l=12.41), Reason.OHLC),
    (second(h=12.0, l=12.5), Reason.OHLC),
    (second(o=0), Reason.PRICE),
    (second(l=-1), Reason.PRICE),
    (second(h=1e7), Reason.PRICE),
    (second(h=1e308), Reason.PRICE),
    (second(o=1e-300, l=1e-300), Reason.PRICE),
    (second(vw=-0.5), Reason.PRICE),
    (second(op=1e9), Reason.PRICE),
    (second(v=0, dv=None), Reason.ZERO_VOLUME),
    (second(dv="0.0"), Reason.ZERO_VOLUME),
    (second(dv="-1"), Reason.VOLUME),
    (second(dv="1000000000000"), Reason.VOLUME),
    (second(dav="-0.5"), Reason.VOLUME),
    (second(s=START_MS + 1, e=START_MS + 1001), Reason.TIME),
    (second(e=START_MS + 60_000), Reason.TIME),
    (second(s=1000, e=2000), Reason.TIME),
    (second(s=253_370_764_800_000, e=253_370_764_801_000), Reason.TIME),
    (second(s=START_MS + 0.5, e=START_MS + 1000.5), Reason.TIME),
    (minute(s=START_MS, e=START_MS + 60_000), Reason.TIME),
    (second(o=None), Reason.MISSING),
    (second(s=None), Reason.MISSING),
    (second(sym=None), Reason.MISSING),
    (second(v=None, dv=None), Reason.MISSING),
    (second(ev=None), Reason.MISSING),
    (second("A B"), Reason.SYMBOL),
    (second(""), Reason.SYMBOL),
    (second("A" * 17), Reason.SYMBOL),
    (second("<b>"), Reason.SYMBOL),
    (second("A\0"), Reason.SYMBOL),
    (second("A\n"), Reason.SYMBOL),
    (second("Ä"), Reason.SYMBOL),
    (second("__proto__"), Reason.SYMBOL),
    (second(sym=7), Reason.TYPE),
    (second(o="12.40"), Reason.TYPE),
    (second(dv="many"), Reason.TYPE),
    (second(dv="nan"), Reason.TYPE),
    (second(dv=" 1"), Reason.TYPE),
    (second(h=[12.43]), Reason.TYPE),
    (second(s=10**400), Reason.TYPE),
    (second(ev=7), Reason.TYPE),
    (second("A" * 1_000_000), Reason.SYMBOL),
    (text(second()).replace(b"12.43", b"NaN"), Reason.MALFORMED),
    (text(second()).replace(b"12.43", b"Infinity"), Reason.MALFORMED),
    (text(second()).replace(b"12.43", b"012.43"), Reason.MALFORMED),
    (text(second()).replace(b"12.43", b"12."), Reason.MALFORMED),
    (text(second()).replace(b"12.43", b"1e999"), Reason.TYPE),
    (text(second()).replace(b"ZZTOP", b"ZZ\xffTOP"), Reason.MALFORMED),
    (b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}", Reason.MALFORMED),
    (b"7", Reason.NOT_OBJECT),
    (b'"text"', Reason.NOT_OBJECT),
    (b"null", Reason.NOT_OBJECT),
    (b"[1,2]", Reason.NOT_OBJECT),
    (b"rubbish", Reason.NOT_OBJECT),
]


@pytest.mark.parametrize(("element", "reason"), LAWLESS)
def test_what_breaks_a_law_is_set_aside_with_its_reason_and_costs_no_neighbour(element: Any, reason: Reason) -> None:
    decoded = decode(frame(second("LEFT"), element, second("RIGHT")))
    assert decoded.bars.symbol.tolist() == [b"LEFT", b"RIGHT"]
    assert reasons(decoded) == {reason: 1}
    expected = element if isinstance(element, bytes) else text(element)
    assert decoded.rejects[reason].sample == expected[:SAMPLE_BYTES]


def test_rejects_are_counted_and_only_the_first_is_kept() -> None:
    decoded = decode(frame(second("A B"), second("C D"), second("E F")))
    assert decoded.rejects[Reason.SYMBOL].count == 3
    assert decoded.rejects[Reason.SYMBOL].sample == text(second("A B"))[:SAMPLE_BYTES]


def test_elements_of_other_types_are_counted_by_their_name() -> None:
    decoded = decode(frame({"ev": "T", "sym": "A"}, {"ev": "Q"}, {"ev": "T"}, {"ev": "<script>"}))
    assert decoded.unknown == {"T": 2, "Q": 1, OTHER: 1}
    assert not decoded.rejects


def test_invented_types_do_not_make_the_counts_grow_without_end() -> None:
    codec = Codec()
    names = {name for k in range(1000) for name in codec.decode(frame({"ev": f"X{k}"}), 0).unknown}
    assert OTHER in names
    assert len(names) <= 33


def test_a_frame_of_more_elements_than_are_read_at_a_time_comes_out_whole() -> None:
    symbols = [f"S{k}" for k in range(2 * ROWS + 7)]
    decoded = decode(frame(*(text(second(symbol)) for symbol in symbols)))
    assert decoded.bars.symbol.tolist() == [symbol.encode() for symbol in symbols]


FLOODS = {
    "empty objects": b"{}",
    "another type": text({"ev": "T"}),
    "bands": text(luld()),
    "other spelling": json.dumps(second()).encode(),
    "numbers": b"1",
}


def elements_of(decoded: Decoded) -> int:
    """All that was found, whatever became of it."""
    rejected = sum(reject.count for reject in decoded.rejects.values())
    return decoded.bars.size + decoded.bands.size + len(decoded.statuses) + sum(decoded.unknown.values()) + rejected


@pytest.mark.parametrize("element", FLOODS.values(), ids=FLOODS)
def test_a_flood_that_only_the_slow_path_reads_is_cut_and_counted(
    element: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[bytes] = []
    real = elements.decode
    monkeypatch.setattr(elements, "decode", lambda part: read.append(part) or real(part))
    flood = [element] * (SLOW_MOST + 5_000)
    decoded = decode(frame(second("LEFT"), *flood, second("RIGHT")))
    assert len(read) <= SLOW_MOST
    assert decoded.rejects[Reason.EXCESS].count == 5_000
    assert decoded.rejects[Reason.EXCESS].sample == element[:SAMPLE_BYTES]
    assert elements_of(decoded) == len(flood) + 2
    assert {decoded.bars.symbol[0], decoded.bars.symbol[-1]} == {b"LEFT", b"RIGHT"}


def test_bars_that_break_a_law_are_counted_without_limit() -> None:
    lawless = [text(second(o=0))] * (SLOW_MOST + 5_000)
    assert reasons(decode(frame(*lawless, second(h=12.41)))) == {Reason.PRICE: len(lawless), Reason.OHLC: 1}


def test_the_search_of_a_broken_frame_ends_after_as_many_elements() -> None:
    flood = [text(second("GOOD"))] * SLOW_MOST + [b"{}"] * 5_000
    decoded = decode(frame(*flood)[:-1])
    assert decoded.bars.size == SLOW_MOST
    assert reasons(decoded) == {Reason.FRAMING: 1, Reason.EXCESS: 5_000}


GOOD = [text(second(symbol)) for symbol in ("ONE", "TWO", "THREE")]
RUINS = [
    b"[" + GOOD[0] + b"," + GOOD[1] + GOOD[2] + b"]",
    b"[" + b",".join(GOOD),
    b",".join(GOOD),
    GOOD[0] + b"\n" + GOOD[1] + b"\n" + GOOD[2],
    b"[" + b",".join(GOOD) + b",]",
    b"[" + b",".join(GOOD) + b"] trailing",
    b"\xef\xbb\xbf[" + b",".join(GOOD) + b"]",
    b"[" + b",".join(GOOD) + b',{"ev":"A","sym":"TRUNC',
    b"[" + GOOD[0] + b',{"ev":"A","sym":"BROKEN},' + GOOD[1] + b"," + GOOD[2] + b"]",
    b"[" + GOOD[0] + b',{"ev":"A",' + GOOD[1] + b"," + GOOD[2] + b"]",
    b"[" + GOOD[0] + b',",' + GOOD[1] + b"," + GOOD[2] + b"]",
    b"[" + GOOD[0] + b",[," + GOOD[1] + b"," + GOOD[2] + b"]",
    b"[" + GOOD[0] + b",}," + GOOD[1] + b"," + GOOD[2] + b"]",
    b"[" + GOOD[0] + b",{," + GOOD[1] + b",}," + GOOD[2] + b"]",
    b"[" + GOOD[0] + b",[," + GOOD[1] + b",]," + GOOD[2] + b"]",
]


@pytest.mark.parametrize("ruin", RUINS)
def test_good_elements_of_a_broken_frame_survive(ruin: bytes) -> None:
    decoded = decode(ruin)
    assert decoded.bars.symbol.tolist() == [b"ONE", b"TWO", b"THREE"]
    assert decoded.rejects[Reason.FRAMING].count == 1


@pytest.mark.parametrize("nothing", [b"", b" ", b"]", b"[", b"[[", b"[,]", b"null", b"\xff", b"{" * 9000, b'["' * 9000])
def test_a_frame_without_elements_gives_a_framing_reject_and_no_bars(nothing: bytes) -> None:
    decoded = decode(nothing)
    assert decoded.bars.size == 0
    assert Reason.FRAMING in decoded.rejects


def test_an_object_in_place_of_the_array_is_counted_and_still_read() -> None:
    decoded = decode(text(second()))
    assert decoded.bars.size == 1
    assert reasons(decoded) == {Reason.FRAMING: 1}


def test_the_columns_are_exactly_what_json_says_of_the_recorded_frames(data_file: Callable[[str], Path]) -> None:
    folder = data_file("polygon_fixtures")
    lines = [
        line
        for name in ("live_ws_frames.jsonl", "published_ws_samples.jsonl")
        for line in (folder / name).read_bytes().splitlines()
    ]
    names = {"open": "o", "high": "h", "low": "l", "close": "c", "vwap": "vw", "day_open": "op", "day_vwap": "a"}
    for line in lines:
        decoded = decode(line)
        assert not decoded.rejects
        bars = [element for element in json.loads(line) if element["ev"] in ("A", "AM")]
        assert decoded.bars.symbol.tolist() == [element["sym"].encode() for element in bars]
        assert decoded.bars.start_ms.tolist() == [element["s"] for element in bars]
        for field, key in names.items():
            assert decoded.bars.values[FIELDS.index(field)].tolist() == [element[key] for element in bars]
        assert decoded.bars.values[FIELDS.index("volume")].tolist() == [
            float(element.get("dv", element["v"])) for element in bars
        ]
        bands = [element for element in json.loads(line) if element["ev"] == "LULD"]
        assert decoded.bands.upper.tolist() == [element["h"] for element in bands]
        assert sum(decoded.unknown.values()) == len(json.loads(line)) - len(bars) - len(bands)


symbols = st.text("ABCXYZabcxyz0189./-", min_size=1, max_size=16)
decimals = st.one_of(
    st.decimals("0.000001", "9999999", places=4).map(str),
    st.integers(1, 9_999_999).map(str),
    st.floats(1e-6, 9_999_999, allow_nan=False).map(repr),
    st.from_regex(r"\A(0|[1-9][0-9]{0,5})(\.[0-9]{1,20})?([eE][+-]?[0-9])?\Z"),
)
volumes = st.one_of(
    st.integers(0, 10**12).map(str), st.from_regex(r"\A(0|[1-9][0-9]{0,14})(\.[0-9]{1,8})?\Z"), st.just("-0")
)
quoted = volumes.map(lambda number: f'"{number}"')


@st.composite
def canonical(draw: st.DrawFn) -> bytes:
    """An element in the vendor's order, lawful more often than not."""
    length = draw(st.sampled_from([1_000, 60_000]))
    start = draw(st.integers(15_778_368, 68_374_080)) * 60_000 + draw(st.sampled_from([0, 0, 0, 1_000, 1]))
    prices = sorted(draw(st.lists(decimals, min_size=4, max_size=4)), key=float)
    fields = {"ev": '"A"' if length == 1_000 else '"AM"', "sym": f'"{draw(symbols)}"', "v": draw(volumes)}
    fields |= {"dv": draw(quoted), "av": draw(volumes), "dav": draw(quoted), "op": draw(decimals), "vw": draw(decimals)}
    fields |= {"o": prices[1], "c": prices[2], "h": prices[3], "l": prices[0], "a": draw(decimals)}
    fields |= {"z": draw(volumes), "otc": draw(st.sampled_from(["true", "null", '"x"', "[]"]))}
    fields |= {"s": str(start), "e": str(start + length)}
    for name in draw(
        st.sets(st.sampled_from(["dv", "av", "dav", "op", "vw", "a", "z", "otc", "v", "s", "sym"]), max_size=3)
    ):
        del fields[name]
    order = draw(st.sampled_from([list(fields), list(fields), draw(st.permutations(list(fields)))]))
    return ("{" + ",".join(f'"{name}":{fields[name]}' for name in order) + "}").encode()


def slowly(texts: list[bytes]) -> tuple[list[tuple[Any, ...]], dict[Reason, int]]:
    """What the typed decoder alone makes of the elements: bars as comparable bytes, and reasons."""
    found = [elements.decode(part) for part in texts]
    bars = [
        (bar.symbol, bar.start_ms, bar.length_ms, np.array(bar.values).tobytes())
        for bar in found
        if isinstance(bar, elements.Bar)
    ]
    counts: dict[Reason, int] = {}
    for reason in found:
        if isinstance(reason, Reason):
            counts[reason] = counts.get(reason, 0) + 1
    return bars, counts


def rows(bars: BarBatch) -> list[tuple[Any, ...]]:
    return [
        (bars.symbol[k], bars.start_ms[k], bars.length_ms[k], bars.values[:, k].tobytes()) for k in range(bars.size)
    ]


@settings(max_examples=300, deadline=None)
@given(st.lists(canonical(), max_size=12))
@example([text(second(o=9007199254740993.0))])
@example([text(second()).replace(b"12.43", b"9007199254740993")])
@example([text(second()).replace(b"12.43", b"12.430000000000000001")])
def test_the_scanner_gives_the_same_bits_as_the_typed_decoder(texts: list[bytes]) -> None:
    decoded = decode(b"[" + b",".join(texts) + b"]")
    assert (rows(decoded.bars), reasons(decoded)) == slowly(texts)


@settings(max_examples=200, deadline=None)
@given(st.lists(canonical(), min_size=1, max_size=6), st.binary(max_size=30), st.data())
def test_poison_between_elements_never_changes_its_neighbours(
    texts: list[bytes], poison: bytes, data: st.DataObject
) -> None:
    where = data.draw(st.integers(0, len(texts)))
    poisoned = [*texts[:where], poison, *texts[where:]]
    expected, _ = slowly(texts)
    assert rows(decode(b"[" + b",".join(poisoned) + b"]").bars) == expected


SEED_FRAMES = [
    frame(second("ONE"), minute("TWO"), luld(), status("success", "subscribed to: A.*"), {"ev": "T"}),
    json.dumps([second(), luld()], indent=1).encode(),
]


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(SEED_FRAMES), st.data())
def test_any_mutation_of_a_frame_gives_a_lawful_result(seed: bytes, data: st.DataObject) -> None:
    mutated = bytearray(seed)
    for _ in range(data.draw(st.integers(1, 4))):
        first = data.draw(st.integers(0, len(mutated)))
        last = data.draw(st.integers(first, min(first + 8, len(mutated))))
        mutated[first:last] = data.draw(
            st.one_of(st.binary(max_size=4), st.sampled_from([b'"', b"{", b"}", b"]", b","]))
        )
    bars = decode(bytes(mutated)).bars
    o, h, l, c, volume = bars.values[:5]
    assert np.isfinite(bars.values[:5]).all()
    assert ((l > 0) & (l <= o) & (l <= c) & (h >= o) & (h >= c) & (volume > 0)).all()


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_give_a_result(data: bytes) -> None:
    decode(data)
    decode(b"[" + data + b"]")

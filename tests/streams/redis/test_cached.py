import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.redis.cached import DAY_MS, LIFETIMES, MINUTE_MS, Entry, decode, encode, entry

NOW = 1_763_735_400_000


def test_what_was_kept_comes_back() -> None:
    kept = entry("details", b'{"name":"Apple"}', "rest", NOW)
    assert decode(encode(kept)) == kept


@given(st.binary(max_size=200))
def test_foreign_bytes_are_no_entry(raw: bytes) -> None:
    assert decode(raw) is None


@given(st.integers(0, 59), st.integers(0, 7))
def test_one_flipped_bit_makes_it_none(place: int, bit: int) -> None:
    raw = bytearray(encode(entry("news", b"content that is long enough", "rest", NOW)))
    raw[place % len(raw)] ^= 1 << bit
    assert decode(bytes(raw)) is None


def test_a_whole_entry_with_other_types_inside_is_none() -> None:
    strange = encode(Entry(NOW, "soon", NOW, "rest", b""))  # type: ignore[arg-type]
    assert decode(strange) is None


@pytest.mark.parametrize("kind", LIFETIMES)
def test_an_entry_is_fresh_then_stands_in_then_is_gone(kind: str) -> None:
    kept = entry(kind, b"", "rest", NOW)
    fresh, stale = LIFETIMES[kind]
    assert kept.is_fresh(NOW)
    assert kept.is_fresh(NOW + fresh - 1)
    assert not kept.is_fresh(NOW + fresh)
    assert kept.is_usable(NOW + fresh) == (stale > 0)
    assert not kept.is_usable(NOW + fresh + stale)


def test_an_entry_from_the_future_is_none_but_for_a_minute_of_clock_skew() -> None:
    assert entry("details", b"", "rest", NOW + MINUTE_MS - 1).is_fresh(NOW)
    assert not entry("details", b"", "rest", NOW + DAY_MS).is_usable(NOW)

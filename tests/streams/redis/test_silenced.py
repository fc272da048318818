from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.redis.silenced import (
    ANY,
    Acknowledgement,
    Silence,
    Silenced,
    decode,
    encode,
    encode_acknowledgement,
)

HALF_PAST_THREE_MS = 1_737_750_600_000  # 2025-01-24 15:30 in New York


def silenced(*silences: Silence) -> Silenced:
    return Silenced({(silence.rule, silence.symbol): silence for silence in silences})


@pytest.mark.parametrize(
    ("silence", "reason"),
    [
        (Silence("gap", "TWLO", "mute"), "rule gap with symbol TWLO: muted"),
        (Silence("gap", ANY, "mute", by="anna"), "rule gap: muted by anna"),
        (
            Silence(ANY, "TWLO", "snooze", HALF_PAST_THREE_MS, "anna"),
            "symbol TWLO: snoozed until 2025-01-24 15:30:00 EST by anna",
        ),
        (Silence(ANY, ANY, "mute"), "everything: muted"),
        (Silence("gap", "AAPL", "mute"), ""),
        (Silence("other", "TWLO", "mute"), ""),
        (Silence("other", ANY, "mute"), ""),
    ],
)
def test_an_alert_is_covered_by_its_rule_its_symbol_or_both_and_the_reason_says_so(
    silence: Silence, reason: str
) -> None:
    assert silenced(silence).covers("gap", "TWLO", HALF_PAST_THREE_MS - 1) == reason


def test_a_snooze_is_over_at_its_market_time_and_a_wider_one_goes_on() -> None:
    known = silenced(Silence("gap", "TWLO", "snooze", 1_000), Silence("gap", ANY, "snooze", 2_000))
    assert known.covers("gap", "TWLO", 999).startswith("rule gap with symbol TWLO")
    assert known.covers("gap", "TWLO", 1_000).startswith("rule gap:")
    assert known.covers("gap", "TWLO", 2_000) == ""


def test_what_was_written_reads_the_same() -> None:
    silence = Silence("vwap-reclaim", "BRK.B", "snooze", HALF_PAST_THREE_MS, "anna", 5)
    done = Acknowledgement("anna", 7)
    read = decode({silence.field.encode(): encode(silence)}, {b"a" * 32: encode_acknowledgement(done)})
    assert read.silences == {("vwap-reclaim", "BRK.B"): silence}
    assert read.acks == {"a" * 32: done}
    assert read.acknowledged("a" * 32)
    assert not read.acknowledged("b" * 32)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (b"gap|TWLO", b""),
        (b"gap|TWLO", b"[1]"),
        (b"gap|TWLO", b'{"kind":"mute"}'),
        (b"gap|TWLO", b'{"kind":"loud","until_ms":0}'),
        (b"gap|TWLO", b'{"kind":"mute","until_ms":-1}'),
        (b"gap|TWLO", b'{"kind":"mute","until_ms":1e300}'),
        (b"gap|TWLO", b'{"kind":"mute","until_ms":9999999999999999}'),
        (b"gap|TWLO", b'{"kind":"mute","until_ms":0,"by":"\xff"}'),
        (b"gap|TWLO", b'{"kind":"mute","until_ms":0,"by":"' + b"x" * 2_000 + b'"}'),
        (b"gap", b'{"kind":"mute","until_ms":0}'),
        (b"|TWLO", b'{"kind":"mute","until_ms":0}'),
        (b"gap|", b'{"kind":"mute","until_ms":0}'),
        (b"g" * 2_000 + b"|TWLO", b'{"kind":"mute","until_ms":0}'),
    ],
)
def test_what_makes_no_sense_silences_nothing(field: bytes, value: bytes) -> None:
    assert decode({field: value}, {field: value[:5]}).silences == {}


def test_names_of_strangers_are_safe_to_show() -> None:
    hostile = b'{"kind":"mute","until_ms":0,"by":"\\u001b[2J\\n' + b"x" * 500 + b'"}'
    (found,) = decode({b"g\x1bp|TWLO": hostile}, {}).silences.values()
    assert str(found).startswith("rule g?p with symbol TWLO: muted by ?[2J?xxx")
    assert len(found.by) == 64


BYTES = st.one_of(
    st.binary(max_size=80),
    st.sampled_from(
        [b"gap|TWLO", b"*|*", b"||", b'{"kind":"mute","until_ms":0}', b'{"kind":"snooze","until_ms":5,"by":""}']
    ),
)


@given(st.dictionaries(BYTES, BYTES, max_size=5), st.dictionaries(BYTES, BYTES, max_size=5))
def test_whatever_stands_there_is_read_and_can_be_shown(silences: dict[bytes, bytes], acks: dict[bytes, bytes]) -> None:
    known = decode(silences, acks)
    assert all(str(silence).isprintable() for silence in known.silences.values())
    assert known.covers("gap", "TWLO", 0).isprintable()
    assert not known.acknowledged("never")

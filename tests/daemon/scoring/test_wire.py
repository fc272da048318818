from __future__ import annotations

import struct

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.scoring import wire
from daemon.scoring.errors import StateError, WireError
from daemon.scoring.view import View, untaught
from daemon.scoring.wire import Column, Decoder, Frame, Header
from tests.daemon.scoring.lessons import NAMES, lessons

LESSON = next(lessons(1))
STREAM = wire.hello(NAMES, untaught(6)) + wire.lesson(1, LESSON) + wire.answer(1, untaught(6))


def decoded(stream: bytes, chunk: int) -> list[Frame]:
    decoder = Decoder()
    parts = (stream[start : start + chunk] for start in range(0, len(stream), chunk))
    return [frame for part in parts for frame in decoder.feed(part)]


@pytest.mark.parametrize("chunk", [1, 7, 100, 1 << 20])
def test_frames_come_through_however_the_stream_is_cut(chunk: int) -> None:
    hello, lesson, view = decoded(STREAM, chunk)
    assert (hello.kind, lesson.kind, view.kind) == ("hello", "lesson", "view")
    assert hello.features == NAMES
    assert (lesson.number, lesson.minute_ms) == (1, LESSON.minute_ms)
    assert lesson.arrays["features"].tobytes() == LESSON.features.tobytes()
    assert np.array_equal(lesson.arrays["answer"], LESSON.answer)
    assert wire.view_of(view, 6)[:5] == untaught(6)[:5]


def test_every_bit_of_a_view_comes_through() -> None:
    numbers = np.random.default_rng(1).normal(size=(4, 6)) ** 3
    moments = untaught(6).moments._replace(variance=np.abs(numbers[1]), mean=numbers[2])
    view = View(1, 2, 3, 4, np.pi / 3, numbers[0], moments)
    again = wire.view_of(decoded(wire.answer(9, view), 50)[0], 6)
    assert again[:5] == view[:5]
    assert again.weights.tobytes() == view.weights.tobytes()
    assert np.array(again.moments).tobytes() == np.array(moments).tobytes()


@given(st.binary(max_size=200), st.integers(0, len(STREAM) - 1))
def test_whatever_bytes_come_they_give_frames_or_a_wire_error(noise: bytes, at: int) -> None:
    for stream in (noise, STREAM[:at] + noise + STREAM[at + len(noise) :]):
        try:
            frames = decoded(stream, 64)
        except WireError:
            continue
        assert all(isinstance(frame, Frame) for frame in frames)


@pytest.mark.parametrize(
    "column",
    [
        Column("features", "<f4", (2**40, 2**40)),
        Column("features", "|O", (1,)),
        Column("features", "<f4", (-1, -4)),
        Column("features", "<f4", (3,)),
        Column("features", "<f4", (0, 2**63)),
        Column("features", "<f4", (0,) * 99),
    ],
)
def test_a_header_that_lies_about_its_body_is_refused(column: Column) -> None:
    header = msgspec.msgpack.encode(Header("lesson", 1, 0, (), (column,)))
    body = b"" if 0 in column.shape else b"12345678"
    with pytest.raises(WireError):
        decoded(struct.pack("<4sII", wire.MAGIC, len(header), len(body)) + header + body, 1000)


def test_lengths_beyond_the_limits_are_refused_before_anything_is_read() -> None:
    for header_bytes, body_bytes in ((wire.MAX_HEADER_BYTES + 1, 0), (1, wire.MAX_BODY_BYTES + 1)):
        with pytest.raises(WireError, match="no frame"):
            decoded(struct.pack("<4sII", wire.MAGIC, header_bytes, body_bytes), 1000)


def test_a_view_without_its_arrays_is_refused() -> None:
    with pytest.raises(StateError):
        wire.view_of(decoded(wire.lesson(1, LESSON), 1000)[0], 6)

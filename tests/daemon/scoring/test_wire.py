from __future__ import annotations

import struct

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.scoring import wire
from daemon.scoring.errors import WireError
from daemon.scoring.recipes import DEFAULT_LADDER, Course
from daemon.scoring.view import untaught
from daemon.scoring.wire import Column, Decoder, Frame, Header, Syllabus
from tests.daemon.scoring.lessons import NAMES, lessons

LESSON = next(lessons(1))
COURSE = Course("large_move", recipes=tuple(DEFAULT_LADDER))
STATE = {"0/counts": np.arange(3), "0/spec": np.frombuffer(b"[]", np.uint8)}
STREAM = (
    wire.hello(NAMES, [COURSE], None, STATE)
    + wire.lesson(1, LESSON)
    + wire.answer(1, 0, untaught(6))
    + wire.state(1, STATE, b"[]")
    + wire.news(b"[]")
    + wire.ask(1)
)


def decoded(stream: bytes, chunk: int) -> list[Frame]:
    decoder = Decoder()
    parts = (stream[start : start + chunk] for start in range(0, len(stream), chunk))
    return [frame for part in parts for frame in decoder.feed(part)]


@pytest.mark.parametrize("chunk", [1, 7, 100, 1 << 20])
def test_frames_come_through_however_the_stream_is_cut(chunk: int) -> None:
    frames = decoded(STREAM, chunk)
    assert [frame.kind for frame in frames] == ["hello", "lesson", "view", "state", "news", "ask"]
    hello, lesson, view, state, *_ = frames
    assert msgspec.json.decode(hello.text, type=Syllabus) == Syllabus(NAMES, (COURSE,))
    assert (lesson.number, lesson.minute_ms, lesson.target) == (1, LESSON.minute_ms, 0)
    assert lesson.arrays["features"].tobytes() == LESSON.features.tobytes()
    assert np.array_equal(lesson.arrays["answer"], LESSON.answer)
    assert lesson.arrays["context"].tolist() == [LESSON.asked_ms, LESSON.phase, LESSON.base]
    assert {name: array.tobytes() for name, array in view.arrays.items()} == {
        name: array.tobytes() for name, array in untaught(6).to_arrays().items()
    }
    assert {name: array.tolist() for name, array in state.arrays.items()} == {
        name: array.tolist() for name, array in STATE.items()
    }


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
    header = msgspec.msgpack.encode(Header("lesson", 1, 0, 0, "", (column,)))
    body = b"" if 0 in column.shape else b"12345678"
    with pytest.raises(WireError):
        decoded(struct.pack("<4sII", wire.MAGIC, len(header), len(body)) + header + body, 1000)


def test_lengths_beyond_the_limits_are_refused_before_anything_is_read() -> None:
    for header_bytes, body_bytes in ((wire.MAX_HEADER_BYTES + 1, 0), (1, wire.MAX_BODY_BYTES + 1)):
        with pytest.raises(WireError, match="no frame"):
            decoded(struct.pack("<4sII", wire.MAGIC, header_bytes, body_bytes), 1000)

"""Frames between engine and learner: a small header and raw columns. Pure: bytes in, frames out.

A frame is ``magic, header length, body length`` (4 + 4 + 4 bytes, little-endian), a msgpack header that
names each array with its type and shape, and the arrays' bytes one after the other. Nothing in a frame is
ever executed, and every length is checked before it is believed.

Kinds, to the learner: ``hello`` (first: what is learned, and the state to go on from), ``lesson``, ``ask`` (for a state
now). Back: ``view`` (one for each lesson, with the lesson's number), ``state`` (now and then: all that a new learner
needs to go on after the lesson of that number), ``news`` (what people should know).
"""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec
import numpy as np

from daemon.scoring.errors import WireError
from daemon.scoring.recipes import Course  # noqa: TC001 (msgspec reads it)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from daemon.scoring.questions import Lesson
    from daemon.scoring.view import View

MAGIC = b"TSW2"
"""The format's name and version; a learner of another version is refused at its first frame."""

MAX_HEADER_BYTES = 1 << 20
MAX_BODY_BYTES = 1 << 26
"""A lesson of 100,000 rows of 128 features is 51 MB."""

_PREFIX = struct.Struct("<4sII")
_TYPES = {name: np.dtype(name) for name in ("<f8", "<f4", "<i8", "<i4", "|b1", "|u1")}


Kind = Literal["hello", "lesson", "ask", "view", "state", "news"]
Columns = dict[str, "NDArray[Any]"]


class Syllabus(msgspec.Struct, frozen=True):
    """What a learner is told first.

    Attributes:
        features: texts, in the order of the columns.
        courses: one a target.
        folder: where answers are remembered across processes; empty for nowhere.
    """

    features: tuple[str, ...]
    courses: tuple[Course, ...]
    folder: str = ""


class Column(msgspec.Struct, array_like=True):
    """What an array in the body looks like."""

    name: str
    dtype: str
    shape: tuple[int, ...]


class Header(msgspec.Struct, array_like=True):
    """What a frame is, and which arrays follow."""

    kind: Kind
    number: int
    target: int
    minute_ms: int
    text: str
    columns: tuple[Column, ...]


class Frame(NamedTuple):
    """One message.

    Attributes:
        kind: see above.
        number: of the lesson; that of a view or a state is the lesson it was taken after.
        target: whose lesson or view, by its place among the courses.
        minute_ms: of the lesson.
        text: JSON: a `Syllabus` in a hello, figures in a state, what to tell in news.
        arrays: by name; read-only views of what was received.
    """

    kind: Kind
    number: int
    target: int
    minute_ms: int
    text: str
    arrays: Columns


def hello(features: Sequence[str], courses: Sequence[Course], folder: Path | None, state: Columns) -> bytes:
    """First frame to a learner: what is learned, and the state to go on from, empty for none."""
    syllabus = Syllabus(tuple(features), tuple(courses), str(folder or ""))
    return encoded(Frame("hello", 0, 0, 0, msgspec.json.encode(syllabus).decode(), state))


def lesson(number: int, taught: Lesson) -> bytes:
    """A lesson, reduced to what learning and judging need."""
    context = np.array([taught.asked_ms, taught.phase, taught.base])
    columns: Columns = {"context": context, "features": taught.features, "score": taught.score}
    columns |= {"sector": taught.sector, "answer": taught.answer}
    return encoded(Frame("lesson", number, taught.target, taught.minute_ms, "", columns))


def answer(number: int, target: int, view: View) -> bytes:
    """A learner's answer to the lesson of that number."""
    return encoded(Frame("view", number, target, view.minute_ms, "", view.to_arrays()))


def ask(number: int) -> bytes:
    """For a state and figures after the lesson of that number."""
    return encoded(Frame("ask", number, 0, 0, "", {}))


def state(number: int, arrays: Columns, figures: bytes) -> bytes:
    """All that a learner knows after the lesson of that number."""
    return encoded(Frame("state", number, 0, 0, figures.decode(), arrays))


def news(told: bytes) -> bytes:
    """What people should know."""
    return encoded(Frame("news", 0, 0, 0, told.decode(), {}))


class Decoder:
    """Cuts a stream of bytes into frames, wherever it was split; holds one unfinished frame at most."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, received: bytes) -> Iterator[Frame]:
        """The frames that are complete with these bytes.

        Raises:
            WireError: what follows is no frame; the stream cannot be read any further.
        """
        self._buffer += received
        while len(self._buffer) >= _PREFIX.size:
            magic, header_bytes, body_bytes = _PREFIX.unpack_from(self._buffer)
            if magic != MAGIC or header_bytes > MAX_HEADER_BYTES or body_bytes > MAX_BODY_BYTES:
                raise WireError(f"no frame: {magic!r}, header of {header_bytes}, body of {body_bytes} bytes")
            end = _PREFIX.size + header_bytes + body_bytes
            if len(self._buffer) < end:
                return
            whole = bytes(self._buffer[_PREFIX.size : end])
            del self._buffer[:end]
            yield _decoded(whole[:header_bytes], whole[header_bytes:])


def encoded(frame: Frame) -> bytes:
    """A frame as bytes."""
    arrays: Mapping[str, NDArray[Any]] = frame.arrays
    columns = tuple(Column(name, array.dtype.str, array.shape) for name, array in arrays.items())
    header = msgspec.msgpack.encode(Header(*frame[:5], columns))
    body = [array.tobytes() for array in arrays.values()]
    return b"".join([_PREFIX.pack(MAGIC, len(header), sum(map(len, body))), header, *body])


def _decoded(header_bytes: bytes, body: bytes) -> Frame:
    try:
        header = msgspec.msgpack.decode(header_bytes, type=Header)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise WireError(f"no header: {error}") from None
    sizes = [_bytes_of(column) for column in header.columns]
    if sum(sizes) != len(body):
        raise WireError(f"the header names {sum(sizes)} bytes of columns, the body has {len(body)}")
    arrays, start = {}, 0
    for column, size in zip(header.columns, sizes, strict=True):
        flat = np.frombuffer(body[start : start + size], _TYPES[column.dtype])
        arrays[column.name] = _shaped(flat, column.shape)
        start += size
    return Frame(header.kind, header.number, header.target, header.minute_ms, header.text, arrays)


def _shaped(flat: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    try:
        return flat.reshape(shape)
    except ValueError as error:  # more axes, or a longer one, than arrays can have
        raise WireError(f"no column: {error}") from None


def _bytes_of(column: Column) -> int:
    if column.dtype not in _TYPES or any(axis < 0 for axis in column.shape):
        raise WireError(f"no column: {column}")
    return math.prod(column.shape) * _TYPES[column.dtype].itemsize

"""Frames between engine and learner: a small header and raw columns. Pure: bytes in, frames out.

A frame is ``magic, header length, body length`` (4 + 4 + 4 bytes, little-endian), a msgpack header that
names each array with its type and shape, and the arrays' bytes one after the other. Nothing in a frame is
ever executed, and every length is checked before it is believed.

Kinds: ``hello`` (to the learner, first: the features, and the state to go on from), ``lesson`` (to the
learner) and ``view`` (back, one for each lesson, with the lesson's number).
"""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec
import numpy as np

from daemon.scoring.errors import StateError, WireError
from daemon.scoring.view import from_arrays, to_arrays

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from daemon.scoring.questions import Lesson
    from daemon.scoring.view import View

MAGIC = b"TSW1"
"""The format's name and version; a learner of another version is refused at its first frame."""

MAX_HEADER_BYTES = 1 << 16
MAX_BODY_BYTES = 1 << 26
"""A lesson of 100,000 rows of 128 features is 51 MB."""

_PREFIX = struct.Struct("<4sII")
_TYPES = {name: np.dtype(name) for name in ("<f8", "<f4", "<i8", "|b1")}


class Column(msgspec.Struct, array_like=True):
    """What an array in the body looks like."""

    name: str
    dtype: str
    shape: tuple[int, ...]


class Header(msgspec.Struct, array_like=True):
    """What a frame is, and which arrays follow."""

    kind: Literal["hello", "lesson", "view"]
    number: int
    minute_ms: int
    features: tuple[str, ...]
    columns: tuple[Column, ...]


class Frame(NamedTuple):
    """One message.

    Attributes:
        kind: ``hello``, ``lesson`` or ``view``.
        number: of the lesson; that of a view is the lesson it was taken after.
        minute_ms: of the lesson.
        features: texts of the features, in a hello.
        arrays: by name; read-only views of what was received.
    """

    kind: Literal["hello", "lesson", "view"]
    number: int
    minute_ms: int
    features: tuple[str, ...]
    arrays: dict[str, NDArray[Any]]


def hello(features: Sequence[str], start: View) -> bytes:
    """First frame to a learner: what the columns mean, and the state to go on from."""
    return _encoded("hello", 0, 0, tuple(features), to_arrays([start], len(features)))


def lesson(number: int, taught: Lesson) -> bytes:
    """A lesson, reduced to what learning needs."""
    columns = {"features": taught.features, "answer": taught.answer}
    return _encoded("lesson", number, taught.minute_ms, (), columns)


def answer(number: int, view: View) -> bytes:
    """A learner's answer to the lesson of that number."""
    return _encoded("view", number, view.minute_ms, (), to_arrays([view], len(view.weights)))


def view_of(frame: Frame, features: int) -> View:
    """The view in a ``view`` or ``hello`` frame.

    Raises:
        StateError: the arrays are no view of that many features.
    """
    views = from_arrays(frame.arrays, features)
    if len(views) != 1:
        raise StateError(f"expected one view, found {len(views)}")
    return views[0]


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


def _encoded(
    kind: Literal["hello", "lesson", "view"],
    number: int,
    minute_ms: int,
    features: tuple[str, ...],
    arrays: dict[str, NDArray[Any]],
) -> bytes:
    columns = tuple(Column(name, array.dtype.str, array.shape) for name, array in arrays.items())
    header = msgspec.msgpack.encode(Header(kind, number, minute_ms, features, columns))
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
    return Frame(header.kind, header.number, header.minute_ms, header.features, arrays)


def _shaped(flat: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    try:
        return flat.reshape(shape)
    except ValueError as error:  # more axes, or a longer one, than arrays can have
        raise WireError(f"no column: {error}") from None


def _bytes_of(column: Column) -> int:
    if column.dtype not in _TYPES or any(axis < 0 for axis in column.shape):
        raise WireError(f"no column: {column}")
    return math.prod(column.shape) * _TYPES[column.dtype].itemsize

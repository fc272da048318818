"""The engine's state on disk: plain arrays, checked, replaced as a whole.

One file: a line with the length and the checksum of what follows, a directory as JSON (schema; name, type, shape and
checksum of each array), and the bytes of the arrays. Written beside its name, flushed, renamed: a reader finds the old
state or the new one, never a mixture. The checksums are CRC-32: they tell a torn or altered file from a whole one at
the speed of the disk; who can write into the state folder is not kept out by any checksum.

A large array is checked piece by piece and then mapped, not held: whoever takes the state over copies it anyway, and
fresh memory for hundreds of megabytes costs more than to read them.
"""

from __future__ import annotations

import math
import mmap
import os
from contextlib import suppress
from itertools import pairwise
from typing import IO, TYPE_CHECKING
from zlib import crc32

import msgspec
import numpy as np

from streams import failpoints

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

SCHEMA = 3
KEPT_BAD = 3
MAX_BYTES = 4 << 30
_FIRST = b"technic state %d %d\n"
_MAX_FIRST_BYTES = 64
_PIECE_BYTES = 8 << 20
_CHECKED_BYTES = 256 << 10
"""A piece that stays in the processor's cache until its checksum is known."""

_MAPPED_BYTES = 1 << 20
"""Arrays of this size are mapped."""

_ALIGNED = 8
_PLAIN = "biufSU"


class StateRefusedError(Exception):
    """A state file that cannot be trusted; the caller sets it aside and starts cold."""


class _Array(msgspec.Struct, array_like=True):
    name: str
    dtype: str
    shape: tuple[int, ...]
    crc: int

    @property
    def size_bytes(self) -> int:
        return np.dtype(self.dtype).itemsize * math.prod(self.shape)


class _Directory(msgspec.Struct):
    schema: int
    arrays: list[_Array]


def write(path: Path, arrays: Mapping[str, NDArray[np.generic]], before: Path | None = None) -> int:
    """Replace the state at `path` by `arrays`; returns bytes written.

    Args:
        path: of the state.
        arrays: by name.
        before: where the state that is replaced is kept, if anywhere.

    Raises:
        OSError: the disk is full or not writable; the old state stands.
    """
    failpoints.reach("before_snapshot")
    plain = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    entries = [_Array(name, a.dtype.str, a.shape, crc32(_bytes(a))) for name, a in plain.items()]
    beside = path.with_name(path.name + ".tmp")
    with beside.open("wb") as file:
        file.write(_head(entries))
        for array in plain.values():
            _write_evenly(file, _bytes(array))
            failpoints.reach("in_snapshot")
        file.flush()
        os.fsync(file.fileno())
        size = file.tell()
    if before and path.exists():
        beside_before = before.with_name(before.name + ".tmp")
        beside_before.unlink(missing_ok=True)
        with suppress(OSError):  # a file system without hard links keeps the newest only
            beside_before.hardlink_to(path)
            beside_before.replace(before)
    beside.replace(path)
    _sync_folder(path.parent)
    failpoints.reach("after_snapshot")
    return size


def read(path: Path, wanted: Callable[[str], bool] = lambda _name: True) -> dict[str, NDArray[np.generic]] | None:
    """The state at `path`, None where there is none; only the arrays whose names are wanted are read and checked.

    The arrays can be written to, and the file stays as it is; but copy what is to last: of the large ones a page comes
    from the file when it is first looked at, and the file stays open for as long as one of them is held.

    Raises:
        StateRefusedError: torn, altered, of another schema, or too large.
    """
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > MAX_BYTES:
                raise StateRefusedError(f"{path}: {size} bytes, more than {MAX_BYTES}")
            directory = _read_directory(path, file, size)
            if file.tell() + sum(entry.size_bytes for entry in directory.arrays) != size:
                raise _torn(path)
            mapped = np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY), np.uint8)
            arrays = {}
            for entry in directory.arrays:
                if wanted(entry.name):
                    arrays[entry.name] = _read_array(path, file, entry, mapped)
                else:
                    file.seek(entry.size_bytes, os.SEEK_CUR)
            return arrays
    except FileNotFoundError:
        return None


def _head(entries: list[_Array]) -> bytes:
    """First line and directory; this ends in as many blanks as it takes for the arrays to begin aligned."""
    text = msgspec.json.encode(_Directory(SCHEMA, entries))
    padded = (text + b" " * blanks for blanks in range(2 * _ALIGNED))
    return min((_FIRST % (len(t), crc32(t)) + t for t in padded), key=lambda head: len(head) % _ALIGNED)


def _write_evenly(file: IO[bytes], content: memoryview) -> None:
    """Let the disk take it piece by piece: one flush of all would keep it from everybody else for a second."""
    for at in range(0, len(content), _PIECE_BYTES):
        piece = content[at : at + _PIECE_BYTES]
        file.write(piece)
        if len(piece) == _PIECE_BYTES:
            file.flush()
            os.fdatasync(file.fileno())


def quarantine(path: Path, *, leave: bool = False) -> Path:
    """Set the file at `path` aside as ``.bad``, so that it can be looked at; of several the newest `KEPT_BAD` stay.

    Args:
        path: the file.
        leave: keep it under its own name, too, until the next `write` replaces it.

    Returns:
        Where it is: ``NAME.bad``; older ones are ``NAME.bad.1`` and so on.
    """
    names = [path.with_name(f"{path.name}.bad{number}") for number in ("", *(f".{n}" for n in range(1, KEPT_BAD)))]
    for newer, older in reversed(list(pairwise(names))):
        if newer.exists():
            newer.replace(older)
    if leave:
        names[0].hardlink_to(path)
    else:
        path.replace(names[0])
    return names[0]


def _read_directory(path: Path, file: IO[bytes], size: int) -> _Directory:
    first = file.readline(_MAX_FIRST_BYTES).split()
    if len(first) != len(_FIRST.split()) or first[:2] != _FIRST.split()[:2]:
        raise StateRefusedError(f"{path}: no state file of technic")
    if not all(number.isdigit() for number in first[2:]) or int(first[2]) > size:
        raise _torn(path)
    text = file.read(int(first[2]))
    if _FIRST % (len(text), crc32(text)) != b" ".join(first) + b"\n":
        raise _torn(path)
    try:
        directory = msgspec.json.decode(text, type=_Directory)
        types = [np.dtype(entry.dtype) for entry in directory.arrays]
    except (msgspec.DecodeError, TypeError, ValueError) as error:
        raise StateRefusedError(f"{path}: not a state that this version reads: {error}") from error
    if directory.schema != SCHEMA:
        raise StateRefusedError(f"{path}: schema {directory.schema}, this version reads {SCHEMA}")
    if any(type_.kind not in _PLAIN for type_ in types) or any(min(e.shape, default=0) < 0 for e in directory.arrays):
        raise StateRefusedError(f"{path}: holds something other than plain numbers")
    return directory


def _read_array(path: Path, file: IO[bytes], entry: _Array, mapped: NDArray[np.uint8]) -> NDArray[np.generic]:
    at, size = file.tell(), entry.size_bytes
    if size >= _MAPPED_BYTES and at % _ALIGNED == 0:
        room, array = np.empty(_CHECKED_BYTES, np.uint8), mapped[at : at + size].view(entry.dtype).reshape(entry.shape)
    else:
        array = np.empty(entry.shape, entry.dtype)
        room = array.reshape(-1).view(np.uint8)
    if _checksum(file, size, room.data) != entry.crc:
        raise _torn(path)
    return array


def _checksum(file: IO[bytes], size: int, room: memoryview) -> int:
    """Of the next `size` bytes, read into `room`, over and over if that is smaller; -1 if there are fewer.

    Read, even where they are mapped: what the disk does not give is an error here, there it would be a crash.
    """
    crc = 0
    for at in range(0, size, max(len(room), 1)):
        piece = room[: size - at]
        if file.readinto(piece) != len(piece):  # type: ignore[attr-defined]
            return -1
        crc = crc32(piece, crc)
    return crc


def _bytes(array: NDArray[np.generic]) -> memoryview:
    """The bytes of a contiguous array, not copied."""
    return array.reshape(-1).view(np.uint8).data


def _torn(path: Path) -> StateRefusedError:
    return StateRefusedError(f"{path}: checksum does not match, the file is torn or altered")


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

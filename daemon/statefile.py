"""The engine's state on disk: plain arrays, checked, replaced as a whole.

One file: a line of JSON (schema, sha256 of the rest), then an ``.npz`` of plain arrays. Written beside its name,
flushed, renamed: a reader finds the old state or the new one, never a mixture.
"""

from __future__ import annotations

import hashlib
import io
import os
from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

SCHEMA = 1
KEPT_BAD = 3
MAX_BYTES = 4 << 30
_MAX_HEADER_BYTES = 4096


class StateRefusedError(Exception):
    """A state file that cannot be trusted; the caller sets it aside and starts cold."""


class _Header(msgspec.Struct):
    schema: int
    sha256: str
    size: int


def write(path: Path, arrays: Mapping[str, NDArray[np.generic]]) -> int:
    """Replace the state at `path` by `arrays`; returns bytes written.

    Raises:
        OSError: the disk is full or not writable; the old state stands.
    """
    body = io.BytesIO()
    np.savez(body, allow_pickle=False, **arrays)
    payload = body.getvalue()
    header = _Header(SCHEMA, hashlib.sha256(payload).hexdigest(), len(payload))
    beside = path.with_name(path.name + ".tmp")
    with beside.open("wb") as file:
        file.write(msgspec.json.encode(header) + b"\n")
        file.write(payload)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    _sync_folder(path.parent)
    return len(payload)


def read(path: Path) -> dict[str, NDArray[np.generic]] | None:
    """The state at `path`, None where there is none.

    Raises:
        StateRefusedError: torn, altered, of another schema, or too large.
    """
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise StateRefusedError(f"{path}: {size} bytes, more than {MAX_BYTES}")
        with path.open("rb") as file:
            header = _read_header(path, file.readline(_MAX_HEADER_BYTES))
            payload = file.read(header.size + 1)
    except FileNotFoundError:
        return None
    if len(payload) != header.size or hashlib.sha256(payload).hexdigest() != header.sha256:
        raise StateRefusedError(f"{path}: checksum does not match, the file is torn or altered")
    with np.load(io.BytesIO(payload), allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


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


def _read_header(path: Path, line: bytes) -> _Header:
    try:
        header = msgspec.json.decode(line, type=_Header)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StateRefusedError(f"{path}: no state file of technic: {error}") from error
    if header.schema != SCHEMA:
        raise StateRefusedError(f"{path}: schema {header.schema}, this version reads {SCHEMA}")
    return header


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

from __future__ import annotations

from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np
import pytest

from daemon import statefile

if TYPE_CHECKING:
    from pathlib import Path

ARRAYS = {
    "frame/count": np.arange(5),
    "symbols": np.array([b"AAPL", b"BRK.B"], "S16"),
    "x": np.array([np.nan, 0.1]),
    "word": np.array("4.9"),
    "none": np.zeros((0, 3)),
    "turned": np.arange(6.0).reshape(2, 3).T,
}


def test_what_was_written_is_read_back_bit_for_bit(tmp_path: Path) -> None:
    statefile.write(tmp_path / "state", ARRAYS)
    back = statefile.read(tmp_path / "state")
    assert back is not None
    assert {name: (array.shape, array.tobytes()) for name, array in back.items()} == {
        name: (array.shape, array.tobytes()) for name, array in ARRAYS.items()
    }


def test_no_file_is_no_state(tmp_path: Path) -> None:
    assert statefile.read(tmp_path / "state") is None


def test_a_state_cut_at_any_length_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state"
    size = statefile.write(path, {"x": np.arange(3)})
    whole = path.read_bytes()
    for length in range(0, len(whole), max(1, size // 97)):
        path.write_bytes(whole[:length])
        with pytest.raises(statefile.StateRefusedError):
            statefile.read(path)


def test_a_flipped_byte_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state"
    statefile.write(path, {"x": np.arange(3)})
    whole = bytearray(path.read_bytes())
    for position in range(0, len(whole), 7):
        flipped = whole.copy()
        flipped[position] ^= 0xFF
        path.write_bytes(flipped)
        with pytest.raises(statefile.StateRefusedError):
            statefile.read(path)


def test_a_refused_state_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "state"
    path.write_bytes(b"garbage")
    assert statefile.quarantine(path).name == "state.bad"
    assert statefile.read(path) is None


def test_the_newest_three_that_were_set_aside_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "state"
    for number in range(5):
        path.write_text(str(number))
        statefile.quarantine(path, leave=number == 4)
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {
        "state": "4",
        "state.bad": "4",
        "state.bad.1": "3",
        "state.bad.2": "2",
    }


def test_objects_are_refused(tmp_path: Path) -> None:
    directory = b'{"schema":2,"arrays":[["x","|O",[1],0]]}'
    (tmp_path / "state").write_bytes(
        b"technic state %d %d\n" % (len(directory), crc32(directory)) + directory + b"12345678"
    )
    with pytest.raises(statefile.StateRefusedError, match="plain numbers"):
        statefile.read(tmp_path / "state")

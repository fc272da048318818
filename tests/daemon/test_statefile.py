from __future__ import annotations

import tracemalloc
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


LARGE = np.random.default_rng(1).random((4, 1 << 18))


@pytest.mark.parametrize("before", [0, 1, 7, 8], ids="{} bytes before".format)
def test_a_large_array_is_read_back_bit_for_bit_aligned_and_writable(tmp_path: Path, before: int) -> None:
    statefile.write(tmp_path / "state", {"before": np.zeros(before, np.uint8), "large": LARGE, "after": ARRAYS["x"]})
    back = statefile.read(tmp_path / "state")
    assert back is not None
    assert [back[name].tobytes() for name in ("large", "after")] == [LARGE.tobytes(), ARRAYS["x"].tobytes()]
    assert back["large"].flags.aligned
    assert back["large"].flags.writeable


def test_what_is_done_to_an_array_does_not_reach_the_file_nor_a_new_file_the_array(tmp_path: Path) -> None:
    path = tmp_path / "state"
    statefile.write(path, {"large": LARGE})
    once, again = statefile.read(path), statefile.read(path)
    assert once is not None
    assert again is not None
    once["large"][:] = 1.0  # type: ignore[call-overload]
    statefile.write(path, {"large": np.zeros((4, 1 << 18))})
    assert again["large"].tobytes() == LARGE.tobytes()


def test_large_arrays_take_no_memory_before_they_are_copied(tmp_path: Path) -> None:
    statefile.write(tmp_path / "state", {"large": LARGE})
    tracemalloc.start()
    try:
        back = statefile.read(tmp_path / "state")
        assert back is not None
        assert tracemalloc.get_traced_memory()[1] < LARGE.nbytes / 4
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("position", [0.001, 0.3, 0.999])
def test_a_flipped_byte_in_a_large_array_is_refused(tmp_path: Path, position: float) -> None:
    path = tmp_path / "state"
    size = statefile.write(path, {"large": LARGE})
    flipped = bytearray(path.read_bytes())
    flipped[int(size * position)] ^= 1
    path.write_bytes(flipped)
    with pytest.raises(statefile.StateRefusedError):
        statefile.read(path)


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
    directory = b'{"schema":%d,"arrays":[["x","|O",[1],0]]}' % statefile.SCHEMA
    (tmp_path / "state").write_bytes(
        b"technic state %d %d\n" % (len(directory), crc32(directory)) + directory + b"12345678"
    )
    with pytest.raises(statefile.StateRefusedError, match="plain numbers"):
        statefile.read(tmp_path / "state")

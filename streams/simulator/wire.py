"""The vendor's JSON: statuses, bars, and the frames that carry them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.simulator.tape import Emission
    from streams.types import Floats, Longs

MOST_EVENTS: Final = 2_000
"""Events a frame may hold: none is longer than 420 bytes, and a frame stays below the 1,000,000 that clients take."""

ODD_ONE: Final = 61
"""One event in so many carries integral numbers as fractions (``26.0``), as happens on the live feed."""

_encode = msgspec.json.Encoder().encode


class _Bar(msgspec.Struct, omit_defaults=True, gc=False):
    """One ``A`` or ``AM``, fields in the vendor's order; None is left out."""

    ev: str | None = None
    sym: str | None = None
    v: float | None = None
    av: float | None = None
    op: float | None = None
    vw: float | None = None
    o: float | None = None
    c: float | None = None
    h: float | None = None
    l: float | None = None
    a: float | None = None
    z: float | None = None
    s: int | None = None
    e: int | None = None
    dv: str | None = None
    dav: str | None = None


def events(emission: Emission, *, decimals: bool = True) -> list[bytes]:
    """The bars of `emission` as JSON objects, in order; about 2 µs each.

    Prices and decimal volumes are written so that reading them back gives the same double. What is not known (the
    open before 09:30, a vwap that the source does not have) is left out.

    Args:
        emission: the bars.
        decimals: False writes them as before February 2026, without ``dv`` and ``dav``: fractions of shares are lost.
    """
    bars, trade_size = emission.prints
    o, h, l, c, volume, vwap, day_volume, day_open, day_vwap = bars.values
    columns: tuple[list[Any], ...] = (
        [emission.prefix] * bars.size,
        bars.symbol.astype("U16").tolist(),
        _integers(volume),
        _integers(day_volume),
        _known(day_open),
        _known(vwap),
        *(price.tolist() for price in (o, c, h, l)),
        _known(day_vwap),
        _integers(trade_size),
        bars.start_ms.tolist(),
        (bars.start_ms + bars.length_ms).tolist(),
    )
    if decimals:
        columns += (list(map(repr, volume.tolist())), list(map(repr, day_volume.tolist())))
    return list(map(_encode, map(_Bar, *columns)))


def status(kind: str, message: str) -> bytes:
    """One status object."""
    return _encode({"ev": "status", "status": kind, "message": message})


def frame(objects: Sequence[bytes]) -> bytes:
    """The one frame that holds `objects`."""
    return b"[" + b",".join(objects) + b"]"


def frames(objects: Sequence[bytes], most: int) -> list[bytes]:
    """Frames of at most `most` objects each, in order."""
    return [frame(objects[k : k + most]) for k in range(0, len(objects), most)]


def _integers(values: Floats | Longs) -> list[Any]:
    """Whole numbers, fractions cut off; one in `ODD_ONE` is a float all the same."""
    whole: list[Any] = values.astype(np.int64).tolist()
    whole[ODD_ONE - 1 :: ODD_ONE] = map(float, whole[ODD_ONE - 1 :: ODD_ONE])
    return whole


def _known(values: Floats) -> list[Any]:
    """The numbers, None for NaN."""
    missing = np.isnan(values)
    numbers: list[Any] = values.tolist()
    for position in np.flatnonzero(missing):
        numbers[position] = None
    return numbers

"""What a state holds is believed only when it has the shape, type and bounds that it was saved with. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from daemon.scoring.errors import StateError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Arrays = Mapping[str, NDArray[Any]]

GREATEST = 1e15
"""Nothing that is counted or summed up is larger; sums of such numbers neither overflow nor lose a count."""


def checked(
    arrays: Arrays,
    name: str,
    kind: type,
    shape: tuple[int | None, ...],
    low: float = -GREATEST,
    high: float = GREATEST,
) -> NDArray[Any]:
    """A copy of a saved array.

    Args:
        arrays: by name.
        name: of the one.
        kind: its type.
        shape: its shape; None where an axis may have any length.
        low: no number is smaller.
        high: no number is larger; NaN is neither.

    Raises:
        StateError: absent, or not so.
    """
    array = shaped(arrays, name, kind, shape)
    if array.size and not (array.min() >= low and array.max() <= high):
        raise StateError(f"{name} holds numbers that are not within {low:g} to {high:g}")
    return array.copy()


def shaped(arrays: Arrays, name: str, kind: type, shape: tuple[int | None, ...]) -> NDArray[Any]:
    """The array itself, whatever numbers it holds; see `checked`.

    Raises:
        StateError: absent, or of another type or shape.
    """
    array = arrays.get(name)
    found = "nothing" if array is None else f"{array.dtype}{list(array.shape)}"
    if array is None or array.dtype != kind or not _fits(array.shape, shape):
        wanted = ", ".join("n" if axis is None else str(axis) for axis in shape)
        raise StateError(f"{name} is {found}, not {np.dtype(kind)}[{wanted}]")
    return array


def under(arrays: Arrays, name: str) -> dict[str, NDArray[Any]]:
    """All arrays saved as ``name/...``, without that."""
    prefix = f"{name}/"
    return {key.removeprefix(prefix): array for key, array in arrays.items() if key.startswith(prefix)}


def _fits(found: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    return len(found) == len(wanted) and all(w in {None, f} for w, f in zip(wanted, found, strict=True))

"""The indicators of a frame, each with its arguments, its state and where its values go."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from indicators.jit import KernelFunction
    from indicators.spec import Spec
    from indicators.types import Floats


@dataclass(frozen=True, slots=True)
class Instance:
    """A spec at work; the arrays are stretches of larger ones.

    Attributes:
        spec: what is computed.
        kernel: its kernel, and `params` what that is handed.
        params: see `indicators.jit.Step`.
        state: ``float64[capacity, width]``.
        out: ``float64[outputs, capacity]``.
        peeked: ``float64[outputs, capacity]``.
    """

    spec: Spec
    kernel: KernelFunction
    params: Floats
    state: Floats
    out: Floats
    peeked: Floats

    def restore(self, arrays: Mapping[str, np.ndarray[Any, Any]], size: int) -> bool:
        """Take over the saved state of `size` rows; False, with nothing changed, if there is none that fits."""
        state = arrays.get(f"state/{self.spec.key}")
        out = arrays.get(f"out/{self.spec.key}")
        if state is None or out is None:
            return False
        if state.shape != (size, self.state.shape[1]) or out.shape != (len(self.out), size):
            return False
        self.state[:size] = state
        self.out[:, :size] = out
        return True


def placed(
    specs: Sequence[Spec], room: Floats, reads: Mapping[tuple[str, int], int], out: Floats, peeked: Floats
) -> list[Instance]:
    """An instance of each spec, their states side by side in `room` and their values in `out` and `peeked`.

    One stretch of memory for all: large enough for huge pages, which halve the cost.
    """
    capacity = out.shape[1]
    rooms = pairwise(accumulate((spec.width * capacity for spec in specs), initial=0))
    columns = pairwise(accumulate((len(spec.outputs) for spec in specs), initial=0))
    return [
        Instance(
            spec=spec,
            kernel=spec.indicator.kernel,
            params=np.array([*spec.numbers, *(reads[read] for read in spec.reads)], np.float64),
            state=room[first:last].reshape(capacity, spec.width),
            out=out[a:b],
            peeked=peeked[a:b],
        )
        for spec, (first, last), (a, b) in zip(specs, rooms, columns, strict=True)
    ]

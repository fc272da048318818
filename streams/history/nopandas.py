"""Import this before pyarrow, where pandas is not wanted: pyarrow then goes without.

pyarrow looks for pandas once, at the first array that it makes, and loads it if it can: 30 MB and 0.25 s of a process
that has no use for it. It is told that there is none; whoever else imports pandas, before or after, gets it.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class _Absent:
    """Finds nothing, and lets nobody else find pandas."""

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> None:
        if name == "pandas":
            raise ModuleNotFoundError(name)


@contextmanager
def _without() -> Iterator[None]:
    absent = _Absent()
    sys.meta_path.insert(0, absent)
    try:
        yield
    finally:
        sys.meta_path.remove(absent)


with _without():
    import pyarrow as pa

    pa.array([0])

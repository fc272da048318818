"""Every indicator there is: one file each, with its recurrence, its slow twin, and what is known of it, `INDICATOR`.

Adding one is adding a file here; the laws of ``tests/indicators/test_laws.py`` apply by themselves.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

from indicators.errors import UnknownIndicatorError
from indicators.spec import bind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from indicators.spec import Indicator, Spec


class Catalogue:
    """Indicators by name."""

    def __init__(self, indicators: Iterable[Indicator]) -> None:
        self._by_name = {indicator.name: indicator for indicator in indicators}

    @property
    def names(self) -> tuple[str, ...]:
        """All names, in alphabetical order."""
        return tuple(sorted(self._by_name))

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def __iter__(self) -> Iterator[Indicator]:
        return (self._by_name[name] for name in self.names)

    def __len__(self) -> int:
        return len(self._by_name)

    def __getitem__(self, name: str) -> Indicator:
        """The entry of this name.

        Raises:
            UnknownIndicatorError: there is none; names the nearest.
        """
        if name not in self._by_name:
            raise UnknownIndicatorError(name, self._by_name)
        return self._by_name[name]

    def spec(self, name: str, arguments: Sequence[object] = ()) -> Spec:
        """The indicator `name` called with `arguments`, defaults filled in.

        Raises:
            UnknownIndicatorError: no such name; names the nearest.
            ArgumentError: an argument has the wrong type, is out of range, or one too many.
        """
        return bind(self[name], arguments)


def _entries() -> Iterator[Indicator]:
    for module in iter_modules(__path__, f"{__name__}."):
        yield import_module(module.name).INDICATOR


CATALOGUE = Catalogue(_entries())
"""What there is."""

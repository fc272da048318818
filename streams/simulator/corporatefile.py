"""Splits, dividends, news, related companies and holidays from a JSON file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from streams.simulator.corporate import Corporate
from streams.simulator.errors import SimulatorError

if TYPE_CHECKING:
    from pathlib import Path


class CorporateFileError(SimulatorError):
    """The file cannot be used. Stop: a person names another file, or mends this one.

    Attributes:
        path: the file.
        what: what is wrong with it, and where.
    """

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(path, what)
        self.path, self.what = path, what

    def __str__(self) -> str:
        return f"corporate file {self.path}: {self.what}"


def read_corporate(path: Path) -> Corporate:
    """All that the file says: an object with any of ``splits, dividends, news, related, holidays``.

    Raises:
        CorporateFileError: the file is absent or foreign; says which field is at fault.
    """
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Corporate)
    except OSError as error:
        raise CorporateFileError(path, error.strerror or str(error)) from error
    except msgspec.DecodeError as error:
        raise CorporateFileError(path, str(error)) from error
    for split in found.splits:
        if not (split.split_from > 0 and split.split_to > 0):
            raise CorporateFileError(path, f"a split of {split.ticker} turns {split.split_from:g} shares into"
                                           f" {split.split_to:g}; both must be above 0")  # fmt: skip
    return found

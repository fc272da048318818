"""A text file that names symbols, as commands take it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import numpy as np

from daemon.commands.errors import SymbolsFileError
from streams.bars import SYMBOL

if TYPE_CHECKING:
    from pathlib import Path

    from streams.types import Symbols

HEADINGS: Final = ("symbol", "symbols", "ticker", "tickers")


def symbols_of(path: Path) -> Symbols:
    """Symbols of a text file, separated by blanks, commas or new lines; ``#`` begins a remark.

    A first word ``symbol`` is a heading. Small letters alone are taken for capitals, since no symbol has none.

    Raises:
        SymbolsFileError: it cannot be read, holds none, or something that is none; names the line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SymbolsFileError(path, 0, getattr(error, "strerror", None) or "it is no text") from error
    found: set[bytes] = set()
    for number, line in enumerate(text.splitlines(), 1):
        for word in line.partition("#")[0].replace(",", " ").split():
            if not re.fullmatch(r"[A-Za-z0-9./-]{1,16}", word):
                raise SymbolsFileError(path, number, f"{word:.40} is no symbol")
            if word.casefold() not in HEADINGS or found:
                found.add((word.upper() if word.islower() else word).encode())
    if not found:
        raise SymbolsFileError(path, 0, "it names no symbol")
    return np.array(sorted(found), SYMBOL)

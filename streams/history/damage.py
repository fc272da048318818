"""Files that are not what was written: set aside under another name, never deleted, and told in the log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.parquet as pq
import structlog

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

log = structlog.get_logger()

SUFFIX: Final = ".damaged"


def damaged_parts(files: Iterable[Path]) -> list[Path]:
    """Those of `files` that cannot be read as Parquet although the disk gives them. Cost: all of them are read."""
    return [file for file in files if not _sound(file)]


def set_aside(file: Path, why: str) -> None:
    """Give a file a name under which nothing looks for it, beside one that was set aside before.

    Raises:
        OSError: the disk does not allow it.
    """
    aside = next(place for place in _places(file) if not place.exists())
    file.rename(aside)
    remedy = "the rest is read; what it held is fetched anew, or restored from a copy"
    log.warning("history file set aside", file=str(file), now=str(aside), what=why, remedy=remedy)


def _places(file: Path) -> Iterable[Path]:
    yield file.with_name(file.name + SUFFIX)
    number = 2
    while True:
        yield file.with_name(f"{file.name}{SUFFIX}-{number}")
        number += 1


def _sound(file: Path) -> bool:
    try:
        pq.read_table(file, partitioning=None)
    except FileNotFoundError:
        return True  # merged away by a writer
    except pa.ArrowInvalid:
        return False
    except OSError as error:
        return error.errno is not None  # the disk's own trouble has a number; Parquet's has none
    return True

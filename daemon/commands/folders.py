"""Whether a configured folder can be worked in, found out before anything is started in it."""

from __future__ import annotations

import errno
import tempfile
from typing import TYPE_CHECKING

from daemon.mistakes import Mistake

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from daemon.configfile import Loaded

PASSING = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE})
"""What may be better the next time, and is no mistake of the configuration."""

REMEDY = "name a folder that this user can make and write in"


def unusable_folders(loaded: Loaded, keys: Sequence[str]) -> Iterator[Mistake]:
    """A mistake for each of these keys of section ``state`` whose folder cannot be worked in; leaves nothing behind.

    A cache that is there and cannot be written in is none: it costs time at each start, and no more.
    """
    for key in keys:
        folder = getattr(loaded.config.state, key)
        reason = "" if key == "cache" and folder.is_dir() else _refusal(folder)
        if reason:
            yield Mistake(loaded.where(("state", key)), f"state.{key} {folder} cannot be used: {reason}", REMEDY)


def _refusal(folder: Path) -> str:
    """Why nothing can be made in `folder`, or, while it is absent, in the nearest folder above; empty if it can."""
    try:
        place = next(each for each in (folder, *folder.absolute().parents) if each.exists() or each.is_symlink())
        if not place.is_dir():
            return f"{place} is no folder"
        with tempfile.TemporaryDirectory(prefix=".technic-", dir=place):
            return ""
    except OSError as error:
        return "" if error.errno in PASSING else error.strerror or str(error)

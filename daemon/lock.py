"""One daemon a state folder: two on one key would evict each other from the feed for ever."""

from __future__ import annotations

import fcntl
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class FolderTakenError(Exception):
    """Another daemon works in this folder. Stop: end the other one, or choose another ``state.folder``."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.folder = folder

    def __str__(self) -> str:
        return f"{self.folder}: another technic works in this state folder; stop it, or set state.folder"


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Make `folder`, for its owner alone, and hold its lock; the lock ends with the process, however it ends.

    Raises:
        FolderTakenError: another process holds it.
        OSError: the folder cannot be made.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / "technic.lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise FolderTakenError(folder) from error
        yield

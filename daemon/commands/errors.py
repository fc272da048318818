"""What can go wrong in a command itself, and who acts.

* `OutputError`: **stop**. A file to be written cannot be; a person names another one.
* `SymbolsFileError`: **stop**. A list of symbols cannot be used; a person mends it.
* `FaultsFileError`: **stop**. A file of faults cannot be read; a person names another one.
* `NoServerError`: **stop**. The embedded server does not run; a person starts the daemon.
* `ChannelsUntoldError`: **stop**. A test message did not reach a channel; a person sees to it, and tests again.
* `NoMarketTimeError`: **stop**. A simulated exchange does not tell its time; a person starts it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class OutputError(Exception):
    """A file that was asked for cannot be written."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(path, reason)
        self.path, self.reason = path, reason

    def __str__(self) -> str:
        return f"{self.path} cannot be written: {self.reason}; name another file"


class FaultsFileError(Exception):
    """A file of faults cannot be read."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(path, reason)
        self.path, self.reason = path, reason

    def __str__(self) -> str:
        return f"faults file {self.path}: {self.reason}; name another file"


class NoServerError(Exception):
    """The embedded server, a child of the daemon, is not there."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.url = url

    def __str__(self) -> str:
        return f"nothing listens at {self.url}: start `technic run` with this state.folder, or set redis.url"


class NoMarketTimeError(Exception):
    """A simulated exchange does not tell what time it is there."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(url, reason)
        self.url, self.reason = url, reason

    def __str__(self) -> str:
        return f"the exchange at {self.url} does not tell its time: {self.reason}; start it, or see feed.url"


class ChannelsUntoldError(Exception):
    """Some channels did not take the test message; which ones and why was shown."""


class SymbolsFileError(Exception):
    """A file that should name symbols does not; line 0 is the file as a whole."""

    def __init__(self, path: Path, line: int, reason: str) -> None:
        super().__init__(path, line, reason)
        self.path, self.line, self.reason = path, line, reason

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.line else str(self.path)
        return f"{place}: {self.reason}; write symbols separated by blanks, commas or new lines, # begins a remark"

"""What can go wrong with the simulated exchange, and who acts.

* `SimulatorError`

  * `PortTakenError`: **stop**. Another program listens there, or this one may not.
  * `SourceError`: **stop**. There is nothing that could be served.
"""

from __future__ import annotations

from streams.errors import StreamError


class SimulatorError(StreamError):
    """The simulated exchange cannot serve."""


class PortTakenError(SimulatorError):
    """The address cannot be listened on.

    Attributes:
        host, port: the address asked for.
        reason: what the system says.
    """

    def __init__(self, host: str, port: int, reason: str) -> None:
        super().__init__(host, port, reason)
        self.host, self.port, self.reason = host, port, reason

    def __str__(self) -> str:
        return f"cannot listen on {self.host}:{self.port}: {self.reason}; choose another port, or 0 for a free one"


class SourceError(SimulatorError):
    """The bars asked for do not exist: an empty file, a weekend, a market of no symbols."""

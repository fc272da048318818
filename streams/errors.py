"""Errors of the edges; each leaf says who acts.

* `StreamError`

  * `FeedError`

    * `AuthRejected`: **stop**. The exchange refuses the key; asking again can only get the key locked.
    * `CertificateRejected`: **stop**. The exchange's certificate does not prove its name, three times running.

  * `MarketClockError`: **retry**. The exchange's market time could not be read.
  * `streams.barfile.BarFileError`: **stop**. The file is unreadable or foreign.
  * `streams.chat.errors.ChatSettingsError`: **stop** with this channel. Its settings cannot work.
  * `streams.simulator.errors.SimulatorError`: **stop**. The simulated exchange has no port, or nothing to serve.
"""

from __future__ import annotations


class StreamError(Exception):
    """Base of all errors that an edge raises on purpose."""


class FeedError(StreamError):
    """The feed cannot go on."""


class AuthRejected(FeedError):  # noqa: N818 - the name says what happened
    """The exchange refuses the key.

    Attributes:
        message: what the exchange says.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:
        return (
            f"the exchange refuses the API key: {self.message!r}. "
            "Check `feed.key`, and that the plan includes websockets."
        )


class CertificateRejected(FeedError):  # noqa: N818 - as above
    """The exchange's certificate is not that of the host in the address.

    Attributes:
        reason: what is wrong with it.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return (
            f"the exchange's certificate is refused: {self.reason}. Check `feed.url`, this machine's date, and its "
            "certificate authorities (package ca-certificates)."
        )


class MarketClockError(StreamError):
    """The exchange's market time could not be read.

    Attributes:
        reason: what happened, without the address's query.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"no market time from the exchange: {self.reason}. Asked again at the next poll."

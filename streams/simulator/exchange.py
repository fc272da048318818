"""The exchange's side of one connection, without a socket: what a client sent in, what it is told out."""

from __future__ import annotations

import hmac
from enum import Enum
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
import numpy as np

from streams.bars import SYMBOL
from streams.simulator import wire

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from streams.types import Symbols

PREFIXES: Final = frozenset({"A", "AM", "T", "Q", "LULD", "NOI"})
"""What a stock market's feed can be asked for; any other prefix is passed over in silence."""

ENTITLED: Final = frozenset({"A", "AM", "LULD"})
"""What the plan includes by default. LULD tells of halts alone."""

GREETING: Final = wire.frame([wire.status("connected", "Connected Successfully")])
AUTH_TIMEOUT: Final = wire.frame([wire.status("auth_timeout", "No authentication request received.")])
SLOW_CONSUMER: Final = wire.frame([wire.status("slow_consumer", "The client does not read fast enough.")])
MAX_CONNECTIONS: Final = wire.frame(
    [wire.status("max_connections", "Maximum number of websocket connections exceeded. ")]
)

MOST_CHANNELS: Final = 100_000
"""Channels one connection may subscribe; further ones are passed over, so that memory stays bounded."""

_NOT_AUTHORIZED = wire.status("error", "not authorized")


class _Request(msgspec.Struct):
    action: str
    params: str


_decode = msgspec.json.Decoder(_Request).decode


class Channel(NamedTuple):
    """What is asked for: a prefix, and a ticker or ``*``."""

    prefix: str
    ticker: str

    def __str__(self) -> str:
        return f"{self.prefix}.{self.ticker}"


class Fate(Enum):
    """What becomes of the connection."""

    STAYS = "stays"
    ABORTED = "aborted"
    """Dropped without a close frame once the answer is out."""


class Answer(NamedTuple):
    """What the server does upon a message: at most one frame, and perhaps an end."""

    frame: bytes | None = None
    fate: Fate = Fate.STAYS


SILENCE: Final = Answer()


class Conduct(NamedTuple):
    """How the exchange treats those who log in.

    Attributes:
        rejects_key: the right key is refused, too.
        cuts_login: who has shown the right key is dropped.
        acknowledges: subscriptions are answered.
        denied: prefixes that are not authorized, whatever the plan includes.
    """

    rejects_key: bool = False
    cuts_login: bool = False
    acknowledges: bool = True
    denied: frozenset[str] = frozenset()


USUAL: Final = Conduct()


class Session:
    """One client: whether it may read, and what it wants.

    What the vendor's reaction to is not known is passed over in silence: messages that are not understood, and
    subscriptions before the key.

    Args:
        key: the key that is accepted.
        entitled: prefixes the plan includes.
        conduct: how it is treated at the moment.

    Attributes:
        authenticated: whether the key was right.
        channels: what is subscribed.
    """

    def __init__(
        self, key: str, entitled: Collection[str] = ENTITLED, conduct: Callable[[], Conduct] = lambda: USUAL
    ) -> None:
        self.authenticated = False
        self.channels: set[Channel] = set()
        self._key, self._entitled, self._conduct = key, frozenset(entitled), conduct
        self._tickers: dict[str, Symbols] = {}

    def receive(self, message: str | bytes) -> Answer:
        """Take one message of the client."""
        try:
            request = _decode(message)
        except (msgspec.DecodeError, UnicodeEncodeError):
            return SILENCE
        if request.action == "auth":
            return self._authenticate(request.params)
        if not self.authenticated:
            return SILENCE
        if request.action == "subscribe":
            return self._subscribe(list(_channels(request.params)))
        if request.action == "unsubscribe":
            return self._unsubscribe(list(_channels(request.params)))
        return SILENCE

    def wanted(self, prefix: str, symbols: Symbols) -> Sequence[int] | None:
        """Which of `symbols` this client gets as `prefix`.

        Args:
            prefix: ``A`` or ``AM``.
            symbols: ``S16[n]``.

        Returns:
            Positions in order; None means all of them, so that frames can be shared.
        """
        if Channel(prefix, "*") in self.channels:
            return None
        tickers = self._tickers.get(prefix)
        if tickers is None:
            return []
        positions: list[int] = np.flatnonzero(np.isin(symbols, tickers)).tolist()
        return positions

    def _authenticate(self, key: str) -> Answer:
        conduct = self._conduct()
        right = hmac.compare_digest(key.encode(errors="replace"), self._key.encode())
        if right and not conduct.rejects_key:
            self.authenticated = True
            fate = Fate.ABORTED if conduct.cuts_login else Fate.STAYS
            return Answer(wire.frame([wire.status("auth_success", "authenticated")]), fate)
        return Answer(wire.frame([wire.status("auth_failed", "authentication failed")]), Fate.ABORTED)

    def _subscribe(self, asked: Sequence[Channel]) -> Answer:
        """Refusals first, naming no channel; then one acknowledgement for each channel that is new."""
        conduct = self._conduct()
        entitled = self._entitled - conduct.denied
        known = [channel for channel in asked if channel.prefix in PREFIXES]
        refused = [_NOT_AUTHORIZED for channel in known if channel.prefix not in entitled]
        fresh = dict.fromkeys(channel for channel in known if channel.prefix in entitled)
        added = [channel for channel in fresh if channel not in self.channels]
        added = added[: max(MOST_CHANNELS - len(self.channels), 0)]
        self._change(self.channels.union(added))
        if not conduct.acknowledges:
            return SILENCE
        return _answer(refused + [wire.status("success", f"subscribed to: {channel}") for channel in added])

    def _unsubscribe(self, asked: Sequence[Channel]) -> Answer:
        removed = [channel for channel in dict.fromkeys(asked) if channel in self.channels]
        self._change(self.channels.difference(removed))
        return _answer([wire.status("success", f"unsubscribed to: {channel}") for channel in removed])

    def _change(self, channels: set[Channel]) -> None:
        self.channels = channels
        wanted: dict[str, list[bytes]] = {}
        for prefix, ticker in channels:
            name = ticker.encode(errors="replace")
            if len(name) <= SYMBOL.itemsize:
                wanted.setdefault(prefix, []).append(name)
        self._tickers = {prefix: np.array(names, SYMBOL) for prefix, names in wanted.items()}


def _channels(params: str) -> Iterator[Channel]:
    """The channels of a comma-separated list; split at the first dot, for tickers have dots too."""
    for item in params.split(","):
        prefix, dot, ticker = item.strip().partition(".")
        if dot and ticker:
            yield Channel(prefix, ticker)


def _answer(objects: Sequence[bytes]) -> Answer:
    return Answer(wire.frame(objects)) if objects else SILENCE

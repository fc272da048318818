"""Asks a simulated exchange what time it is there."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import aiohttp

from streams.errors import MarketClockError
from streams.polygon.servertime import Anchor, parse

if TYPE_CHECKING:
    from streams.secret import Secret
    from streams.types import Clock

DEADLINE_S: Final = 2.0
MAX_BODY_BYTES: Final = 64 << 10


class MarketClock:
    """The exchange's time as a `streams.types.Clock`: polled, and carried on by the monotonic clock in between.

    Args:
        rest_url: origin of the exchange's REST, without a slash at its end.
        clock: the machine's; until the first poll its wall time stands in.
        http: the client session to ask with; owned by the caller.
        speed: market seconds a second.
        key: sent as a bearer token where the exchange wants one.
    """

    def __init__(
        self,
        rest_url: str,
        *,
        clock: Clock,
        http: aiohttp.ClientSession,
        speed: float = 1.0,
        key: Secret | None = None,
    ) -> None:
        self._url = f"{rest_url}/v1/marketstatus/now"
        self._clock, self._http, self._speed, self._key = clock, http, speed, key
        self._anchor: Anchor | None = None

    @property
    def known(self) -> bool:
        """Whether the exchange has ever told the time."""
        return self._anchor is not None

    def monotonic_s(self) -> float:
        """The machine's monotonic clock."""
        return self._clock.monotonic_s()

    def wall_ms(self) -> int:
        """Market time, milliseconds since the epoch, UTC."""
        if self._anchor is None:
            return self._clock.wall_ms()
        return self._anchor.at(self._clock.monotonic_s())

    async def poll(self) -> int:
        """Ask the exchange; returns its time, half of the round trip added.

        Raises:
            MarketClockError: no answer within two seconds, or none that holds a time. The last one known stands.
        """
        asked_s = self._clock.monotonic_s()
        try:
            async with asyncio.timeout(DEADLINE_S):
                market_ms = parse(await self._ask())
        except (aiohttp.ClientError, OSError) as error:
            raise MarketClockError(f"no answer ({type(error).__name__})") from error
        answered_s = self._clock.monotonic_s()
        self._anchor = Anchor(market_ms, (asked_s + answered_s) / 2, self._speed)
        return self._anchor.at(answered_s)

    async def _ask(self) -> bytes:
        headers = {"Authorization": f"Bearer {self._key.reveal()}"} if self._key else {}
        async with self._http.get(self._url, headers=headers, allow_redirects=False) as answer:
            if answer.status != 200:  # noqa: PLR2004 - HTTP
                raise MarketClockError(f"HTTP status {answer.status}")
            body = bytearray()
            async for piece in answer.content.iter_chunked(MAX_BODY_BYTES):
                body += piece
                if len(body) > MAX_BODY_BYTES:
                    raise MarketClockError(f"an answer of more than {MAX_BODY_BYTES} bytes")
            return bytes(body)

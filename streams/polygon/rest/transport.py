"""One GET after the other: within the plan's rate, within a deadline, again where that may help.

The key goes into a header, to the configured origin, and nowhere else. Redirects are not followed.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import aiohttp
import msgspec
from aiohttp.http_exceptions import ContentEncodingError, DecompressSizeError

from streams.polygon.rest.errors import (
    AnswerRefused,
    KeyRefused,
    NotEntitled,
    NotFound,
    RequestRefused,
    RestError,
    RestUnavailable,
)
from streams.polygon.rest.limiter import TurnRefusedError
from streams.polygon.rest.retry import MOST_TRIES, Circuit, asked_pause_s, pause_s

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping

    from streams.polygon.rest.limiter import Priority, RateLimiter
    from streams.polygon.rest.requests import Ask
    from streams.secret import Secret
    from streams.types import Clock

DEADLINE_S: Final = 30.0
"""For one page, all tries and waiting for a turn together; a turn lies further off only on the smallest plan."""

TRY_S: Final = 10.0
"""For one try: a request that is lost leaves time for the next."""

MOST_BYTES: Final = 16 << 20
"""Of a body, unpacked."""

_CHUNK: Final = 64 << 10
_TOLD: Final = 200
_PACKED_BADLY: Final = (ContentEncodingError, DecompressSizeError)
_FINAL: Final[Mapping[int, type[RestError]]] = {
    HTTPStatus.BAD_REQUEST: RequestRefused,
    HTTPStatus.UNAUTHORIZED: KeyRefused,
    HTTPStatus.FORBIDDEN: NotEntitled,
    HTTPStatus.NOT_FOUND: NotFound,
}


class _Complaint(msgspec.Struct):
    error: str = ""
    message: str = ""


class _PassingError(Exception):
    """Asking again may help; after so many seconds, where the other side says so."""

    def __init__(self, reason: str, after_s: float | None = None, *, limited: bool = False) -> None:
        super().__init__(reason)
        self.after_s, self.limited = after_s, limited


class Transport:
    """The way to the exchange's REST, for all who ask in this process.

    Args:
        origin: scheme, host and port, without a slash at the end.
        key: sent as a bearer token; None for an exchange that wants none.
        http: the client session to ask with; owned by the caller.
        limiter: the plan's rate.
        clock: deadlines and pauses.
        jitter: spreads the tries.
        deadline_s: for one page, waiting for a turn not counted.
        patience_s: how long a turn is waited for; None for as long as it takes.

    Attributes:
        calls: requests sent.
        received: bytes of bodies, unpacked.
        outcomes: answers by endpoint and what became of them, ``ok`` or the name of an error.
    """

    def __init__(
        self,
        origin: str,
        key: Secret | None,
        *,
        http: aiohttp.ClientSession,
        limiter: RateLimiter,
        clock: Clock,
        jitter: random.Random,
        deadline_s: float = DEADLINE_S,
        patience_s: float | None = None,
    ) -> None:
        self.origin = origin
        self.calls = self.received = 0
        self.outcomes: Counter[tuple[str, str]] = Counter()
        self._key, self._http, self._limiter, self._clock, self._jitter = key, http, limiter, clock, jitter
        self._deadline_s, self._patience_s = deadline_s, patience_s
        self._circuit = Circuit()
        self._key_refused = ""
        self._not_entitled: dict[str, str] = {}

    @property
    def refusals(self) -> tuple[RestError, ...]:
        """What the exchange has refused for good, for alarms: the key, endpoints that the plan does not include."""
        key = (KeyRefused("everything", self._key_refused),) if self._key_refused else ()
        return (*key, *(NotEntitled(endpoint, reason) for endpoint, reason in self._not_entitled.items()))

    async def get(self, ask: Ask, priority: Priority) -> bytes:
        """The body of the answer.

        Raises:
            RestError: any of its leaves.
        """
        try:
            self._refuse_known(ask)
            body = await self._within_deadline(ask, priority)
        except RestError as error:
            self.outcomes[ask.endpoint, type(error).__name__] += 1
            self._remember(error)
            raise
        self.outcomes[ask.endpoint, "ok"] += 1
        return body

    def _refuse_known(self, ask: Ask) -> None:
        """What was refused for good is not asked again."""
        if self._key_refused:
            raise KeyRefused(ask.endpoint, self._key_refused)
        if ask.endpoint in self._not_entitled:
            raise NotEntitled(ask.endpoint, self._not_entitled[ask.endpoint])

    def _remember(self, error: RestError) -> None:
        if isinstance(error, KeyRefused):
            self._key_refused = error.reason
        elif isinstance(error, NotEntitled):
            self._not_entitled[error.endpoint] = error.reason

    async def _within_deadline(self, ask: Ask, priority: Priority) -> bytes:
        last = "no answer"
        failures = 0
        left_s = self._deadline_s
        while failures < MOST_TRIES and left_s > 0:
            await self._turn(ask, priority)
            if self._circuit.is_open(self._clock.monotonic_s()):
                raise RestUnavailable(ask.endpoint, f"{self.origin} has not answered for a while ({last})")
            asked_s = self._clock.monotonic_s()
            try:
                async with asyncio.timeout(min(left_s, TRY_S)):
                    body = await self._once(ask)
            except RestError:
                self._circuit.succeeded()  # it answers, if not what was hoped for
                raise
            except ValueError as error:
                raise KeyRefused(ask.endpoint, "it holds characters that no header can") from error
            except (_PassingError, TimeoutError, aiohttp.ClientError, OSError) as error:
                failures += 1
                last = _told(error)
                wait_s = self._failed(error, failures)
                left_s -= self._clock.monotonic_s() - asked_s + wait_s
                if left_s > 0 and failures < MOST_TRIES:
                    await asyncio.sleep(wait_s)
            else:
                self._circuit.succeeded()
                return body
        raise RestUnavailable(ask.endpoint, f"{last} (tried {failures} times at {self.origin})")

    async def _turn(self, ask: Ask, priority: Priority) -> None:
        try:
            async with asyncio.timeout(self._patience_s):
                await self._limiter.turn(priority)
        except (TimeoutError, TurnRefusedError) as error:
            raise RestUnavailable(ask.endpoint, "too many requests wait for the plan's rate") from error

    def _failed(self, error: Exception, failures: int) -> float:
        """Seconds until the next try. A limit pauses everybody, and says nothing of the server's health."""
        wait_s = pause_s(failures, self._jitter)
        if isinstance(error, _PassingError):
            wait_s = max(wait_s, error.after_s or 0.0)
            if error.limited:
                self._limiter.pause(wait_s)
                return wait_s
        self._circuit.failed(self._clock.monotonic_s())
        return wait_s

    async def _once(self, ask: Ask) -> bytes:
        self.calls += 1
        headers = {
            "Accept-Encoding": "gzip",
            **({"Authorization": f"Bearer {self._key.reveal()}"} if self._key else {}),
        }
        async with self._http.get(self.origin + ask.target, headers=headers, allow_redirects=False) as answer:
            body = await self._body(ask, answer)
            if answer.status == HTTPStatus.OK:
                return body
            raise self._refusal(ask, answer, body)

    async def _body(self, ask: Ask, answer: aiohttp.ClientResponse) -> bytes:
        body = bytearray()
        try:
            async for piece in answer.content.iter_chunked(_CHUNK):
                body += piece
                if len(body) > MOST_BYTES:
                    raise AnswerRefused(ask.endpoint, f"the answer is larger than {MOST_BYTES >> 20} MB")
        except aiohttp.ClientPayloadError as error:
            if not isinstance(error.__cause__, _PACKED_BADLY):
                raise
            raise AnswerRefused(ask.endpoint, "the answer cannot be unpacked") from error
        self.received += len(body)
        return bytes(body)

    def _refusal(self, ask: Ask, answer: aiohttp.ClientResponse, body: bytes) -> Exception:
        reason = f"HTTP {answer.status}{_complaint(body)}"
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            after_s = asked_pause_s(answer.headers.get("Retry-After"), self._clock.wall_ms())
            return _PassingError(reason, after_s, limited=True)
        if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.status == HTTPStatus.REQUEST_TIMEOUT:
            return _PassingError(reason, asked_pause_s(answer.headers.get("Retry-After"), self._clock.wall_ms()))
        return _FINAL.get(answer.status, AnswerRefused)(ask.endpoint, reason)


def _complaint(body: bytes) -> str:
    """What the vendor says, on one line and in bounds; nothing where it says it in a way that cannot be read."""
    try:
        found = msgspec.json.decode(body, type=_Complaint)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    text = (found.error or found.message)[:_TOLD]
    return f": {''.join(c if c.isprintable() else '?' for c in text)}" if text else ""


def _told(error: Exception) -> str:
    """For people, and without the address, in which there may be more than they should read."""
    if isinstance(error, _PassingError):
        return str(error)
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return f"the connection failed ({type(error).__name__})"

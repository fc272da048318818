"""The one place that makes clients of Redis."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as LostConnectionError

from streams.redis.errors import RedisUrlError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

SCHEMES = ("redis", "rediss", "unix")
DEADLINE_S = 2.0


def connect(url: str) -> Redis:
    """A client that never retries and never reconnects, for one task at a time; close it when it fails.

    The library would send a write again when its answer is lost, and so double it; and a connection that
    quietly leads to another server, or to the same one emptied, would hide that entries are gone. So a client
    lives as long as its one connection, and whoever uses it owns the retry.

    Deadlines are the caller's too: every exchange, the first of which connects, stands in an ``asyncio.timeout``.
    The library's own would write through ``asyncio.wait_for``, which in Python 3.11 swallows a cancellation that
    comes at the wrong moment, and so holds up the end of the program for ever.

    Args:
        url: ``redis://[user[:password]@]host[:port][/db]``, ``rediss://...`` (TLS, verified; with
            ``?ssl_ca_certs=FILE`` by the certificates in a file instead of the system's) or
            ``unix:///path/to/socket[?db=n]``.

    Raises:
        RedisUrlError: another scheme, or an option that is not known.
    """
    _check_form(url)
    return Redis.from_url(
        url,
        protocol=2,
        retry=Retry(NoBackoff(), 0),
        socket_timeout=None,
        socket_connect_timeout=DEADLINE_S,
        max_connections=1,
        redis_connect_func=_connect_once(),
    )


def check_url(url: str) -> None:
    """Raise `RedisUrlError` if no client can be made of `url`; reads its CA file, and connects to nothing."""
    _check_form(url)
    for file in parse_qs(urlsplit(url).query).get("ssl_ca_certs", ()):
        try:
            ssl.create_default_context(cafile=file)
        except OSError as error:
            reason = error.strerror or str(error)
            raise RedisUrlError(f"ssl_ca_certs of the Redis URL: {file} cannot be used: {reason}") from error


def _check_form(url: str) -> None:
    try:
        parts = urlsplit(url)
        # making a connection, which connects to nothing yet, tells unknown options
        usable = parts.scheme in SCHEMES and bool(parts.path if parts.scheme == "unix" else parts.hostname)
        _ = parts.port
        _ = usable and Redis.from_url(url).connection_pool.make_connection()  # type: ignore[no-untyped-call]
    except (ValueError, TypeError):
        usable = False
    if not usable:
        raise RedisUrlError("not a Redis URL: give redis://host:port/db, rediss://... or unix:///path/to/socket")


def redacted(url: str) -> str:
    """`url` for people: without user, password and options."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _connect_once() -> Callable[[Any], Awaitable[None]]:
    met = False

    async def greet(connection: Any) -> None:
        nonlocal met
        if met:
            raise LostConnectionError("the connection was lost")
        met = True
        await connection.on_connect()

    return greet

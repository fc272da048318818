"""One HTTP request to a chat service: within a deadline, without following it elsewhere, without telling secrets."""

from __future__ import annotations

import hashlib
import uuid
from typing import TYPE_CHECKING, Any, Final

import aiohttp

from streams.chat.message import Answer, Fate
from streams.chat.verdict import Reply

if TYPE_CHECKING:
    from streams.chat.message import Message
    from streams.secret import Secret

DEADLINE_S: Final = 15.0
"""For one request and its answer."""

CONNECT_S: Final = 8.0
"""Of it, at most half, until there is a connection: one that fails here has certainly not taken the message."""

MOST_BYTES: Final = 64 << 10
"""Of an answer; the rest is not read."""

_CHUNK: Final = 16 << 10
_WORTH_HIDING: Final = 8


class Wire:
    """Sends requests of one sender.

    Each request has a connection of its own: one that was kept may have died unseen, and nobody would know then
    whether a message was taken. Cost: a TLS handshake a message.

    Args:
        session: to ask with; owned by the caller.
        secrets: what may not appear in any answer, should a service repeat it.
        deadline_s: for one request.
    """

    def __init__(self, session: aiohttp.ClientSession, secrets: tuple[Secret, ...], deadline_s: float) -> None:
        self._session, self._secrets, self._deadline_s = session, secrets, deadline_s
        self._timeout = aiohttp.ClientTimeout(total=deadline_s, connect=min(CONNECT_S, deadline_s / 2))

    async def ask(self, method: str, address: str, *, headers: dict[str, str] | None = None, **content: Any) -> Reply:
        """The answer to one request.

        Args:
            method: of HTTP.
            address: whole; never told to anyone.
            headers: in addition.
            content: `json` or `data`, as aiohttp takes them.

        Raises:
            NoReplyError: there is none.
        """
        try:
            async with self._session.request(
                method,
                address,
                headers={"Connection": "close", **(headers or {})},
                allow_redirects=False,
                raise_for_status=False,
                timeout=self._timeout,
                **content,
            ) as answer:
                body = await _body(answer)
                return Reply(answer.status, {k.lower(): v for k, v in answer.headers.items()}, self._hide(body))
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            told = f"there is no connection ({type(error).__name__})"
            raise NoReplyError(Answer(Fate.LATER, told)) from None
        except UnicodeError:  # the library raises it as it looks for the host
            raise NoReplyError(Answer(Fate.REFUSED, "its address names a host that cannot be")) from None
        except TimeoutError:
            told = f"no answer within {self._deadline_s:g} s; it may have been taken"
            raise NoReplyError(Answer(Fate.UNKNOWN, told)) from None
        except (aiohttp.ClientError, OSError) as error:
            told = f"the connection broke ({type(error).__name__}); it may have been taken"
            raise NoReplyError(Answer(Fate.UNKNOWN, told)) from None

    def _hide(self, body: bytes) -> str:
        text = body.decode(errors="replace")
        for secret in self._secrets:
            for part in (secret.reveal(), *secret.reveal().split("/")[3:]):
                if len(part) >= _WORTH_HIDING:
                    text = text.replace(part, "***")
        return text


class NoReplyError(Exception):
    """There was no answer; no cause is kept with it, for causes hold addresses.

    Attributes:
        answer: what that means for the message.
    """

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.what)
        self.answer = answer


def key_of(message: Message) -> str:
    """32 characters that are the same for the same alerts: a service that knows them takes the message once.

    A message that tells of no alert has a key that is its own.
    """
    if not message.ids:
        return uuid.uuid4().hex
    return hashlib.sha256("\n".join(message.ids).encode()).hexdigest()[:32]


async def _body(answer: aiohttp.ClientResponse) -> bytes:
    """As much as came; the status alone says much already."""
    body = bytearray()
    try:
        async for piece in answer.content.iter_chunked(_CHUNK):
            body += piece
            if len(body) >= MOST_BYTES:
                break
    except (aiohttp.ClientError, OSError, TimeoutError):
        pass
    return bytes(body[:MOST_BYTES])

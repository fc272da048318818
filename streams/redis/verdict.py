"""What an error of Redis means: our own table, as the library's classes mislead.

Its ``AuthenticationError`` and ``BusyLoadingError`` both are connection errors; out of memory, read-only
and without permission are all plain replies. What matters here is something else: does it pass by itself
(``away``: try again, later and later), or does a person have to act (``refused``: probe now and then, and say
what to do)?
"""

from __future__ import annotations

import re
import ssl
from typing import TYPE_CHECKING, Literal, NamedTuple

from redis import exceptions as library

from streams.outbox import OutboxError
from streams.redis.connection import redacted
from streams.redis.errors import RedisRefusedError

if TYPE_CHECKING:
    import random

LIES = (AttributeError, LookupError, TypeError, ValueError)
"""What reading the answer of something that is no Redis ends in."""

MOST_CHARACTERS = 300
"""Of a server's error text, which is a stranger's."""

_AWAY = (
    library.ReadOnlyError,
    library.BusyLoadingError,
    library.ClusterDownError,  # and MasterDownError
    library.TryAgainError,
    library.ConnectionError,
    library.TimeoutError,
    OSError,
    OutboxError,
)
_REFUSED = (
    (library.OutOfMemoryError, "OOM", "give the server more memory (maxmemory) or remove other keys"),
    (library.NoPermissionError, "NOPERM", "allow the user these commands and keys in the server's ACL"),
    (library.AuthenticationError, "AUTH", "set the right user and password in the Redis URL"),
    (library.AuthenticationWrongNumberOfArgsError, "AUTH", "set user and password in the Redis URL"),
    (library.AuthorizationError, "AUTH", "set the right user and password in the Redis URL"),
    (library.AskError, "CLUSTER", "give a single server or a proxy: a cluster is not supported"),
)
_UNPROVEN = "name the file of its CA in the Redis URL: rediss://host:port/db?ssl_ca_certs=FILE, host as certified"
_WRAPPED = re.compile(r"""caused error: \((?P<quote>['"])(?P<reply>.*)(?P=quote),?\)$""", re.DOTALL)
_AWAY_REPLIES = ("BUSY",)
_REFUSED_REPLIES = {
    "WRONGTYPE": "the key is no stream: rename it, or set another prefix",
    "MISCONF": "the server cannot write its own disk: mend that, see its log",
    "NOREPLICAS": "bring the server's replicas back, or lower min-replicas-to-write",
}


class Verdict(NamedTuple):
    """``away`` passes by itself, ``refused`` needs a person. `code` tells one refusal from the next."""

    state: Literal["away", "refused"]
    code: str
    what: str
    remedy: str


class Backoff(NamedTuple):
    """Seconds between tries: growing, jittered, capped."""

    first_s: float = 0.1
    factor: float = 1.6
    cap_s: float = 5.0

    def delay_s(self, failures: int, jitter: random.Random) -> float:
        """Wait after the `failures`-th failure in a row (from 1): between half and all of the grown delay."""
        grown_s = self.first_s * self.factor ** min(failures - 1, 50)
        return min(grown_s, self.cap_s) * jitter.uniform(0.5, 1.0)


BACKOFF = Backoff()


def judge(error: Exception) -> Verdict:
    """The meaning of an error of the library, the socket, or our own. What is not known needs a person."""
    what = _reply(error)
    if isinstance(error, RedisRefusedError):
        return Verdict("refused", error.code, error.what, error.remedy)
    for kind, code, remedy in _REFUSED:
        if isinstance(error, kind):
            return Verdict("refused", code, what, remedy)
    if isinstance(error.__context__, ssl.SSLCertVerificationError):
        return Verdict("refused", "TLS", what, _UNPROVEN)
    code = what.partition(" ")[0]
    if isinstance(error, _AWAY) or code in _AWAY_REPLIES:
        return Verdict("away", "AWAY", what, "it is tried again until it answers")
    if isinstance(error, library.ResponseError):
        return Verdict("refused", code, what, _REFUSED_REPLIES.get(code, "see the server's log"))
    return Verdict("refused", "ANSWER", f"no answer of Redis: {what}", "see what listens at the Redis URL")


def ended(url: str, verdict: Verdict) -> RedisRefusedError:
    """What a person is told who has to act: of a server that is away, that nobody tries it again."""
    what = f"{redacted(url)}: {verdict.what.rstrip('.')}"
    away = "start the server, or set redis.url to where it is"
    return RedisRefusedError(verdict.code, what, away if verdict.state == "away" else verdict.remedy)


def _reply(error: Exception) -> str:
    """The error's text; for one command of a transaction the library wraps the reply, with the command."""
    text = str(error) or "no answer within the deadline"
    wrapped = _WRAPPED.search(text)
    text = wrapped["reply"] if wrapped else text
    return "".join(c if c.isprintable() else "?" for c in text[:MOST_CHARACTERS])

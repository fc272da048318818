"""What can go wrong with Redis, and who acts.

::

    RedisEdgeError
        RedisUrlError         stop: the configured address is not one of redis://, rediss://, unix://
        RedisRefusedError     the server answers, but says no: a person acts; a sink probes, a follower stops
            FutureIdError     its stream holds an id far in the future, which would drag all later ones along
        TooManyHeldError      stop: a consumer's program asks for more alerts without acknowledging any
        EmbeddedServerError   stop: the embedded server cannot be started, reached or adopted

Errors of the client library and of the socket are judged by `streams.redis.verdict`. None of these texts
holds a password.
"""

from __future__ import annotations


class RedisEdgeError(Exception):
    """Base of all errors of this package."""


class RedisUrlError(RedisEdgeError):
    """The address cannot be used; the text does not repeat it, for it may hold a password."""


class RedisRefusedError(RedisEdgeError):
    """The server will not do what is asked until a person has acted.

    Attributes:
        code: short and stable, for metrics and for telling one refusal from the next.
        what: what happened.
        remedy: what to do.
    """

    def __init__(self, code: str, what: str, remedy: str) -> None:
        super().__init__(code, what, remedy)
        self.code, self.what, self.remedy = code, what, remedy

    def __str__(self) -> str:
        return f"{self.what}; {self.remedy}"


class FutureIdError(RedisRefusedError):
    """The last id of a stream lies far ahead of the clock: not one more entry is to be added to it."""

    def __init__(self, stream: str, last_id: str) -> None:
        what = f"the last id of {stream}, {last_id}, lies far in the future"
        remedy = f"set the clock right, or begin a new stream: RENAME {stream} {stream}:old"
        super().__init__("FUTURE", what, remedy)


class TooManyHeldError(RedisEdgeError):
    """As many alerts as may be are given out and not acknowledged; some have to be before there are more."""

    def __init__(self, held: int) -> None:
        super().__init__(held)
        self.held = held

    def __str__(self) -> str:
        return f"{self.held:,} alerts are given out and not acknowledged: call ack() for those that are done"


class EmbeddedServerError(RedisEdgeError):
    """The embedded server cannot serve; the text tells why, with the last lines of its log."""

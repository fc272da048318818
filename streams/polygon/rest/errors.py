"""What can go wrong with REST, and who acts.

* `RestError`

  * `KeyRefused`: **stop**. The key is wrong; nothing more is asked with it.
  * `NotEntitled`: **stop** for this endpoint. The plan does not include it; nothing more is asked of it.
  * `RequestRefused`: **stop**. The request itself is wrong; it would be refused again.
  * `NotFound`: **skip**. The vendor does not know what was asked about.
  * `AnswerRefused`: **skip**. The answer is not one: garbage, too large, elsewhere. It is thrown away whole.
  * `RestUnavailable`: **retry**. No answer in time, however often it was tried; or it is known that there is none now.

None of these texts holds the key or a query.
"""
# ruff: noqa: N818 - the names say what happened

from __future__ import annotations

from streams.errors import StreamError


class RestError(StreamError):
    """Base of all errors of this package.

    Attributes:
        endpoint: what was asked, by its name in `streams.polygon.rest.requests`.
        reason: what happened.
    """

    remedy = ""

    def __init__(self, endpoint: str, reason: str) -> None:
        super().__init__(endpoint, reason)
        self.endpoint, self.reason = endpoint, reason

    def __str__(self) -> str:
        return f"{self.endpoint} by REST: {self.reason}{self.remedy and '; '}{self.remedy}"


class KeyRefused(RestError):
    """HTTP 401."""

    remedy = "check `feed.key`"


class NotEntitled(RestError):
    """HTTP 403."""

    remedy = "the plan of this key does not include it"


class RequestRefused(RestError):
    """HTTP 400, and other answers that blame the request."""


class NotFound(RestError):
    """HTTP 404."""


class AnswerRefused(RestError):
    """Whatever came is no answer to what was asked."""


class RestUnavailable(RestError):
    """Outages, limits and deadlines; it passes."""

    remedy = "it is asked again when it is needed next"

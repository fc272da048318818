"""What a service's HTTP answer means for a message. Pure."""

from __future__ import annotations

import math
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from streams.chat.message import Answer, Fate
from streams.chat.text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_WAIT_S: Final = 86_400.0
"""What asks for longer is taken for this."""

DELIVERED: Final = Answer(Fate.DELIVERED, "")

_SAID_CHARACTERS: Final = 200
_STATUSES: Final[Mapping[int, Fate]] = {
    HTTPStatus.MOVED_PERMANENTLY: Fate.REFUSED,
    HTTPStatus.FOUND: Fate.LATER,
    HTTPStatus.SEE_OTHER: Fate.LATER,
    HTTPStatus.TEMPORARY_REDIRECT: Fate.LATER,
    HTTPStatus.PERMANENT_REDIRECT: Fate.REFUSED,
    HTTPStatus.UNAUTHORIZED: Fate.REFUSED,
    HTTPStatus.FORBIDDEN: Fate.REFUSED,
    HTTPStatus.NOT_FOUND: Fate.REFUSED,
    HTTPStatus.METHOD_NOT_ALLOWED: Fate.REFUSED,
    HTTPStatus.REQUEST_TIMEOUT: Fate.LATER,
    HTTPStatus.GONE: Fate.REFUSED,
    HTTPStatus.TOO_MANY_REQUESTS: Fate.LATER,
    HTTPStatus.SERVICE_UNAVAILABLE: Fate.LATER,
}
"""Redirects are never followed, for the address may hold a token: those that last need a person, others pass.
What is not here is UNKNOWN: a 500 may have been taken, and a 400 is of this one message."""


class Reply(NamedTuple):
    """What came back, with no secret in it.

    Attributes:
        status: of HTTP.
        headers: by lower-case name.
        body: as text, cut where it is too long.
    """

    status: int
    headers: Mapping[str, str]
    body: str

    @property
    def ok(self) -> bool:
        """Whether the status is one of success."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def document(self) -> dict[str, Any]:
        """The body as a JSON object; empty where it is none."""
        try:
            found = msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}


def by_status(reply: Reply, said: object = "", *, fate: Fate | None = None, wait_s: object = None) -> Answer:
    """What became of a message that got `reply`.

    Args:
        reply: anything but plain success.
        said: the service's own words on it.
        fate: where the service's own words say more than the status.
        wait_s: seconds by the body; preferred to ``Retry-After``, which some services round.
    """
    words = printable(str(said))[:_SAID_CHARACTERS].strip()
    if reply.ok and not words:
        words = "an answer that is not the service's"
    found = fate or _STATUSES.get(reply.status, Fate.UNKNOWN)
    pause_s = (seconds(wait_s) or asked_pause_s(reply.headers)) if found is Fate.LATER else 0.0
    return Answer(found, f"HTTP {reply.status}{words and ': '}{words}", pause_s)


def without_image(answer: Answer) -> Answer:
    """What became of a message whose text was delivered, and whose image met with `answer`."""
    return answer if answer.fate is Fate.DELIVERED else Answer(Fate.DELIVERED, f"without its image: {answer.what}")


def asked_pause_s(headers: Mapping[str, str]) -> float:
    """Seconds that ``Retry-After`` asks for, at most a day; 0 where there is none that can be read.

    A date is measured by the service's own clock, its header ``Date``: ours may be wrong.
    """
    asked = headers.get("retry-after", "").strip()
    if asked.isascii() and asked.replace(".", "", 1).isdigit():
        return seconds(float(asked[:20]))
    try:
        return seconds((parsedate_to_datetime(asked) - parsedate_to_datetime(headers.get("date", ""))).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return 0.0


def seconds(value: object, unit_s: float = 1.0) -> float:
    """`value`, in units of `unit_s`, as a pause from 0 to a day; 0 for what is no number."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return 0.0
    if isinstance(value, float) and not math.isfinite(value):
        return 0.0
    return min(max(value, 0), LONGEST_WAIT_S / unit_s) * unit_s

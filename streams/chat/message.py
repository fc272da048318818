"""What is said to people, and what becomes of it. Pure."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple, Protocol


class Message(NamedTuple):
    """One message, free of any service's markup.

    Attributes:
        title: one line, plain text.
        lines: plain text; the sender escapes the markup and the mentions of its service.
        link: address of the dashboard; "" for none.
        image: a PNG, sent where the service takes one; b"" for none.
        ids: alerts it tells of; shown short, so that a repeat can be recognised. Matrix, and webhooks that look at
            their key, take a message of the very same ids once, whatever else it says.
    """

    title: str
    lines: tuple[str, ...]
    link: str = ""
    image: bytes = b""
    ids: tuple[str, ...] = ()


class Fate(Enum):
    """What became of a message; each says who acts.

    * DELIVERED: nobody. The service took it.
    * LATER: **retry**, as often as it takes. The service asks to wait, or certainly has not taken it.
    * REFUSED: **stop** with this channel. The service will refuse the next one, too.
    * UNKNOWN: **retry** once. It may have been taken, and nobody knows; or the service does not like this one message.
    """

    DELIVERED = "delivered"
    LATER = "later"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class Answer(NamedTuple):
    """What became of one message.

    Attributes:
        fate: in one word.
        what: the same for people, on one line, without any secret; "" where all of it was delivered.
        retry_after_s: seconds that the service asks to wait; 0 where it names none.
    """

    fate: Fate
    what: str
    retry_after_s: float = 0.0


class Sender(Protocol):
    """Sends to one channel of one service."""

    async def send(self, message: Message) -> Answer:
        """Send `message`; ends within the sender's own deadline, and never raises on what a peer does."""

    async def close(self) -> None:
        """Give back what the sender itself has opened; the session it was given is its owner's."""

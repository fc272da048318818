"""What can be wrong with an answer by REST, on purpose: a script of faults for requests by path.

Those of the feed are in `faultkinds`.
"""

from __future__ import annotations

import re
import zlib
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

_JSON: Final = {"Content-Type": "application/json"}
_PIECE: Final = bytes(1 << 20)


class Fault(NamedTuple):
    """One way for an answer to be wrong; built by the functions of this module.

    Attributes:
        kind: ``answer``: the one given here stands in for the true one; ``page``: the true one with another next page;
            ``hang``: none ever comes; ``drip``: the true one comes a byte a second; ``reset``: it breaks off in its
            body; ``cut``: the connection ends in order, but before the body does.
        status: of an answer.
        headers: of an answer.
        body: of an answer.
        next_url: of a page; empty for the page itself.
    """

    kind: Literal["answer", "page", "hang", "drip", "reset", "cut"]
    status: HTTPStatus = HTTPStatus.OK
    headers: Mapping[str, str] = _JSON
    body: bytes = b""
    next_url: str = ""


HANG: Final = Fault("hang")
DRIP: Final = Fault("drip")
RESET: Final = Fault("reset")
CUT: Final = Fault("cut")
LOOP: Final = Fault("page")
GARBAGE: Final = Fault("answer", body=b'\x00<html>{"results": [')
WRONG_SCHEMA: Final = Fault("answer", body=b'{"status":"OK","count":"many","results":{"o":"high","t":[]},"tickers":7}')


def status(code: int, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Fault:
    """An answer of that status."""
    return Fault("answer", HTTPStatus(code), {**_JSON, **(headers or {})}, body)


def redirect(to: str) -> Fault:
    """The answer is elsewhere."""
    return Fault("answer", HTTPStatus.FOUND, {"Location": to})


def next_url(url: str) -> Fault:
    """The true answer, but its next page is at `url`."""
    return Fault("page", next_url=url)


def bomb(size_bytes: int) -> Fault:
    """A small gzipped body that becomes spaces by the million."""
    packer = zlib.compressobj(9, wbits=31)
    spaces = _PIECE.replace(b"\0", b" ")
    pieces = [packer.compress(spaces) for _ in range(max(size_bytes // len(spaces), 1))]
    return Fault("answer", headers={**_JSON, "Content-Encoding": "gzip"}, body=b"".join(pieces) + packer.flush())


class Script:
    """Faults in the order in which they strike.

    Args:
        lines: a pattern that must be found in the path, how many requests, and the fault.
    """

    def __init__(self, *lines: tuple[str, int, Fault]) -> None:
        self._lines = [(re.compile(pattern), fault) for pattern, _, fault in lines]
        self._left = [times for _, times, _ in lines]

    def strike(self, path: str) -> Fault | None:
        """The fault for a request: that of the first line that fits and is not used up; None for none."""
        for k, (pattern, fault) in enumerate(self._lines):
            if self._left[k] and pattern.search(path):
                self._left[k] -= 1
                return fault
        return None

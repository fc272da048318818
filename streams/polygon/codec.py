"""From a frame to columns: the scanner first, the typed decoder for what the scanner leaves, recovery for ruins."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, Final

import numpy as np

from streams.bars import BarBatch, concat, empty
from streams.polygon import elements
from streams.polygon.laws import VERDICTS
from streams.polygon.messages import SAMPLE_BYTES, Band, Decoded, Reason, Reject, Status, bands
from streams.polygon.scan import DONE, FOLLOWERS, FULL, NOT_OBJECT, NUMBERS, TYPED, UNSEEN, scan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streams.polygon.scan import Text, Verdicts
    from streams.types import Longs

ROWS: Final = 8_192
"""Elements read at a time, into memory that is made once."""

SLOW_MOST: Final = 8_192
"""Elements of a frame that are read one by one, which takes 2 to 7 microseconds each; the vendor's frames stay below
1 MB, and hold fewer price bands than that."""

OTHER: Final = "other"
"""The name under which odd and excess unknown types are counted."""

_UNKNOWN_NAMES: Final = 32
_NAME: Final = re.compile(r"[A-Za-z0-9_]{1,16}", re.ASCII)
_OBJECTS: Final = re.compile(rb"\{(?:[^{}]++|\{[^{}]*+\})*+\}")
_FLAT_OBJECTS: Final = re.compile(rb"\{[^{}]*+\}")


class _RuinedError(Exception):
    """The frame's brackets and quotes do not bound its elements."""


class Codec:
    """Decodes frames of one feed, one at a time.

    Holds the scanner's scratch space, and the names of unknown types it has met, so that a peer who invents names
    cannot make the counts grow without end.
    """

    def __init__(self) -> None:
        self._names: set[str] = set()
        self._scratch = _Scratch()

    def decode(self, frame: bytes, arrival_ms: int) -> Decoded:
        """Take `frame` apart. One bad element never costs its neighbours.

        Every input gives a result; nothing is raised. 0.2 microseconds an element in the vendor's canonical form,
        2 to 7 in any other, of which no more than `SLOW_MOST` are looked at.

        Args:
            frame: the payload of one text frame, not yet known to be UTF-8 or JSON.
            arrival_ms: market time at which it arrived, for the columns.
        """
        findings = _Findings(self._names)
        try:
            parts = list(_read(frame, findings, self._scratch))
        except _RuinedError:
            findings = _Findings(self._names)
            findings.reject(Reason.FRAMING, frame)
            parts = [_recover(frame, findings)]
        return findings.decoded(concat(parts), arrival_ms)


class _Findings:
    """What one frame holds besides bars."""

    def __init__(self, names: set[str]) -> None:
        self._names = names
        self._bands: list[Band] = []
        self._statuses: list[Status] = []
        self._rejects: dict[Reason, Reject] = {}
        self._unknown: dict[str, int] = {}
        self.room = SLOW_MOST

    def reject(self, reason: Reason, text: bytes, count: int = 1) -> None:
        """Set `count` elements aside, the first of which is `text`."""
        before = self._rejects.get(reason) or Reject(0, text[:SAMPLE_BYTES])
        self._rejects[reason] = Reject(before.count + count, before.sample)

    def take(self, element: elements.Element, text: bytes) -> elements.Bar | None:
        """Keep `element`, or hand it back if it is a bar."""
        match element:
            case elements.Bar():
                return element
            case Band():
                self._bands.append(element)
            case Status():
                self._statuses.append(element)
            case elements.Unknown():
                name = self._name(element.ev)
                self._unknown[name] = self._unknown.get(name, 0) + 1
            case _:
                self.reject(element, text)
        return None

    def decoded(self, bars: BarBatch, arrival_ms: int) -> Decoded:
        bars.arrival_ms[:] = arrival_ms
        return Decoded(bars, bands(self._bands, arrival_ms), self._statuses, self._rejects, self._unknown)

    def _name(self, ev: str) -> str:
        if ev not in self._names:
            if len(self._names) >= _UNKNOWN_NAMES or not _NAME.fullmatch(ev):
                return OTHER
            self._names.add(ev)
        return ev


class _Scratch:
    """Where the scanner writes: memory that is warm, and as large as it gets."""

    def __init__(self) -> None:
        self.rows = empty(ROWS)
        self.letters = self.rows.symbol.view(np.uint8).reshape(ROWS, -1)
        self.verdict, self.span = np.empty(ROWS, np.int8), np.empty((ROWS, 2), np.int64)
        self.number, self.follower = np.empty(NUMBERS), np.full(FOLLOWERS, UNSEEN)

    def scan(self, text: Text, position: int) -> tuple[int, int, int]:
        rows = self.rows
        columns = self.letters, rows.start_ms, rows.length_ms, rows.values
        return scan(text, position, *columns, self.verdict, self.span, self.number, self.follower)

    def taken(self, count: int) -> BarBatch:
        """A copy of the first `count` rows."""
        return BarBatch._make(column[..., :count].copy() for column in self.rows)


def _read(frame: bytes, findings: _Findings, scratch: _Scratch) -> Iterator[BarBatch]:
    """Bars of a frame whose brackets hold; raises `_RuinedError` where they do not."""
    text = np.frombuffer(frame.rstrip(), np.uint8)
    position, outcome = 0, FULL
    while outcome == FULL:
        count, position, outcome = scratch.scan(text, position)
        if outcome not in (DONE, FULL):
            raise _RuinedError
        bars, verdict = scratch.taken(count), scratch.verdict[:count]
        yield _settle(frame, bars, verdict, scratch.span[:count], findings) if verdict.any() else bars


def _settle(frame: bytes, bars: BarBatch, verdict: Verdicts, span: Longs, findings: _Findings) -> BarBatch:
    """`bars` without what the scanner set aside, and with those bars that the typed decoder could read."""
    keep = verdict == 0
    for number, law in enumerate(VERDICTS):
        if law is not None:
            _reject(frame, law, span[verdict == number], findings)
    slow = np.flatnonzero(verdict < 0)
    for row in slow[: findings.room].tolist():
        text = frame[span[row, 0] : span[row, 1]]
        bar = findings.take(_judge(text, int(verdict[row])), text)
        if bar is not None:
            _put(bars, row, bar)
            keep[row] = True
    _reject(frame, Reason.EXCESS, span[slow[findings.room :]], findings)
    findings.room = max(0, findings.room - slow.size)
    return bars.take(keep)


def _reject(frame: bytes, reason: Reason, spans: Longs, findings: _Findings) -> None:
    if len(spans):
        findings.reject(reason, frame[spans[0, 0] : spans[0, 1]], len(spans))


def _judge(text: bytes, verdict: int) -> elements.Element:
    element = Reason.NOT_OBJECT if verdict == NOT_OBJECT else elements.decode(text)
    if element in (Reason.MALFORMED, Reason.NOT_OBJECT) and text.find(b"{", verdict == TYPED) >= 0:
        raise _RuinedError  # a stray quote or bracket may have swallowed good neighbours
    return element


def _recover(frame: bytes, findings: _Findings) -> BarBatch:
    """Whatever reads as an element in a frame whose brackets or quotes are broken, in order; linear in its bytes."""
    pieces = list(islice(_pieces(frame), SLOW_MOST))
    end = pieces[-1][2] if len(pieces) == SLOW_MOST else len(frame)
    bars = [bar for element, text, _ in pieces if (bar := findings.take(element, text))]
    if left := frame.count(b"{", end):
        findings.reject(Reason.EXCESS, frame[end : end + SAMPLE_BYTES], left)
    batch = empty(len(bars))
    for row, bar in enumerate(bars):
        _put(batch, row, bar)
    return batch


def _pieces(frame: bytes) -> Iterator[tuple[elements.Element, bytes, int]]:
    """What reads as an element, its text, and where it ends."""
    for match in _OBJECTS.finditer(frame):
        text = match.group()
        element = elements.decode(text)
        if element is Reason.MALFORMED and text.find(b"{", 1) >= 0:
            for inner in _FLAT_OBJECTS.finditer(frame, match.start() + 1, match.end()):
                yield elements.decode(inner.group()), inner.group(), inner.end()
        else:
            yield element, text, match.end()


def _put(bars: BarBatch, row: int, bar: elements.Bar) -> None:
    bars.symbol[row] = bar.symbol
    bars.start_ms[row] = bar.start_ms
    bars.length_ms[row] = bar.length_ms
    bars.values[:, row] = bar.values

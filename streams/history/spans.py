"""What is known already, as spans that do not touch. Pure."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from streams.history.protocol import Span

if TYPE_CHECKING:
    from collections.abc import Iterable


def joined(known: Iterable[Span], new: Iterable[Span]) -> list[Span]:
    """All spans by (key, first); those of a key that overlap or follow each other are one.

    One is as old as its oldest part; a known span that a new one covers is forgotten with its age.
    """
    fresh = list(new)
    lasting = _uncovered(list(known), fresh)
    result: list[Span] = []
    for span in sorted([*lasting, *fresh]):
        before = result[-1] if result else None
        if before and before.key == span.key and span.first <= before.last + 1:
            result[-1] = Span(span.key, before.first, max(before.last, span.last), min(before.as_of_ms, span.as_of_ms))
        else:
            result.append(span)
    return result


def since(spans: Iterable[Span], first: int) -> list[Span]:
    """The spans without what lies before `first`."""
    return [span._replace(first=max(span.first, first)) for span in spans if span.last >= first]


def _uncovered(known: list[Span], new: list[Span]) -> list[Span]:
    by_key = {key: list(group) for key, group in groupby(sorted(new), lambda span: span.key)}
    return [
        span
        for span in known
        if not any(one.first <= span.first and span.last <= one.last for one in by_key.get(span.key, ()))
    ]

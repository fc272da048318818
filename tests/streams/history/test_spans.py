from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from streams.history.protocol import Span
from streams.history.spans import joined, since

SPANS = st.lists(
    st.builds(
        lambda key, first, length, as_of: Span(key, first, first + length, as_of),
        st.sampled_from("AB"),
        st.integers(0, 30),
        st.integers(0, 8),
        st.integers(0, 3),
    ),
    max_size=8,
)


def covered(spans: list[Span]) -> set[tuple[str, int]]:
    return {(span.key, n) for span in spans for n in range(span.first, span.last + 1)}


@given(SPANS, SPANS)
def test_joined_spans_cover_what_both_covered_and_never_touch(known: list[Span], new: list[Span]) -> None:
    known = joined([], known)
    both = joined(known, new)
    assert covered(both) == covered(known) | covered(new)
    assert all(a.key < b.key or a.last + 1 < b.first for a, b in pairwise(both))


def test_what_a_new_span_covers_takes_its_age() -> None:
    assert joined([Span("A", 1, 5, 1)], [Span("A", 1, 6, 9)]) == [Span("A", 1, 6, 9)]
    assert joined([Span("A", 0, 5, 1)], [Span("A", 1, 6, 9)]) == [Span("A", 0, 6, 1)]


def test_what_lies_before_is_cut_off() -> None:
    assert since([Span("A", 1, 5, 1), Span("A", 8, 9, 1)], 4) == [Span("A", 4, 5, 1), Span("A", 8, 9, 1)]
    assert since([Span("A", 1, 5, 1)], 6) == []

from __future__ import annotations

import math

import pytest

from streams.chat.message import Fate
from streams.chat.verdict import Reply, by_status, seconds


@pytest.mark.parametrize(
    ("value", "pause_s"),
    [
        (3, 3.0),
        (0.5, 0.5),
        (-1, 0.0),
        (1e9, 86_400.0),
        pytest.param(10**400, 86_400.0, id="huge"),
        pytest.param(-(10**400), 0.0, id="hugely negative"),
        (math.nan, 0.0),
        (math.inf, 0.0),
        ("3", 0.0),
        (True, 0.0),
        (None, 0.0),
    ],
)
def test_a_pause_is_a_number_from_0_to_a_day(value: object, pause_s: float) -> None:
    assert seconds(value) == pause_s


def test_the_body_is_preferred_to_the_header_and_neither_counts_but_for_a_wait() -> None:
    reply = Reply(429, {"retry-after": "2"}, "")
    assert by_status(reply, wait_s=1.25).retry_after_s == 1.25
    assert by_status(reply).retry_after_s == 2.0
    assert by_status(reply._replace(status=500)).retry_after_s == 0.0


def test_what_is_told_is_one_short_line() -> None:
    told = by_status(Reply(500, {}, ""), "a\n\x1b[31m" + "b" * 5000)
    assert told.what.startswith("HTTP 500: a  [31mb")
    assert len(told.what) <= 220


@pytest.mark.parametrize("body", ["", "[1]", "nonsense", "[" * 100_000, '{"a": 1e999}', "\udcff"])
def test_a_body_that_is_no_object_is_an_empty_one(body: str) -> None:
    assert Reply(200, {}, body).document in ({}, {"a": math.inf})


def test_success_that_is_not_the_services_is_said_so() -> None:
    told = by_status(Reply(200, {}, "<html>"))
    assert (told.fate, told.what) == (Fate.UNKNOWN, "HTTP 200: an answer that is not the service's")


def test_a_pause_in_another_unit_has_the_same_bounds() -> None:
    assert seconds(1500, unit_s=0.001) == 1.5
    assert seconds(10**400, unit_s=0.001) == 86_400.0

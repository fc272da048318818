"""Our own table of what errors mean."""

from __future__ import annotations

import random

import pytest
from redis import exceptions as library
from redis._parsers.base import BaseParser

from streams.redis.errors import FutureIdError
from streams.redis.verdict import MOST_CHARACTERS, Backoff, judge


@pytest.mark.parametrize(
    ("reply", "state", "code"),
    [
        ("LOADING Redis is loading the dataset in memory", "away", "AWAY"),
        ("READONLY You can't write against a read only replica.", "away", "AWAY"),
        ("MASTERDOWN Link with MASTER is down", "away", "AWAY"),
        ("CLUSTERDOWN The cluster is down", "away", "AWAY"),
        ("TRYAGAIN Multiple keys request", "away", "AWAY"),
        ("BUSY Redis is busy running a script", "away", "AWAY"),
        ("ERR max number of clients reached", "away", "AWAY"),
        ("OOM command not allowed when used memory > 'maxmemory'.", "refused", "OOM"),
        ("NOPERM User weak has no permissions", "refused", "NOPERM"),
        ("WRONGPASS invalid username-password pair", "refused", "AUTH"),
        ("NOAUTH Authentication required.", "refused", "AUTH"),
        ("WRONGTYPE Operation against a key", "refused", "WRONGTYPE"),
        ("MISCONF Errors writing to the AOF file", "refused", "MISCONF"),
        ("NOREPLICAS Not enough good replicas to write.", "refused", "NOREPLICAS"),
        ("MOVED 3999 127.0.0.1:6381", "refused", "CLUSTER"),
    ],
)
def test_what_the_server_says_is_judged_by_what_helps(reply: str, state: str, code: str) -> None:
    verdict = judge(BaseParser.parse_error(reply))  # type: ignore[no-untyped-call]
    assert (verdict.state, verdict.code) == (state, code)
    assert verdict.remedy


@pytest.mark.parametrize(
    "error", [library.ConnectionError("gone"), library.TimeoutError("late"), TimeoutError(), OSError("no route")]
)
def test_what_the_network_does_passes_by_itself(error: Exception) -> None:
    assert judge(error).state == "away"
    assert judge(error).what


def test_the_reply_is_found_inside_what_the_library_wraps_around_it() -> None:
    wrapped = library.ResponseError(
        """Command # 1 (XADD k 1-0 data (' ) of pipeline caused error: ("OOM not allowed > 'maxmemory'.",)"""
    )
    assert judge(wrapped).what == "OOM not allowed > 'maxmemory'."


def test_a_strangers_text_is_bounded_and_printable() -> None:
    what = judge(library.ResponseError("\x1b[31m" + "x" * 10_000)).what
    assert len(what) == MOST_CHARACTERS
    assert what.isprintable()


def test_our_own_refusals_keep_their_code_and_remedy() -> None:
    verdict = judge(FutureIdError("s", "9-0"))
    assert (verdict.state, verdict.code) == ("refused", "FUTURE")
    assert "RENAME s s:old" in verdict.remedy


def test_pauses_grow_to_a_cap_and_are_jittered() -> None:
    backoff, jitter = Backoff(first_s=1, factor=2, cap_s=8), random.Random(1)  # noqa: S311 - pauses, not secrets
    for failures, longest_s in ((1, 1), (2, 2), (4, 8), (1000, 8)):
        pauses_s = {backoff.delay_s(failures, jitter) for _ in range(100)}
        assert longest_s / 2 <= min(pauses_s) < max(pauses_s) <= longest_s
        assert len(pauses_s) > 90

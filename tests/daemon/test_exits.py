"""Which error ends a command with which code."""

from __future__ import annotations

import importlib

import pytest

from daemon.configfile import ConfigError
from daemon.exits import BY_ERROR, MEANINGS, Exit, expected, leaves
from daemon.mistakes import Mistake
from streams.errors import AuthRejected
from streams.redis.errors import FutureIdError


@pytest.mark.parametrize("name", BY_ERROR)
def test_every_error_named_exists_and_says_for_itself_what_happened(name: str) -> None:
    module, _, kind = name.rpartition(".")
    error = getattr(importlib.import_module(module), kind)
    assert issubclass(error, Exception)


def test_an_error_ends_as_itself_or_as_the_nearest_of_its_bases() -> None:
    assert expected(ConfigError([Mistake("a", "b")])) is Exit.CONFIG
    assert expected(FutureIdError("stream", "9-0")) is Exit.UNAVAILABLE
    assert expected(ValueError()) is None


def test_a_group_is_as_many_errors_as_it_has_leaves() -> None:
    rejected, other = AuthRejected("no"), ValueError()
    assert list(leaves(ExceptionGroup("a", [ExceptionGroup("b", [rejected]), other]))) == [rejected, other]
    assert list(leaves(other)) == [other]


def test_every_code_has_a_meaning() -> None:
    assert list(MEANINGS) == list(Exit)

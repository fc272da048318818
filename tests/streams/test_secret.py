"""A secret shows nowhere but where it is asked for."""

from __future__ import annotations

import copy
import json
import pickle

import pytest

from streams.secret import Secret

CANARY = "canary-7f3a9c51"


def test_it_shows_in_no_form_of_printing() -> None:
    secret = Secret(CANARY)
    shown = (
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret!r:>20}",
        f"{secret:>20}",
        repr([secret]),
        repr({"k": secret}),
    )
    for text in shown:
        assert CANARY not in text
        assert "***" in text
    assert secret.reveal() == CANARY


def test_it_is_written_nowhere() -> None:
    with pytest.raises(TypeError, match="not written"):
        pickle.dumps(Secret(CANARY))
    with pytest.raises(TypeError, match="not written"):
        copy.copy(Secret(CANARY))
    with pytest.raises(TypeError):
        json.dumps(Secret(CANARY))


def test_it_has_no_attributes_that_a_traceback_could_list() -> None:
    with pytest.raises(TypeError):
        vars(Secret(CANARY))


def test_equal_secrets_are_equal_and_an_empty_one_is_false() -> None:
    assert Secret(CANARY) == Secret(CANARY)
    assert Secret(CANARY) != Secret("other")
    assert Secret(CANARY) != CANARY
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2
    assert not Secret("")

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from daemon.web.token import FILE, bears, token_of

if TYPE_CHECKING:
    from pathlib import Path


def test_a_token_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    token = token_of(tmp_path)
    assert len(token.reveal()) > 40
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    assert token_of(tmp_path).reveal() == token.reveal()
    assert str(token) == "***"


@pytest.mark.parametrize("text", ["", "short", "x" * 500, "a b" * 20, "\x00" * 40, "é" * 40])
def test_what_is_no_token_is_made_anew(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    (tmp_path / FILE).chmod(0o600)
    assert token_of(tmp_path).reveal() != text
    assert token_of(tmp_path).reveal() == (tmp_path / FILE).read_text().strip()


@pytest.mark.parametrize("mode", [0o644, 0o660, 0o602])
def test_one_that_others_could_read_or_write_is_made_anew(tmp_path: Path, mode: int) -> None:
    before = token_of(tmp_path).reveal()
    (tmp_path / FILE).chmod(mode)
    assert token_of(tmp_path).reveal() != before
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


def test_only_the_whole_token_is_borne(tmp_path: Path) -> None:
    token = token_of(tmp_path)
    assert bears(f"Bearer {token.reveal()}", token)
    for said in ("", "Bearer ", token.reveal(), f"Bearer {token.reveal()[:-1]}", f"bearer {token.reveal()}", "\udcff"):
        assert not bears(said, token)

"""How commands begin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daemon.commands import begin

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_an_edited_source_gets_another_kernel_cache_and_the_old_one_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package in begin.PACKAGES:
        (tmp_path / "src" / package).mkdir(parents=True)
    helper = tmp_path / "src" / "indicators" / "sums.py"
    helper.write_text("1")
    monkeypatch.setattr(begin, "_ROOT", tmp_path / "src")
    first = begin.kernel_cache(tmp_path)
    first.mkdir()
    assert begin.kernel_cache(tmp_path) == first
    helper.write_text("1 + 1")
    second = begin.kernel_cache(tmp_path)
    assert second != first
    assert not first.exists()

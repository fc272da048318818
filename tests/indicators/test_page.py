"""The page of indicators says what the catalogue says."""

from __future__ import annotations

from pathlib import Path

import pytest

from indicators import CATALOGUE
from indicators.page import entry, page

PAGE = Path(__file__).parents[2] / "docs" / "indicators.md"


def test_the_page_is_made_from_the_catalogue() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(CATALOGUE), "run: python -m indicators.page > docs/indicators.md"


@pytest.mark.parametrize("name", CATALOGUE.names)
def test_every_entry_says_how_it_is_called_and_when_it_has_a_value(name: str) -> None:
    text = entry(CATALOGUE[name])
    assert f"`{name}(" in text
    assert "Warm-up" in text

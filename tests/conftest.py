"""What all tests share: the folder of real data, and a process that nothing in it may end."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from daemon import ending

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parent.parent
DATA = Path(os.environ.get("TECHNIC_DATA", ROOT.parent / "shared" / "data"))


@pytest.fixture(autouse=True)
def _only_pytest_ends_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon within this process whose stop takes long fails its test by pytest's time limit, not the whole run."""
    monkeypatch.setattr(ending, "END_S", 600.0)


@pytest.fixture(scope="session")
def data_file() -> Callable[[str], Path]:
    """Path of a real data file by name; skips the test where the file is absent."""

    def find(name: str) -> Path:
        path = DATA / name
        if not path.exists():
            pytest.skip(f"real data absent: {path} (set TECHNIC_DATA to the folder that holds it)")
        return path

    return find

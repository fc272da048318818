from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from daemon import assembly, sectorfile
from daemon.configfile import load_config
from daemon.engine.sectors import SectorColumn, Sectors
from tests.fakes.program import technic

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TABLE = """symbol,name,sector,era
A,"Agilent, Inc",Health Care,2018
B,Bee,Energy,2018
A,Other,Utilities,2025
B,Bee,,2025
C,See, ,2025
,Nobody,Energy,2025
"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "sectors.csv"
    path.write_text(TABLE)
    return path


def test_the_last_row_of_a_symbol_that_says_something_holds(table: Path) -> None:
    assert sectorfile.read(table) == {"A": "Utilities", "B": "Energy"}


def test_rows_of_another_era_are_left_out(table: Path) -> None:
    assert sectorfile.read(table, "2018") == {"A": "Health Care", "B": "Energy"}
    assert sectorfile.read(table, "2025") == {"A": "Utilities"}


@pytest.mark.parametrize(
    ("content", "era", "message"),
    [
        (b"symbol,sectr\nA,x\n", None, ":1:1: there is no column sector; it is a CSV"),
        (b"", None, ":1:1: there is no column symbol"),
        (b"symbol,sector\nA,x\n", "2018", ":1:1: there is no column era"),
        (b"symbol,sector,era\nA,x,2018\n", "2019", "no row has the era '2019'"),
        (b"symbol,sector\nA,x\nSEVENTEEN-LETTERS,x\n", None, ":3:1: 'SEVENTEEN-LETTERS' is no symbol"),
        (b'symbol,sector\nA,"x"y\n', None, ":2:1: this is no CSV"),
        (b"symbol,sector\n\xff,x\n", None, "no text in UTF-8"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_with_its_line(
    tmp_path: Path, content: bytes, era: str | None, message: str
) -> None:
    path = tmp_path / "sectors.csv"
    path.write_bytes(content)
    with pytest.raises(sectorfile.SectorFileError) as caught:
        sectorfile.read(path, era)
    assert str(caught.value).startswith(str(path))
    assert message in str(caught.value)


def test_short_rows_are_blank(tmp_path: Path) -> None:
    path = tmp_path / "sectors.csv"
    path.write_text("symbol,sector\nA\nB,Energy,more\n")
    assert sectorfile.read(path) == {"B": "Energy"}


def test_real_sectors_differ_by_era(data_file: Callable[[str], Path]) -> None:
    path = data_file("sectors.csv")
    old, new = sectorfile.read(path, "2018"), sectorfile.read(path, "2025")
    assert min(len(old), len(new)) > 500
    assert old != new


def test_symbols_are_looked_up_when_they_change_and_unknown_ones_are_group_0() -> None:
    column = SectorColumn(Sectors({"B": "Energy", "A": "Utilities", "Z": "Energy"}))
    symbols = np.array(["A", "Q", "Z", "B"], "S16")
    assert column.of(symbols[:2]).tolist() == [2, 0]
    assert column.of(symbols).tolist() == [2, 0, 1, 1]
    symbols[:2] = [b"Z", b""]  # rows that were given to others, and to nobody
    assert column.of(symbols).tolist() == [1, 0, 1, 1]
    assert SectorColumn(Sectors({})).of(symbols).tolist() == [0, 0, 0, 0]


def test_the_configured_file_reaches_the_engine(table: Path) -> None:
    path = table.parent / "technic.toml"
    path.write_text('[engine]\nsectors = "sectors.csv"\nsectors_era = "2018"\n')
    settings = assembly.settings_of(load_config(path).config)
    assert settings.sectors.names == ("", "Energy", "Health Care")


def test_what_is_wrong_with_the_sectors_is_a_mistake_of_the_configuration(table: Path) -> None:
    table.write_text("symbol;sector\nA;x\n")
    (table.parent / "technic.toml").write_text('[engine]\nsectors = "sectors.csv"\n')
    ended = technic("check-config", folder=table.parent)
    assert ended.returncode == 78
    assert f"{table.name}:1:1: there is no column symbol" in ended.stderr


def test_an_era_without_a_file_is_a_mistake(tmp_path: Path) -> None:
    ended = technic("check-config", folder=tmp_path, environ={"TECHNIC_ENGINE__SECTORS_ERA": "2018"})
    assert ended.returncode == 78
    assert "name one with sectors" in ended.stderr

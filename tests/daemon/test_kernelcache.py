"""Compiled kernels: kept, vouched for, and never read once they are damaged."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from daemon import kernelcache
from tests.daemon.running import OPEN, RULES
from tests.fakes.program import environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Path]]:
    """Chooses the folder anew, as each start does."""

    def use() -> Path:
        monkeypatch.delenv(kernelcache.PLACE, raising=False)
        kernelcache.use(tmp_path / "cache")
        return tmp_path / os.environ[kernelcache.PLACE]

    monkeypatch.setattr(kernelcache.atexit, "register", lambda *_, **__: None)
    monkeypatch.setenv(kernelcache.PLACE, "")
    return use


def written(folder: Path, name: str, content: bytes = b"machine code") -> Path:
    path = folder / "daemon_1" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return path


def test_an_edited_source_gets_another_folder_and_the_old_one_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package in kernelcache.PACKAGES:
        (tmp_path / "src" / package).mkdir(parents=True)
    helper = tmp_path / "src" / "indicators" / "sums.py"
    helper.write_text("1")
    monkeypatch.setattr(kernelcache, "_ROOT", tmp_path / "src")
    first = kernelcache.of_sources(tmp_path)
    first.mkdir()
    assert kernelcache.of_sources(tmp_path) == first
    helper.write_text("1 + 1")
    second = kernelcache.of_sources(tmp_path)
    assert second != first
    assert not first.exists()


def test_what_was_vouched_for_is_there_at_the_next_start_and_nothing_is_said(place: Callable[[], Path]) -> None:
    path = written(place(), "f.1.nbc")
    kernelcache.seal()
    with capture_logs() as logged:
        place()
    assert path.exists()
    assert logged == []


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "cut off": lambda content: content[: len(content) // 2],
    "a bit flipped": lambda content: bytes([content[0] ^ 1]) + content[1:],
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_file_goes_in_one_line_and_its_neighbours_stay(
    place: Callable[[], Path], damage: Callable[[bytes], bytes]
) -> None:
    folder = place()
    bad, good = written(folder, "f.nbi"), written(folder, "g.nbi")
    kernelcache.seal()
    bad.write_bytes(damage(bad.read_bytes()))
    with capture_logs() as logged:
        place()
    assert (bad.exists(), good.exists()) == (False, True)
    (line,) = logged
    assert "1 files removed" in line["what"]


def test_what_a_killed_start_or_another_process_has_compiled_stays(place: Callable[[], Path]) -> None:
    path = written(place(), "f.nbi")
    with capture_logs() as logged:
        place()
    assert path.exists()
    assert logged == []


def test_an_empty_file_goes_whether_or_not_it_is_listed(place: Callable[[], Path]) -> None:
    path = written(place(), "f.nbi")
    path.write_bytes(b"")
    place()
    assert not path.exists()


def test_vouching_again_does_not_take_a_damage_for_the_truth(place: Callable[[], Path]) -> None:
    path = written(place(), "f.nbi")
    kernelcache.seal()
    at_ns = path.stat().st_mtime_ns
    path.write_bytes(b"Machine code")
    os.utime(path, ns=(at_ns, at_ns))
    written(path.parents[1], "g.nbi")
    kernelcache.seal()
    place()
    assert not path.exists()


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"daemon_1/f.nbi": 7}', '{"daemon_1/f.nbi": ["", "x", 1]}', "\x00"]
)
def test_a_list_that_is_none_vouches_for_nothing(place: Callable[[], Path], content: str) -> None:
    folder = place()
    path = written(folder, "f.nbi")
    kernelcache.seal()
    (folder / kernelcache.LIST).write_text(content)
    place()
    assert not path.exists()


def test_a_folder_that_is_somebody_elses_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(kernelcache.PLACE, str(tmp_path))
    path = written(tmp_path, "f.nbi", b"")
    kernelcache.use(tmp_path / "cache")
    kernelcache.seal()
    assert not kernelcache.wipe()
    assert [each for each in tmp_path.rglob("*") if each.is_file()] == [path]


def test_where_nothing_can_be_written_a_private_folder_with_the_same_kernels_is_used(
    place: Callable[[], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = place()
    written(folder, "f.nbi")
    kernelcache.seal()

    def refusing(dir: Path) -> None:  # noqa: A002 (as the one it stands for)
        raise OSError(30, "Read-only file system", str(dir))

    monkeypatch.setattr(kernelcache.tempfile, "TemporaryFile", refusing)
    with capture_logs() as logged:
        private = place()
    try:
        assert private != folder
        assert (private / "daemon_1" / "f.nbi").exists()
        assert [line["log_level"] for line in logged] == ["warning"]
        assert "Read-only file system" in logged[0]["what"]
    finally:
        shutil.rmtree(private)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a file of bars, and a cache that a replay has filled."""
    folder = tmp_path_factory.mktemp("filled")
    (folder / "rules.toml").write_text(RULES)
    rows = "".join(f"A,{(OPEN + n * 60_000) * 1_000_000},5,5,6,4,100,1\n" for n in range(3))
    (folder / "bars.csv").write_text(f"ticker,window_start,open,close,high,low,volume,transactions\n{rows}")
    assert replayed(folder) == ""
    return folder


def replayed(folder: Path) -> str:
    """What a replay with the cache in `folder` says on stderr."""
    settings = {
        "TECHNIC_STATE__CACHE": str(folder / "cache"),
        "TECHNIC_ENGINE__RULES": str(folder / "rules.toml"),
        "TECHNIC_MODEL__ENABLED": "false",
    }
    environ = environment(folder, settings)
    del environ[kernelcache.PLACE]
    ended = subprocess.run(
        [sys.executable, "-m", "daemon", "replay", "--bars", str(folder / "bars.csv"), "--json"],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["bars"] == 3
    return ended.stderr


@pytest.mark.timeout(120)
@pytest.mark.parametrize(("kind", "damage"), [("nbi", "empty"), ("nbc", "cut off"), ("nbc", "a bit flipped")])
def test_a_start_survives_a_damaged_kernel_and_says_so(filled: Path, tmp_path: Path, kind: str, damage: str) -> None:
    shutil.copytree(filled, tmp_path, dirs_exist_ok=True)
    for path in (tmp_path / "cache").rglob(f"episodes*.{kind}"):
        path.write_bytes(DAMAGES[damage](path.read_bytes()))
    assert replayed(tmp_path).count("compiled kernels are not what was written") == 1
    assert replayed(tmp_path) == ""


@pytest.mark.timeout(120)
def test_a_kernel_that_was_kept_damaged_is_found_when_it_is_loaded_and_all_are_compiled_anew(
    filled: Path, tmp_path: Path
) -> None:
    shutil.copytree(filled, tmp_path, dirs_exist_ok=True)
    (bad,) = (tmp_path / "cache").rglob("episodes*.nbi")
    bad.write_bytes(bad.read_bytes()[:40])
    path = bad.parents[1] / kernelcache.LIST
    vouched = json.loads(path.read_text())
    vouched[str(bad.relative_to(path.parent))][0] = sha256(bad.read_bytes()).hexdigest()
    path.write_text(json.dumps(vouched))
    assert replayed(tmp_path).count("compiled kernels are removed, and compiled anew") == 1
    assert replayed(tmp_path) == ""

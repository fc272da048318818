from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from daemon.lock import FolderTakenError, held

HOLD = "import sys, pathlib, daemon.lock as lock\nwith lock.held(pathlib.Path(sys.argv[1])): print(flush=True); input()"


def test_one_folder_is_held_once_and_free_afterwards(tmp_path: Path) -> None:
    with held(tmp_path):
        with pytest.raises(FolderTakenError) as taken, held(tmp_path):
            pass
        assert (
            str(taken.value) == f"{tmp_path}: another technic works in this state folder; stop it, or set state.folder"
        )
    with held(tmp_path):
        pass


def test_the_folder_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "var" / "technic"
    with held(folder):
        assert folder.stat().st_mode & 0o777 == 0o700


def test_a_lock_ends_with_its_process_however_that_ends(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"\n"
        with pytest.raises(FolderTakenError), held(tmp_path):
            pass
        holder.kill()
    with held(tmp_path):
        pass


def test_where_no_folder_can_be_the_error_names_the_path(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"), held(tmp_path / "file" / "state"):
        pass

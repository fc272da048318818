"""Folders that cannot be worked in."""

from __future__ import annotations

import errno
import os
import tempfile
from typing import TYPE_CHECKING

import pytest

from daemon.commands.folders import unusable_folders
from daemon.configfile import load_config
from tests.fakes.program import technic

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("command", ["run", "check-config"])
def test_a_state_folder_that_cannot_be_made_is_one_line_and_78(tmp_path: Path, command: str) -> None:
    environ = {"TECHNIC_STATE__FOLDER": "/proc/x", "TECHNIC_FEED__KEY": "k"}
    ended = technic(command, folder=tmp_path, environ=environ)
    assert ended.returncode == 78
    assert ended.stderr == (
        "technic: TECHNIC_STATE__FOLDER: state.folder /proc/x cannot be used: No such file or directory; "
        "name a folder that this user can make and write in\n"
    )


@pytest.mark.parametrize("below", ["", "/deeper/still"])
def test_a_file_in_the_folders_place_is_named(tmp_path: Path, below: str) -> None:
    (tmp_path / "taken").write_text("")
    path = tmp_path / "technic.toml"
    path.write_text(f'[feed]\nkey = "k"\n[state]\nfolder = "taken{below}"\n')
    (mistake,) = unusable_folders(load_config(path), ["folder"])
    assert mistake.place == f"{path}:4:1"
    assert mistake.message == f"state.folder {tmp_path}/taken{below} cannot be used: {tmp_path}/taken is no folder"


def test_a_cache_that_cannot_be_made_ends_a_replay_with_78(tmp_path: Path) -> None:
    ended = technic("replay", "--bars", "x", folder=tmp_path, environ={"TECHNIC_STATE__CACHE": "/proc/x"})
    assert ended.returncode == 78
    assert "state.cache /proc/x cannot be used" in ended.stderr


def test_a_folder_that_can_be_made_is_not_made_by_looking(tmp_path: Path) -> None:
    loaded = load_config(overrides={"state": {"folder": str(tmp_path / "a/b"), "cache": str(tmp_path)}})
    assert list(unusable_folders(loaded, ["folder", "cache"])) == []
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_no_mistake_of_the_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(tempfile, "TemporaryDirectory", full)
    loaded = load_config(overrides={"state": {"folder": str(tmp_path)}})
    assert list(unusable_folders(loaded, ["folder"])) == []

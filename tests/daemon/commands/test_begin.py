"""How commands begin."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from daemon import kernelcache
from tests.fakes.program import environment

if TYPE_CHECKING:
    from pathlib import Path


def test_an_exchange_keeps_its_kernels_where_the_daemon_does(tmp_path: Path) -> None:
    environ = environment(tmp_path)
    del environ[kernelcache.PLACE]
    told = subprocess.run(
        [sys.executable, "-m", "daemon", "simulate", "--synthetic", "5", "--port", "0", "--duration", "0", "--json"],
        env=environ,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=50,
    )
    assert told.stderr == ""
    (folder,) = (tmp_path / ".cache" / "technic").iterdir()
    assert (folder / kernelcache.LIST).exists()
    assert oct(folder.stat().st_mode & 0o777) == "0o700"

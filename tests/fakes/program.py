"""technic as a child process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[2]
PATIENCE_S = 50.0


def environment(folder: Path, further: Mapping[str, str] | None = None) -> dict[str, str]:
    """Nothing of this machine's settings; state and caches in `folder`, compiled kernels beside their source."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TZ") if name in os.environ}
    own = {"HOME": str(folder), "PYTHONPATH": str(ROOT), "NUMBA_CACHE_DIR": "", "PYTHONWARNINGS": "error"}
    return {**kept, **own, **(further or {})}


def technic(
    *arguments: object, folder: Path, environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "daemon", *map(str, arguments)],
        cwd=folder,
        env=environment(folder, environ),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def started(*arguments: object, folder: Path, environ: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """Start a command; the caller ends it."""
    return subprocess.Popen(
        [sys.executable, "-m", "daemon", *map(str, arguments)],
        cwd=folder,
        env=environment(folder, environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        stdin=subprocess.DEVNULL,
    )

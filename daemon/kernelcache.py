"""Where compiled kernels are kept, and what may be read from there: only what was written, byte for byte.

numba trusts its cache. A file that a crash left empty or cut off, or of which a bit has flipped, ends a start with a
foreign error, or is executed. So a list of digests is kept beside the kernels, and what is empty or not what the list
says is removed before numba looks: that kernel is compiled anew, and no other. What the list does not know stays:
another process may be compiling just now, or was killed before it could vouch for its work.

Only a folder that `use` has chosen is ever touched; one that stands in ``NUMBA_CACHE_DIR`` before is its owner's.
"""

from __future__ import annotations

import atexit
import errno
import json
import os
import shutil
import tempfile
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Iterator

log = structlog.get_logger()

PACKAGES = ("indicators", "streams", "daemon")
PLACE = "NUMBA_CACHE_DIR"
LIST = "digests.json"
"""Of each file: digest, size, time of its last change; and the mark of a folder that is ours."""

_ROOT = Path(__file__).parents[1]

_Vouched = dict[str, tuple[str, int, int]]


def use(folder: Path) -> None:
    """Keep compiled kernels below `folder`; before anything imports numba, which looks for their place just then.

    Where nothing can be written there they are kept in a folder that goes with the process. Children use the same one.
    """
    if PLACE in os.environ:
        return
    chosen = of_sources(folder)
    try:
        _make(chosen)
        _purge(chosen)
    except OSError as error:
        log.warning("compiled kernels cannot be kept for the next start", what=str(error), remedy="see state.cache")
        chosen = _private(chosen)
        _purge(chosen)
    os.environ[PLACE] = str(chosen)
    atexit.register(seal)


def of_sources(folder: Path) -> Path:
    """Where the kernels of just these sources lie; those of other sources are removed.

    numba looks at the file a kernel stands in, not at those it calls into: after an upgrade it might run yesterday's
    sums. So the folder's name is a hash of all sources' sizes and times.
    """
    sources = sorted(path for package in PACKAGES for path in (_ROOT / package).rglob("*.py"))
    facts = [(str(path), (stat := path.stat()).st_size, stat.st_mtime_ns) for path in sources]
    chosen = folder / f"numba-{sha256(repr(facts).encode()).hexdigest()[:16]}"
    for stale in folder.glob("numba-*"):
        if stale != chosen:
            shutil.rmtree(stale, ignore_errors=True)
    return chosen


def is_empty() -> bool:
    """Whether the folder is ours and holds no kernel: everything is going to be compiled."""
    folder = _ours()
    return folder is not None and next(_files(folder), None) is None


def seal() -> None:
    """Vouch for what has been written since; what was vouched for before keeps its digest, whatever it holds now."""
    folder = _ours()
    if folder is None:
        return
    with suppress(OSError):  # what nobody vouches for costs time at the next start, and no more
        before, now = _vouched(folder) or {}, {name: _facts(path) for name, path in _files(folder)}
        same = {name for name, facts in now.items() if before.get(name, ())[1:] == facts}
        if len(same) < len(now) or len(now) < len(before):
            _keep(
                folder, {name: before[name] if name in same else (_digest(folder / name), *now[name]) for name in now}
            )


def wipe() -> bool:
    """Remove every compiled kernel; False, and nothing is touched, where the folder is not ours."""
    folder = _ours()
    if folder is None:
        return False
    for _, path in _files(folder):
        path.unlink(missing_ok=True)
    return True


def _ours() -> Path | None:
    folder = Path(os.environ.get(PLACE) or os.devnull)
    return folder if (folder / LIST).is_file() else None


def _make(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryFile(dir=folder) as probe:
        probe.write(b"room?")
    for place in folder.rglob("*/"):
        if not os.access(place, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(place))
    if not (folder / LIST).exists():
        _keep(folder, {})


def _private(chosen: Path) -> Path:
    """A folder that goes with this process, with what can be had from the one that was meant."""
    folder = Path(tempfile.mkdtemp(prefix="technic-kernels-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with suppress(OSError, shutil.Error):
        shutil.copytree(chosen, folder, dirs_exist_ok=True)
    if not (folder / LIST).exists():
        _keep(folder, {})
    return folder


def _purge(folder: Path) -> None:
    """Remove what is not as it was vouched for; a folder of 100 kernels takes about 10 ms."""
    vouched = _vouched(folder)
    bad = [path for name, path in _files(folder) if _is_damaged(name, path, vouched)]
    for path in bad:
        path.unlink(missing_ok=True)
    if bad:
        log.warning(
            "compiled kernels are not what was written",
            what=f"{len(bad)} files removed from {folder}, {bad[0].name} the first",
            remedy="none needed: they are compiled anew",
        )


def _is_damaged(name: str, path: Path, vouched: _Vouched | None) -> bool:
    """Whether a file is not what the list says, or has nothing to say itself; all are, where there is no list."""
    if vouched is None or not _facts(path)[0]:
        return True
    return name in vouched and vouched[name][0] != _digest(path)


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    return ((str(path.relative_to(folder)), path) for path in sorted(folder.rglob("*.nb[ic]")))


def _facts(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns


def _digest(path: Path) -> str:
    """Empty of what cannot be read, which nobody vouches for."""
    with suppress(OSError):
        return sha256(path.read_bytes()).hexdigest()
    return ""


def _vouched(folder: Path) -> _Vouched | None:
    """What the list says, None if it cannot be read."""
    try:
        listed = json.loads((folder / LIST).read_bytes())
        return {str(name): (str(digest), int(size), int(at_ns)) for name, (digest, size, at_ns) in listed.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def _keep(folder: Path, vouched: _Vouched) -> None:
    with tempfile.NamedTemporaryFile("w", dir=folder, prefix=LIST, delete=False) as fresh:
        json.dump(vouched, fresh)
    Path(fresh.name).replace(folder / LIST)

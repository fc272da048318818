"""The folder of `technic replay --report`: figures of all models as JSON, a picture of each target."""

from __future__ import annotations

import re
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import msgspec

from daemon.commands.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from daemon.scoring.modelfigures import ModelFigures

FIGURES: Final = "models.json"


def make(folder: Path) -> None:
    """Make `folder` where it is absent, with no figures yet: what cannot be written is known before the work begins.

    Raises:
        OutputError: it cannot be made, or written in.
    """
    with _told(folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / FIGURES).write_bytes(b"[]\n")


def write(folder: Path, models: Sequence[ModelFigures]) -> None:
    """Write all of it, over what was there.

    Raises:
        OutputError: it cannot be written.
    """
    from daemon.modelchart import draw  # noqa: PLC0415 (matplotlib, for those who want a picture)

    targets = dict.fromkeys(one.target for one in models)
    with _told(folder):
        (folder / FIGURES).write_bytes(msgspec.json.format(msgspec.json.encode(models)) + b"\n")
        for target in targets:
            picture = draw([one for one in models if one.target == target])
            (folder / f"models-{_plain(target)}.png").write_bytes(picture)
    sys.stderr.write(f"technic: figures and pictures of the models are in {folder}\n")


def _plain(target: str) -> str:
    """What may stand in the name of a file."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", target)


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(folder, error.strerror or str(error)) from error

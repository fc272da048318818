"""Writes the files of docs/schemas, and the table of events in docs/streams.md: ``python -m tests.schemas``."""

from __future__ import annotations

import re
from pathlib import Path

from daemon import eventkinds, schemas

DOCS = Path(__file__).parent.parent / "docs"
TABLE = re.compile(r"^\| kind \| fields \|.*?(?=^$|\Z)", re.MULTILINE | re.DOTALL)

if __name__ == "__main__":
    for name, text in schemas.texts().items():
        (DOCS / "schemas" / name).write_text(text)
    page = DOCS / "streams.md"
    page.write_text(TABLE.sub(lambda _: eventkinds.table(), page.read_text()))

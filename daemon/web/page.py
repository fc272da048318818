"""The plain status page. Pure: what it shows comes in, escaped text goes out; no script, no inline style."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from daemon.logs import escaped

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from daemon.web.readiness import Check

REFRESH_S = 5

STYLE = """\
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0 2rem; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid color-mix(in srgb, currentColor 20%, #0000); }
td:last-child { font-variant-numeric: tabular-nums; }
.well { color: #1a7f37; }
.ill { color: #cf222e; font-weight: 600; }
"""


def status_page(version: str, checks: Mapping[str, Check], facts: Mapping[str, object]) -> str:
    """The page, as one HTML document.

    Args:
        version: of technic.
        checks: how each part stands.
        facts: further numbers and words, by name.
    """
    well = all(check.ok for check in checks.values())
    verdict = _mark("ready", well=True) if well else _mark("not ready", well=False)
    parts = (_row(name, _mark("ok" if c.ok else "failing", well=c.ok), _text(c.detail)) for name, c in checks.items())
    numbers = (_row(name, _text(value)) for name, value in facts.items())
    return f"""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="refresh" content="{REFRESH_S}">
<meta name="viewport" content="width=device-width">
<title>technic</title>
<link rel="stylesheet" href="/style.css">
</head>
<body>
<h1>technic {_text(version)}: {verdict}</h1>
<table>{_lines(parts)}</table>
<table>{_lines(numbers)}</table>
<p><a href="/readyz">readyz</a> <a href="/healthz">healthz</a> <a href="/metrics">metrics</a></p>
</body>
</html>
"""


def _text(value: object) -> str:
    return escape(escaped(str(value)))


def _mark(text: str, *, well: bool) -> str:
    return f'<span class="{"well" if well else "ill"}">{text}</span>'


def _row(name: str, *cells: str) -> str:
    return f"<tr><th>{_text(name)}</th>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _lines(rows: Iterable[str]) -> str:
    return "\n".join(rows)

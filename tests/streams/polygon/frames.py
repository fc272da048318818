"""Frames as the vendor sends them, for tests."""

from __future__ import annotations

import json
from typing import Any

START_MS = 1_763_735_401_000
MINUTE_MS = 1_763_735_400_000


def second(symbol: str = "ZZTOP", **fields: Any) -> dict[str, Any]:
    """One ``A`` element; a field of None is left out."""
    element = {
        "ev": "A", "sym": symbol, "v": 312, "dv": "312.5", "av": 1840022, "dav": "1840022.118400", "op": 12.05,
        "vw": 12.4107, "o": 12.40, "c": 12.42, "h": 12.43, "l": 12.39, "a": 12.2231, "z": 26,
        "s": START_MS, "e": START_MS + 1000,
    }  # fmt: skip
    return {name: value for name, value in (element | fields).items() if value is not None}


def minute(symbol: str = "ZZTOP", **fields: Any) -> dict[str, Any]:
    """One ``AM`` element."""
    return second(symbol, **({"ev": "AM", "s": MINUTE_MS, "e": MINUTE_MS + 60_000} | fields))


def luld(symbol: str = "ZZTOP", **fields: Any) -> dict[str, Any]:
    """One ``LULD`` element."""
    element = {"ev": "LULD", "T": symbol, "h": 0.0, "l": 0.0, "i": [17], "z": 3, "t": 1763735521123456789, "q": 812345}
    return {name: value for name, value in (element | fields).items() if value is not None}


def status(name: str, message: str = "") -> dict[str, Any]:
    return {"ev": "status", "status": name, "message": message}


def text(element: Any) -> bytes:
    return json.dumps(element, separators=(",", ":")).encode()


def frame(*elements: Any) -> bytes:
    """A frame of elements; bytes stand as they are."""
    return b"[" + b",".join(part if isinstance(part, bytes) else text(part) for part in elements) + b"]"

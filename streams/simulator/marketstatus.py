"""Whether the market is open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from streams.simulator.hours import date_of, server_time, trading_day

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from streams.simulator.corporate import Holiday

_MARKET = {"early": "extended-hours", "open": "open", "late": "extended-hours", "closed": "closed"}


def market_status(now_ms: int, holidays: Sequence[Holiday] = ()) -> Mapping[str, Any]:
    """What ``/v1/marketstatus/now`` says at market time `now_ms`; other markets are always closed.

    On a holiday of its own all is closed; that a market closes early is not looked at.
    """
    today = date_of(now_ms)
    closed = any(each.date == today and each.status == "closed" for each in holidays)
    phase = "closed" if closed else trading_day(today).phase(now_ms)
    market = _MARKET[phase]
    return {
        "market": market,
        "serverTime": server_time(now_ms),
        "earlyHours": phase == "early",
        "afterHours": phase == "late",
        "exchanges": {"nyse": market, "nasdaq": market, "otc": market},
        "currencies": {"fx": "closed", "crypto": "closed"},
        "indicesGroups": {},
    }

"""Alerts to be told, and channels that tell them."""

from __future__ import annotations

from datetime import time
from typing import Any

import msgspec

from daemon.chat.channels import Channel
from streams.redis.alert import DeliveredAlert
from tests.streams.redis.consuming import alert_of

NOON = time(12, 0)


def alert(number: int, **further: Any) -> DeliveredAlert:
    """One as the consumer gives it out."""
    entry = {"stream_id": f"{number}-0", "deliveries": 1, "published_ms": 0}
    return msgspec.convert({**alert_of(number, **further), **entry}, DeliveredAlert)


def channel(name: str = "ops", **further: Any) -> Channel:
    return Channel(**{"name": name, "kind": "webhook", "settings": {}, **further})

"""The vendor's own client, without its socket: what its loop does with each message, line by line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from massive import WebSocketClient
from massive.websocket import logger as massive_logger
from massive.websocket import parse

if TYPE_CHECKING:
    from massive.websocket.models import EquityAgg


class Vendor:
    """Decodes text frames into the client's models.

    Args:
        json: a module to parse with instead of the standard library's, as the client allows.
    """

    def __init__(self, json: Any = None) -> None:
        self._client = WebSocketClient("no key needed", custom_json=json)

    def decode(self, frame: str) -> list[EquityAgg]:
        """The events of a frame as the client hands them to its user."""
        client = self._client
        message = client.json.loads(frame)
        for element in message:
            if element["ev"] == "status":
                massive_logger.debug("status: %s", element["message"])
        client._log_server_statuses(message)  # noqa: SLF001 (part of its loop)
        events: list[EquityAgg] = parse(message, massive_logger, client.market)
        client._flush_server_errors()  # noqa: SLF001 (part of its loop)
        return events

"""The sender for a kind of service and its settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from streams.chat.apprise import Apprise
from streams.chat.discord import Discord
from streams.chat.errors import ChatSettingsError
from streams.chat.matrix import Matrix
from streams.chat.settings import Settings
from streams.chat.slack import SlackBot, SlackWebhook
from streams.chat.telegram import Telegram
from streams.chat.webhook import Webhook
from streams.chat.wire import DEADLINE_S

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import aiohttp

    from streams.chat.message import Sender

_KINDS: Final[Mapping[str, Callable[[Settings, aiohttp.ClientSession, float], Sender]]] = {
    "apprise": Apprise,
    "discord": Discord,
    "matrix": Matrix,
    "slack": lambda given, *rest: SlackWebhook(given, *rest) if given.has("url") else SlackBot(given, *rest),
    "telegram": Telegram,
    "webhook": Webhook,
}
KINDS: Final = tuple(_KINDS)


def sender(
    kind: str, settings: Mapping[str, Any], session: aiohttp.ClientSession, deadline_s: float = DEADLINE_S
) -> Sender:
    """A sender to one channel.

    Args:
        kind: one of `KINDS`.
        settings: by name, as the sender's class says; texts, or a `streams.secret.Secret` for any of them.
        session: to send with; owned by the caller, who closes it after all its senders.
        deadline_s: for one request; a message may take two.

    Raises:
        ChatSettingsError: with everything that is wrong with them.
    """
    if kind not in _KINDS:
        raise ChatSettingsError(kind, (f"there is no such kind; there are {', '.join(KINDS)}",))
    return _KINDS[kind](Settings(kind, settings), session, deadline_s)

"""Settings of one channel, read by what a sender wants; all that is wrong is told at once. Pure."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

from yarl import URL

from streams.chat.errors import ChatSettingsError
from streams.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

_SCHEMES: Final = frozenset({"http", "https"})


class Settings:
    """What was given for one channel.

    Each reader notes what is wrong with its setting, and gives something empty then; `check` ends the reading.

    Args:
        kind: of sender, for messages.
        given: by name; texts, numbers, or a `Secret`, any of which may stand for a secret.
    """

    def __init__(self, kind: str, given: Mapping[str, Any]) -> None:
        self._kind, self._given = kind, given
        self._asked: list[str] = []
        self._faults: list[str] = []

    def has(self, name: str) -> bool:
        """Whether something was given under `name`."""
        return bool(self._given.get(name))

    def text(self, name: str, default: str | None = None) -> str:
        """A text on one line; `default` None for one that has to be there."""
        self._asked.append(name)
        value = self._given.get(name)
        plain = value.reveal() if isinstance(value, Secret) else "" if value is None else str(value)
        if not plain and default is None:
            self._faults.append(f"`{name}` is missing")
        elif any(not "!" <= character <= "~" for character in plain):
            self._faults.append(f"`{name}` holds spaces, or characters beyond ASCII")
            return ""
        return plain or default or ""

    def secret(self, name: str, default: str | None = None) -> Secret:
        """A text that must not be shown."""
        return Secret(self.text(name, default))

    def address(self, name: str, default: str | None = None) -> Secret:
        """An address by http or https, without a slash at its end; a secret, for it may hold a token."""
        text = self.text(name, default)
        if text and not _is_address(text):
            self._faults.append(f"`{name}` is no address that begins with https:// or http://")
        return Secret(text.rstrip("/"))

    def fault(self, what: str) -> None:
        """Something is wrong that a sender finds by itself."""
        self._faults.append(what)

    def check(self) -> None:
        """Ends the reading.

        Raises:
            ChatSettingsError: with everything that is wrong.
        """
        unknown = [name for name in self._given if name not in self._asked]
        faults = (*self._faults, *(self._unknown(name) for name in unknown))
        if faults:
            raise ChatSettingsError(self._kind, faults)

    def _unknown(self, name: str) -> str:
        nearest = get_close_matches(name, self._asked, n=1)
        meant = f"did you mean `{nearest[0]}`?" if nearest else f"it takes {', '.join(sorted(set(self._asked)))}"
        return f"`{name}` is no setting of it; {meant}"


def _is_address(text: str) -> bool:
    try:
        found = URL(text)
    except ValueError:
        return False
    return found.scheme in _SCHEMES and bool(found.host)

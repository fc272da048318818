"""What can be wrong with a chat channel before anything is sent.

* `ChatSettingsError`: **stop** with this channel. Its settings cannot work; a person has to mend them.

What happens while sending is no error but an `Answer`.
"""

from __future__ import annotations

from streams.errors import StreamError


class ChatSettingsError(StreamError):
    """The settings of a channel.

    Attributes:
        kind: of sender.
        faults: what is wrong, one sentence each, without any secret.
    """

    def __init__(self, kind: str, faults: tuple[str, ...]) -> None:
        super().__init__(kind, faults)
        self.kind, self.faults = kind, faults

    def __str__(self) -> str:
        return f"chat channel of kind {self.kind!r}: {'; '.join(self.faults)}"

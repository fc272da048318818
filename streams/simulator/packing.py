"""Compression that is agreed on and not used by the exchange, so that what comes packed is there on purpose."""

from __future__ import annotations

from typing import TYPE_CHECKING

from websockets.extensions.permessage_deflate import PerMessageDeflate, ServerPerMessageDeflateFactory

if TYPE_CHECKING:
    from collections.abc import Sequence

    from websockets.extensions.base import Extension
    from websockets.frames import Frame
    from websockets.typing import ExtensionParameter


class _Unused(PerMessageDeflate):
    """Unpacks what the client packs, and packs nothing itself, as RFC 7692 allows message by message."""

    def encode(self, frame: Frame) -> Frame:
        """The frame as it is."""
        return frame


class Packing(ServerPerMessageDeflateFactory):
    """Accepts permessage-deflate from a client that offers it."""

    def process_request_params(
        self, params: Sequence[ExtensionParameter], accepted_extensions: Sequence[Extension]
    ) -> tuple[list[ExtensionParameter], PerMessageDeflate]:
        """As the library does, with an extension that packs nothing."""
        agreed, its = super().process_request_params(params, accepted_extensions)
        takeover = its.remote_no_context_takeover, its.local_no_context_takeover
        return agreed, _Unused(*takeover, its.remote_max_window_bits, its.local_max_window_bits)

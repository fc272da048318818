"""Exit codes, after BSD's sysexits, and which error ends with which. Pure.

Errors are known by the name of their class, so that a command which cannot fail in some way need not import it.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Exit(IntEnum):
    """How a command ended."""

    FINE = 0
    USAGE = 64
    DATA = 65
    UNAVAILABLE = 69
    INTERNAL = 70
    TRY_AGAIN = 75
    CONFIG = 78
    INTERRUPTED = 130


MEANINGS = {
    Exit.FINE: "Done, or stopped when asked to.",
    Exit.USAGE: "The command line is wrong.",
    Exit.DATA: "A file that was given is unreadable or foreign.",
    Exit.UNAVAILABLE: "Something it depends on is not available: a server, a port, the calendar.",
    Exit.INTERNAL: "Something failed that should not; the log has the traceback.",
    Exit.TRY_AGAIN: "Not now: another technic works in this state folder, or the disk refuses.",
    Exit.CONFIG: "The configuration or the API key is wrong; systemd does not restart the service.",
    Exit.INTERRUPTED: "Ctrl-C during work that has an end.",
}

BY_ERROR = {
    "daemon.calendar.CalendarError": Exit.UNAVAILABLE,
    "daemon.commands.errors.ChannelsUntoldError": Exit.UNAVAILABLE,
    "daemon.commands.errors.FaultsFileError": Exit.DATA,
    "daemon.commands.errors.NoMarketTimeError": Exit.UNAVAILABLE,
    "daemon.commands.errors.NoServerError": Exit.UNAVAILABLE,
    "daemon.commands.daemonapi.DaemonError": Exit.UNAVAILABLE,
    "daemon.why.WhyError": Exit.USAGE,
    "daemon.commands.errors.OutputError": Exit.USAGE,
    "daemon.commands.errors.SymbolsFileError": Exit.DATA,
    "daemon.configfile.ConfigError": Exit.CONFIG,
    "daemon.deadlines.DeadlineError": Exit.USAGE,
    "daemon.demo.ExchangeEndedError": Exit.UNAVAILABLE,
    "daemon.engine.errors.RulesError": Exit.CONFIG,
    "daemon.lock.FolderTakenError": Exit.TRY_AGAIN,
    "daemon.scoring.errors.ScoringError": Exit.INTERNAL,
    "daemon.sectorfile.SectorFileError": Exit.CONFIG,
    "daemon.silencing.SilencingError": Exit.USAGE,
    "daemon.supervision.TaskFailingError": Exit.INTERNAL,
    "daemon.web.server.WebAddressError": Exit.UNAVAILABLE,
    "daemon.train.ModelDisabledError": Exit.CONFIG,
    "indicators.errors.UnknownIndicatorError": Exit.USAGE,
    "streams.errors.AuthRejected": Exit.CONFIG,
    "streams.errors.CertificateRejected": Exit.CONFIG,
    "streams.errors.MarketClockError": Exit.UNAVAILABLE,
    "streams.history.errors.HistoryDamagedError": Exit.DATA,
    "streams.history.errors.HistoryDeniedError": Exit.CONFIG,
    "streams.history.errors.HistoryForeignError": Exit.CONFIG,
    "streams.history.errors.HistoryRefusedError": Exit.DATA,
    "streams.history.errors.HistoryUnavailableError": Exit.UNAVAILABLE,
    "streams.outbox.OutboxCorruptError": Exit.DATA,
    "streams.outbox.OutboxFutureError": Exit.DATA,
    "streams.outbox.OutboxUnavailableError": Exit.TRY_AGAIN,
    "streams.polygon.rest.errors.KeyRefused": Exit.CONFIG,
    "streams.polygon.rest.errors.RestError": Exit.UNAVAILABLE,
    "streams.redis.errors.EmbeddedServerError": Exit.UNAVAILABLE,
    "streams.redis.errors.RedisRefusedError": Exit.UNAVAILABLE,
    "streams.redis.errors.RedisUrlError": Exit.CONFIG,
    "streams.simulator.corporatefile.CorporateFileError": Exit.DATA,
    "streams.simulator.errors.PortTakenError": Exit.UNAVAILABLE,
    "streams.simulator.errors.SourceError": Exit.DATA,
    "streams.tablefile.TableFileError": Exit.DATA,
}
"""What is not in here, nor derived from it, is a mistake of ours: `Exit.INTERNAL`, with a traceback."""


def expected(error: BaseException) -> Exit | None:
    """The code of an error that is known and tells for itself what to do; None for any other."""
    return next((BY_ERROR[name] for name in _names(error) if name in BY_ERROR), None)


def leaves(error: BaseException) -> Iterator[BaseException]:
    """The errors in a group, however deep; an error by itself is its only leaf."""
    if isinstance(error, BaseExceptionGroup):
        for part in error.exceptions:
            yield from leaves(part)
    else:
        yield error


def _names(error: BaseException) -> Iterator[str]:
    for kind in type(error).__mro__:
        yield f"{kind.__module__}.{kind.__qualname__}"

"""The command line of what people answer to alerts: `technic ack`, `snooze`, `mute`, `unmute`, `silences`."""

from __future__ import annotations

from typing import Annotated

import typer

from daemon.options import ConfigFile, Json  # noqa: TC001 (typer reads annotations)

Rule = Annotated[str, typer.Option(metavar="NAME", help="Alerts of this rule; * for any.")]
Symbol = Annotated[str, typer.Option(metavar="SYMBOL", help="Alerts of this symbol; * for any.")]
By = Annotated[str, typer.Option(metavar="NAME", help="Who does it; by default the user's login.")]


def ack(
    alert_id: Annotated[
        str, typer.Argument(metavar="ALERT_ID", help="Its id, or six or more of the first characters.")
    ],
    config: ConfigFile = None,
    by: By = "",
) -> None:
    """Take care of an alert.

    It is not told again, and stream and channels show who did.
    """
    from daemon.commands import silences as command  # noqa: PLC0415

    command.ack(config, alert_id, by)


def snooze(
    config: ConfigFile = None,
    rule: Rule = "",
    symbol: Symbol = "",
    until: Annotated[
        str, typer.Option(metavar="TIME", help="Market time in New York: 15:30, 2025-01-24 10:00, open, close.")
    ] = "",
    lasting: Annotated[str, typer.Option("--for", metavar="TIME", help="So long: 90s, 30m, 1h30m, 2d.")] = "",
    by: By = "",
) -> None:
    """Silence a rule, a symbol, or one rule for one symbol, for a while.

    In market time. Alerts go on being written to the stream; nobody is told of them in chat. One that is set anew
    replaces the one before.
    """
    from daemon.commands import silences as command  # noqa: PLC0415

    command.snooze(config, command.Asked(rule, symbol, by), until, lasting)


def mute(config: ConfigFile = None, rule: Rule = "", symbol: Symbol = "", by: By = "") -> None:
    """Silence a rule, a symbol, or one rule for one symbol, for good.

    Until technic unmute lifts it.
    """
    from daemon.commands import silences as command  # noqa: PLC0415

    command.mute(config, command.Asked(rule, symbol, by))


def unmute(config: ConfigFile = None, rule: Rule = "", symbol: Symbol = "", by: By = "") -> None:
    """Lift a snooze or a mute.

    Of the same rule and symbol as it was set with; see technic silences.
    """
    from daemon.commands import silences as command  # noqa: PLC0415

    command.unmute(config, command.Asked(rule, symbol, by))


def silences(config: ConfigFile = None, as_json: Json = False) -> None:
    """List what is silent.

    Snoozes and mutes, until when, by whom, and which are over.
    """
    from daemon.commands import silences as command  # noqa: PLC0415

    command.show(config, as_json=as_json)


COMMANDS = (ack, snooze, mute, unmute, silences)

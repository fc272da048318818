"""The command line: which commands there are, their options and help, and how errors end them.

Nothing that takes long to import is imported here; each command imports what it needs when it runs.
"""

from __future__ import annotations

import math
import re
import sys
import traceback
from datetime import date, time
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path  # noqa: TC003 (typer reads annotations)
from typing import Annotated

import typer

from daemon import historyline, rulesline, silenceline
from daemon.exits import Exit, expected, leaves
from daemon.options import Bar, BarLength, ConfigFile, Duration, Json  # noqa: TC001 (typer reads annotations)

app = typer.Typer(
    name="technic",
    help="Watches the US stock market live and publishes alerts to Redis Streams.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

UsageError: type[Exception] = typer.BadParameter.__mro__[1]
"""Base of all that can be wrong with a command line."""


class Stream(StrEnum):
    """What can be followed."""

    alerts = "alerts"
    events = "events"
    dead = "dead"


class Order(StrEnum):
    """What a scan is ranked by."""

    score = "score"
    activity = "activity"
    change = "change"
    gap = "gap"
    relative_volume = "relative_volume"


class OnEnd(StrEnum):
    """What follows the last bar."""

    silence = "silence"
    close = "close"


def _speed(text: str) -> float:
    """A number above 0, or ``max``."""
    try:
        speed = math.inf if text == "max" else float(text)
    except ValueError:
        speed = math.nan
    if not speed > 0:
        raise typer.BadParameter("write a number above 0, or max")
    return speed


def _day(text: str) -> date:
    """A date."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("write it as 2025-01-24") from None


def _start(text: str) -> time:
    """A time of day."""
    try:
        return time.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("write it as 09:30") from None


Seed = Annotated[int, typer.Option(metavar="N", min=0, help="Another seed is another synthetic market.")]


def _version(wanted: bool) -> None:
    if wanted:
        try:
            typer.echo(f"technic {version('technic-scanner')}")
        except PackageNotFoundError:
            typer.echo("technic, not installed")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _technic(
    context: typer.Context,
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Watches the US stock market live and publishes alerts to Redis Streams."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(Exit.USAGE)


@app.command()
def demo(
    config: ConfigFile = None,
    symbols: Annotated[
        int, typer.Option(metavar="N", min=1, max=20_000, help="Symbols of the synthetic market.")
    ] = 500,
    speed: Annotated[float, typer.Option(metavar="X", min=0.1, help="Market seconds a second.")] = 120.0,
    seed: Seed = 1,
    duration: Duration = None,
) -> None:
    """Show everything on this machine.

    A simulated exchange, the daemon, a Redis-compatible server, and a live table of leaders and alerts. Starts from
    fresh state every time; Ctrl-C ends all of it.
    """
    from daemon.commands import run as command  # noqa: PLC0415

    command.demo(config, symbols=symbols, speed=speed, seed=seed, duration_s=duration)


@app.command()
def run(config: ConfigFile = None, duration: Duration = None) -> None:
    """Run the daemon.

    From the exchange's feed to alerts in Redis. SIGTERM or Ctrl-C ends it, SIGHUP reads the rules again.
    """
    from daemon.commands import run as command  # noqa: PLC0415

    command.run(config, duration)


@app.command()
def simulate(
    bars: Annotated[Path | None, typer.Option(metavar="FILE", help="Serve the bars of this parquet or CSV.")] = None,
    synthetic: Annotated[int | None, typer.Option(metavar="N", min=1, help="Serve a synthetic market.")] = None,
    bar: Bar = BarLength.minute,
    speed: Annotated[float, typer.Option(parser=_speed, metavar="X|max", help="Market seconds a second.")] = 1.0,
    port: Annotated[
        int, typer.Option(metavar="PORT", min=0, max=65_535, help="Loopback port; 0 for a free one.")
    ] = 8765,
    key: Annotated[str, typer.Option(metavar="KEY", help="API key that is accepted.")] = "demo",
    seed: Seed = 1,
    day: Annotated[date | None, typer.Option(parser=_day, metavar="YYYY-MM-DD", help="First day, in New York.")] = None,
    days: Annotated[int, typer.Option(metavar="N", min=1, help="Days from the first one on.")] = 1,
    start: Annotated[
        time | None, typer.Option(parser=_start, metavar="HH:MM", help="When a synthetic market begins, New York.")
    ] = None,
    daily: Annotated[Path | None, typer.Option(metavar="FILE", help="Official daily bars for REST.")] = None,
    reference: Annotated[Path | None, typer.Option(metavar="FILE", help="Companies for REST: parquet or CSV.")] = None,
    corporate: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Splits, news and so on for REST: JSON.")
    ] = None,
    rest_rate: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Requests a minute that REST grants; the others get 429.")
    ] = None,
    rest_latency_ms: Annotated[
        int, typer.Option(metavar="MS", min=0, max=60_000, help="Milliseconds that REST takes to answer.")
    ] = 0,
    faults: Annotated[Path | None, typer.Option(metavar="FILE", help="What goes wrong when: TOML.")] = None,
    control: Annotated[
        int | None,
        typer.Option(metavar="PORT", min=0, max=65_535, help="Loopback port for faults by hand; 0 for a free one."),
    ] = None,
    on_end: Annotated[OnEnd, typer.Option(help="After the last bar: stay silent, or close and exit.")] = OnEnd.silence,
    duration: Duration = None,
    as_json: Json = False,
) -> None:
    """Simulate an exchange.

    It speaks Polygon's websocket and REST on loopback, fed by a bars file or by a synthetic market. Market time begins
    with the first subscription.
    """
    if (bars is None) == (synthetic is None):
        raise typer.BadParameter("give one of --bars FILE and --synthetic N")
    from daemon.commands.begin import begin_without_configuration  # noqa: PLC0415

    begin_without_configuration()
    from daemon.commands import simulate as command  # noqa: PLC0415 (numba's cache has its place only now)

    choice = command.Choice(bars, bar.ms, synthetic or 0, seed, day, days, start)
    files = command.Files(daily, reference, corporate)
    command.simulate(
        choice,
        files,
        command.Trouble(faults, control),
        speed=speed,
        port=port,
        key=key,
        rest_rate=rest_rate,
        rest_latency_ms=rest_latency_ms,
        on_end=on_end.value,
        duration_s=duration,
        as_json=as_json,
    )


@app.command()
def why(
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL", help="As the exchange spells it.")],
    rule: Annotated[str, typer.Argument(metavar="RULE", help="Name of a rule in force.")],
    config: ConfigFile = None,
    at: Annotated[
        str, typer.Option(metavar="TIME", help='15:30, or "2025-01-24 15:30", New York; of recorded bars.')
    ] = "",
    bars: Annotated[Path | None, typer.Option(metavar="FILE", help="Bars, instead of those technic has kept.")] = None,
    bar: Bar = BarLength.minute,
    as_json: Json = False,
) -> None:
    """Say why a rule fired, or did not.

    Each comparison with its values, warm-up, coverage, episode, cooldown and budget. Without a time and a file the
    running daemon answers, at the symbol's last closed bar.
    """
    from daemon.commands import why as command  # noqa: PLC0415

    command.why(config, symbol, rule, at=at, bars=bars, length_ms=bar.ms, as_json=as_json)


@app.command()
def digest(
    config: ConfigFile = None,
    day: Annotated[
        date | None, typer.Option(parser=_day, metavar="YYYY-MM-DD", help="Last day; by default the newest there is.")
    ] = None,
    days: Annotated[int, typer.Option(metavar="N", min=1, max=400, help="Days up to it.")] = 1,
    as_json: Json = False,
) -> None:
    """Tell what alerts were worth.

    Of kept days: alerts by rule, and what became of them beside random symbols of the same minute.
    """
    from daemon.commands import digest as command  # noqa: PLC0415

    command.digest(config, day=day, days=days, as_json=as_json)


@app.command()
def replay(
    bars: Annotated[Path, typer.Option(metavar="FILE", help="Parquet or CSV of bars.")],
    config: ConfigFile = None,
    bar: Bar = BarLength.minute,
    alerts: Annotated[Path | None, typer.Option(metavar="FILE", help="Write alerts here, one JSON a line.")] = None,
    report: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write figures and pictures of the models here.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Run a bars file through the engine.

    At full speed, with the model learning: alerts, model quality, digest. The same bars give the same alerts, bit
    for bit.
    """
    from daemon.commands import replay as command  # noqa: PLC0415

    command.replay(config, bars, bar.ms, alerts=alerts, folder=report, as_json=as_json)


@app.command()
def train(
    bars: Annotated[list[Path], typer.Option(metavar="FILE", help="Parquet or CSV of bars; may be given again.")],
    days: Annotated[int | None, typer.Option(metavar="N", min=1, help="Only the last N days with bars.")] = None,
    config: ConfigFile = None,
    bar: Bar = BarLength.minute,
    as_json: Json = False,
) -> None:
    """Teach the models from bars files.

    From nothing, by the very same path as live; the next start of the daemon takes up what was learned.
    """
    from daemon.commands import train as command  # noqa: PLC0415

    command.train(config, bars, bar.ms, days, as_json=as_json)


@app.command()
def models(config: ConfigFile = None, as_json: Json = False) -> None:
    """Tell how good the models are.

    Of the running daemon: log loss, Brier, AUC, calibration, precision, beside the base rate, on predictions as issued.
    """
    from daemon.commands import models as command  # noqa: PLC0415

    command.models(config, as_json=as_json)


@app.command()
def scan(
    config: ConfigFile = None,
    max_symbols: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Only the N symbols that trade most.")
    ] = None,
    symbols: Annotated[Path | None, typer.Option(metavar="FILE", help="Only the symbols that this file names.")] = None,
    by: Annotated[Order, typer.Option(help="What the table is ranked by.")] = Order.score,
    lines: Annotated[int, typer.Option("-n", "--lines", metavar="N", min=1, help="Rows to show.")] = 25,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the whole table here: .csv, .json or .parquet.")
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say what will be asked of the exchange, and why.")
    ] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Scan again and again.")] = False,
    every: Annotated[float, typer.Option(metavar="SECONDS", min=1, help="Pause between scans of --watch.")] = 5.0,
    duration: Duration = None,
    as_json: Json = False,
) -> None:
    """Rank the market now.

    Score, change, gap, relative volume, rank in the sector, the rules that hold, and why. Asks the exchange for what is
    not known yet, and for nothing else.
    """
    if symbols is not None and max_symbols is not None:
        raise typer.BadParameter("give one of --symbols FILE and --max-symbols N")
    from daemon.commands import scan as command  # noqa: PLC0415

    command.scan(
        config,
        command.wish_of(symbols, max_symbols, by.value),
        command.Show(lines, out, as_json),
        explain=explain,
        every_s=every if watch else None,
        duration_s=duration,
    )


@app.command()
def universe(
    config: ConfigFile = None,
    companies: Annotated[
        Path | None, typer.Option("--import", metavar="FILE", help="Take in companies of this parquet or CSV first.")
    ] = None,
    kind: Annotated[
        list[str] | None, typer.Option("--type", metavar="CODE", help="Only these types, CS or ETF for example.")
    ] = None,
    sector: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Only these sectors.")] = None,
    min_price: Annotated[float | None, typer.Option(metavar="USD", help="Only if it closed at least here.")] = None,
    max_price: Annotated[float | None, typer.Option(metavar="USD", help="Only if it closed at most here.")] = None,
    min_volume: Annotated[float | None, typer.Option(metavar="N", help="Only so many shares a day.")] = None,
    min_market_cap: Annotated[float | None, typer.Option(metavar="USD", help="Only so large companies.")] = None,
    by_sector: Annotated[bool, typer.Option("--by-sector", help="Sectors instead: how their symbols spread.")] = False,
    lines: Annotated[int, typer.Option("-n", "--lines", metavar="N", min=1, help="Rows to show.")] = 25,
    as_json: Json = False,
) -> None:
    """List what is listed.

    Type, sector, market value, and the usual day of every symbol, the largest turnover first; filtered. Asks nothing of
    the exchange.
    """
    from daemon.commands import universe as command  # noqa: PLC0415

    wanted = command.Filter(tuple(kind or ()), tuple(sector or ()), min_price, max_price, min_volume, min_market_cap)
    command.show(config, wanted, companies=companies, lines=lines, as_json=as_json, by_sector=by_sector)


@app.command()
def tail(
    stream: Annotated[Stream, typer.Argument(help="Which stream.")] = Stream.alerts,
    config: ConfigFile = None,
    lines: Annotated[
        int, typer.Option("-n", "--lines", metavar="N", min=0, max=10_000, help="Newest entries to show.")
    ] = 10,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on with those that come.")] = False,
    duration: Duration = None,
    as_json: Json = False,
) -> None:
    """Show alerts, events or dead letters.

    The newest ones, oldest first; with --follow those that come, too. With --json one list, or one object a line when
    following.
    """
    from daemon.commands import tail as command  # noqa: PLC0415

    command.tail(config, stream.value, lines=lines, follow=follow, as_json=as_json, duration_s=duration)


@app.command()
def notify(
    config: ConfigFile = None,
    duration: Duration = None,
    test: Annotated[bool, typer.Option("--test", help="Send one message to each channel, and end.")] = False,
) -> None:
    """Tell alerts to chat.

    A service of its own: it reads the stream as consumer group "chat" and sends to the channels of the file
    notify.channels. SIGTERM or Ctrl-C ends it, SIGHUP reads that file again.
    """
    from daemon.commands import notify as command  # noqa: PLC0415

    command.notify(config, duration_s=duration, test=test)


@app.command()
def indicators(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Only this one, in full.")] = None,
    config: ConfigFile = None,
    memory: Annotated[
        bool, typer.Option("--memory", help="Bytes a symbol, and what the configured rules take for 12,000 symbols.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List what rules and features can name.

    Each indicator with its parameters and their defaults, outputs, inputs, warm-up in bars, and formula.
    """
    from daemon.commands import indicators as command  # noqa: PLC0415

    command.indicators(config, name, memory=memory, as_json=as_json)


@app.command()
def check_config(config: ConfigFile = None, as_json: Json = False) -> None:
    """Find all mistakes of configuration and rules.

    At once, each with file, line, column and remedy. Exits with 78 if there are any.
    """
    from daemon.commands import check as command  # noqa: PLC0415

    command.check(config, as_json=as_json)


for answer in silenceline.COMMANDS:
    app.command()(answer)
app.add_typer(historyline.app, name="history")
app.add_typer(rulesline.app, name="rules")


def main(arguments: list[str] | None = None) -> None:
    """Run a command and exit with its code; errors are one message on stderr."""
    try:
        asked = app(arguments, prog_name="technic", standalone_mode=False)
        sys.stdout.flush()
        code = Exit(asked or Exit.FINE)
    except UsageError as error:
        code = _told(f"{_plain(error)}; see technic --help", Exit.USAGE)
    except (KeyboardInterrupt, typer.Abort):
        code = Exit.INTERRUPTED
    except SystemExit as ended:  # the library's answer to a reader of stdout that went away
        if not isinstance(ended.__context__, BrokenPipeError):
            raise
        code = Exit.FINE
    except Exception as error:  # noqa: BLE001 (the last place where an error can become a message)
        code = _failed(error)
    try:
        sys.stderr.flush()
    except OSError:  # or Python itself would try again, and end with a code of its own
        sys.stderr = None
    sys.exit(code)


def _plain(error: Exception) -> str:
    """What is wrong with the command line, with the option it is about, and without the library's jargon."""
    text: str = error.format_message() if hasattr(error, "format_message") else str(error)
    text = re.sub(r"Input should be a valid ([a-z]+).*", r"write a valid \1", text)
    return text.replace("Value error, ", "").rstrip(".")


def _failed(error: Exception) -> Exit:
    """Tell what ended the command; a traceback only for what nobody expected."""
    causes = list(leaves(error))
    codes = [expected(cause) for cause in causes]
    if None in codes:
        _unexpected(error)
        return Exit.INTERNAL
    for text in dict.fromkeys(str(cause) for cause in causes):
        _told(text, Exit.FINE)
    return next(code for code in codes if code is not None)


def _told(text: str, code: Exit) -> Exit:
    sys.stderr.write("".join(f"technic: {line}\n" for line in text.splitlines()))
    return code


def _unexpected(error: Exception) -> None:
    """Through the log where there is one, for it knows what must not be shown."""
    import structlog  # noqa: PLC0415 (not for --help)

    if structlog.is_configured():
        structlog.get_logger().critical("internal error", exc_info=error)
    else:
        traceback.print_exception(error)
    _told("internal error, see above; this should not happen", Exit.INTERNAL)

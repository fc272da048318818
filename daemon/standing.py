"""How each part stands, for ``/readyz`` and the status page."""

from __future__ import annotations

from datetime import date, datetime
from functools import partial
from importlib.metadata import version
from math import isnan
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import structlog

from daemon import knowledge, setback
from daemon.calendar import STALE_DAYS
from daemon.engine.sessions import DAY_MS, NO_DAY
from daemon.listed import check_listed
from daemon.scoring.link import BACKLOG
from daemon.spoken import UNKNOWN, number, several
from daemon.watchdog import Pulse
from daemon.web.models import ModelsApi
from daemon.web.readiness import Check, Readiness
from daemon.web.server import Api, Pages, serving
from daemon.web.silences import SilencesApi, World
from daemon.web.token import token_of
from daemon.web.why import WhyApi
from streams.bars import MINUTE_MS
from streams.polygon.session import HEARING
from streams.polygon.spoilage import Condition
from streams.redis.silences import Silences

if TYPE_CHECKING:
    from contextlib import AsyncExitStack

    from daemon.app import App
    from daemon.scoring.judge import Quality
    from daemon.scoring.modelfigures import ModelFigures

log = structlog.get_logger()

NEW_YORK = ZoneInfo("America/New_York")
EPOCH = date(1970, 1, 1).toordinal()
SLOW_S = 5.0
"""An engine that has not turned, or input that has waited, for longer than this is not ready."""

SCARCE = 0.95
"""A symbol table with more than this share of its rows taken will soon refuse symbols."""


async def show(app: App, stack: AsyncExitStack) -> None:
    """Every part of `app` reports, and the web server shows it, where one is wanted, until `stack` is left.

    Raises:
        WebAddressError: the address cannot be listened on.
    """
    readiness = Readiness()
    for name, check in CHECKS.items():
        readiness.watch(name, partial(check, app))
    app.metrics.ready.follow(lambda: {name: float(check.ok) for name, check in readiness.checks().items()})
    app.metrics.task_turn_seconds.follow(lambda: {"engine": app.clock.monotonic_s() - app.live.turned_s})
    http = app.config.http
    if http.enabled:
        pages = Pages(version("technic-scanner"), readiness, app.metrics, partial(facts, app))
        port = await stack.enter_async_context(serving(http, pages, _api(app)))
        log.info("web server", url=f"http://{http.host}:{port}/")


def _api(app: App) -> Api:
    """What people answer to alerts, for programs that have the token."""
    kept = Silences(app.redis_url, app.config.redis.prefix)

    async def check_symbol(symbol: str) -> None:
        if app.known:
            await check_listed(symbol, kept, app.known.plane.shelf)

    world = World(
        partial(knowledge.now_ms, app), lambda: app.live.figures.rules, check_symbol, app.calendar.sessions, app.clock
    )

    def figures() -> list[ModelFigures]:
        return [*app.engine.learning.figures(), *(app.teacher.models() if app.teacher else ())]

    between = app.live.between_turns
    asked, models = WhyApi(lambda: app.engine, between), ModelsApi(figures, between)
    routes = (*SilencesApi(kept, world).routes(), *asked.routes(), *models.routes())
    return Api(token_of(app.config.state.folder), routes)


def pulse(app: App) -> Pulse:
    """What the watchdog looks at."""
    return Pulse({"engine": app.clock.monotonic_s() - app.live.turned_s}, app.live.waiting_s)


def facts(app: App) -> dict[str, object]:
    """What the status page shows beside the checks."""
    figures = app.live.figures
    quality = figures.quality
    return {
        "market time (New York)": _when(figures.now_ms),
        "newest closed minute (New York)": _when(figures.closed_ms),
        "symbols": number(figures.symbols),
        "rules": ", ".join(figures.rules),
        "minute bars": number(figures.counts["bars"]),
        "second bars": number(figures.counts["seconds"]),
        "alerts delivered": number(app.sink.delivered),
        "questions answered": number(quality.questions),
        "score, AUC": number(quality.auc, 3),
        "score, log loss (base rate)": _log_loss(quality),
    }


def feed(app: App) -> Check:
    """Whether it is subscribed, and can be read."""
    if app.live.spoilage.condition is Condition.DEGRADED:
        return Check(ok=False, detail=f"{app.feed.state}, but too much of it cannot be read: see rejects in metrics")
    return Check(app.feed.state in HEARING, str(app.feed.state))


def _engine(app: App) -> Check:
    warm_up = app.known.warm_up if app.known else None
    if warm_up and app.live.held:
        now = warm_up.standing
        calls = f"{number(now.done)} of {number(now.total)} calls made, {number(now.bars)} bars taken"
        return Check(ok=False, detail=f"warms up on the minutes before: {calls}")
    turned_s, waits_s = app.clock.monotonic_s() - app.live.turned_s, app.live.waiting_s
    return Check(max(turned_s, waits_s) < SLOW_S, f"turned {turned_s:.1f} s ago, input waits {waits_s:.1f} s")


def market_time(app: App) -> Check:
    """Whether the exchange's time has reached the engine's."""
    figures = app.live.figures
    behind_ms = setback.behind_ms(figures, app.time.now_ms(), lossless=app.config.feed.lossless)
    if behind_ms is None:
        return Check(ok=True, detail="not behind the newest bar")
    minutes = number((figures.newest_ms - behind_ms) // MINUTE_MS)
    return Check(
        ok=False,
        detail=f"the exchange's time, {_when(behind_ms)} in New York, is {minutes} minutes behind the newest bar "
        f"({_when(figures.newest_ms)} in New York): older bars are left out as outdated and raise no alerts; has the "
        "exchange started anew? Then stop, and start with another or an emptied state.folder: "
        f"all of {app.config.state.folder}",
    )


def _redis(app: App) -> Check:
    return Check(app.sink.state == "live", app.sink.state)


def _disk(app: App) -> Check:
    return Check(app.ring.error is None, str(app.ring.error or "takes alerts"))


def _learner(app: App) -> Check:
    if app.teacher is None:
        return Check(ok=True, detail="switched off")
    waiting, dropped = app.teacher.unlearned, app.teacher.dropped
    what = f"{several(waiting, 'lesson waits', 'lessons wait')}, {several(dropped, 'was dropped', 'were dropped')}"
    return Check(waiting < BACKLOG, what)


def _rules(app: App) -> Check:
    refused = "the last reload was refused, older rules are in force"
    return Check(not app.reload.failed, refused if app.reload.failed else f"{len(app.live.figures.rules)} in force")


def _symbols(app: App) -> Check:
    taken, limit = app.live.figures.symbols, app.config.engine.max_symbols
    remedy = "; rows are never given back: raise engine.max_symbols and restart before it is full"
    scarce = taken > SCARCE * limit
    return Check(not scarce, f"{taken:,} of {limit:,} rows are taken{remedy if scarce else ''}")


def _calendar(app: App) -> Check:
    end_ms = app.calendar.sessions.end_ms
    if end_ms < app.clock.wall_ms() + STALE_DAYS * DAY_MS:
        remedy = "beyond it every day counts as closed: restart, after an upgrade of exchange_calendars if need be"
        return Check(ok=False, detail=f"the table of sessions ends at {_when(end_ms)} in New York; {remedy}")
    return Check(ok=True, detail=app.calendar.warning or "made for today")


def _history(app: App) -> Check:
    if app.keeper is None:
        return Check(ok=True, detail="switched off")
    now = app.keeper.standing
    if now.fatal:
        return Check(ok=False, detail=f"nothing is kept until technic is started again: {now.fatal}")
    counts = f"{several(now.waiting, 'row waits', 'rows wait')}, {several(now.dropped, 'was dropped', 'were dropped')}"
    return Check(not now.failing, f"{now.failing}; {counts}" if now.failing else counts)


def _rest(app: App) -> Check:
    """Whether the exchange answers questions; what it refuses for good takes a person."""
    if app.known is None:
        return Check(ok=True, detail="switched off")
    refusals = app.known.plane.transport.refusals
    return Check(not refusals, "; ".join(map(str, refusals)) or "nothing is refused")


def _day(app: App) -> Check:
    """Whether all is known that should be when a trading day begins."""
    roll = app.known.roll if app.known else None
    if roll is None:
        return Check(ok=True, detail="switched off")
    now = roll.standing
    if now.trouble:
        return Check(ok=False, detail=f"{now.trouble}; tried again in a minute")
    fetched = f", {number(now.done)} of {number(now.total)} calls made" if now.total else ""
    return Check(ok=True, detail=_date(now.day) if now.day != NO_DAY else f"not yet known{fetched}")


CHECKS = {
    "feed": feed,
    "engine": _engine,
    "market time": market_time,
    "redis": _redis,
    "disk": _disk,
    "learner": _learner,
    "rules": _rules,
    "symbols": _symbols,
    "calendar": _calendar,
    "history": _history,
    "rest": _rest,
    "day": _day,
}


def _log_loss(quality: Quality) -> str:
    known = quality.questions and not isnan(quality.log_loss)
    return f"{number(quality.log_loss, 4)} ({number(quality.base_log_loss, 4)})" if known else UNKNOWN


def _date(day: int) -> str:
    return f"{date.fromordinal(EPOCH + day):%Y-%m-%d}"


def _when(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, NEW_YORK):%Y-%m-%d %H:%M:%S}" if ms else "not yet"

"""What can be configured: sections, keys, bounds and meanings, as frozen models.

Pure: files and environment are read by `daemon.configfile`. Each key's description is what
``docs/configuration.md`` says about it. Secrets are `streams.secret.Secret` and show as ``***`` everywhere.
"""

from __future__ import annotations

import re
from datetime import date  # noqa: TC003 (pydantic reads annotations)
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import unquote, urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    model_validator,
)

from streams.secret import HIDDEN, Secret

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

VENDOR_DOMAINS = ("massive.com", "polygon.io")
VENDOR_REST = "https://api.massive.com"
CHANNELS = ("A", "AM", "LULD")
"""Channel prefixes that are read: second bars, minute bars, price bands."""

SHORTEST_REDACTED = 6
"""A secret shorter than this is not looked for in logs: it would black out ordinary words."""

_CHANNEL = re.compile(r"[A-Z]+\.(\*|[A-Za-z0-9./-]{1,16})")


def _secret(value: object) -> Secret:
    if isinstance(value, Secret):
        return value
    if not isinstance(value, str) or not value.strip():
        raise ValueError("has to be a text that is not empty")
    return Secret(value.strip())


def _listed(value: object) -> object:
    """From the environment a list comes as text with commas."""
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


def _channel(text: str) -> str:
    if not _CHANNEL.fullmatch(text) or text.partition(".")[0] not in CHANNELS:
        raise ValueError(f"{text:.40} is no channel: write A.*, AM.*, LULD.* or AM.AAPL")
    return text


def _url(*schemes: str) -> AfterValidator:
    def check(text: str) -> str:
        parts = urlsplit(text)
        if parts.scheme not in schemes or not parts.hostname:
            starts = " or ".join(f"{scheme}://" for scheme in schemes)
            raise ValueError(f"has to begin with {starts}, and a host")
        return text

    return AfterValidator(check)


def _redis_url(secret: Secret) -> Secret:
    text = secret.reveal()
    if text != "embedded" and urlsplit(text).scheme not in {"redis", "rediss", "unix"}:
        raise ValueError('has to be "embedded", redis://host:port/db, rediss://... or unix:///path')
    return secret


def _history_url(secret: Secret) -> Secret:
    text = secret.reveal()
    if text != "files" and urlsplit(text).scheme not in {"postgresql", "postgres"}:
        raise ValueError('has to be "files", or postgresql://user:password@host:port/database')
    return secret


def _chosen_rules(value: object) -> object:
    return None if value == "default" else value


def _home(path: Path) -> Path:
    return path.expanduser()


SecretText = Annotated[Secret, PlainValidator(_secret), PlainSerializer(lambda _: HIDDEN, return_type=str)]
Folder = Annotated[Path, AfterValidator(_home)]
RulesFile = Annotated[Path | None, BeforeValidator(_chosen_rules), AfterValidator(lambda p: p and _home(p))]
DataFile = Annotated[Path | None, AfterValidator(lambda p: p and _home(p))]
Channels = Annotated[
    tuple[Annotated[str, AfterValidator(_channel)], ...], BeforeValidator(_listed), Field(min_length=1)
]
Port = Annotated[int, Field(ge=0, le=65_535)]


def is_loopback(host: str) -> bool:
    """Whether `host` names this machine only."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Section(BaseModel):
    """Common to all sections: unknown keys are refused, values do not change, errors do not show input."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, allow_inf_nan=False)


class FeedSection(Section):
    """The exchange's websocket."""

    url: Annotated[str, _url("wss", "ws")] = Field(
        default="wss://socket.massive.com/stocks",
        description="Address of the feed; `wss://delayed.massive.com/stocks` for plans with 15 minutes' delay.",
    )
    rest_url: Annotated[str, _url("https", "http")] | None = Field(
        default=None,
        description="Address of the exchange's REST; by default the vendor's for the vendor's feed, and the feed's "
        "own host and port for any other.",
    )
    key: SecretText | None = Field(default=None, description="API key; `technic run` needs one.")
    channels: Channels = Field(
        default=("AM.*", "A.*", "LULD.*"),
        description="What is subscribed: `AM` minute bars, `A` second bars, `LULD` price bands; `*` is every symbol.",
    )
    speed: float = Field(
        default=1.0,
        gt=0,
        le=1e6,
        description="Market seconds in a second of the machine; other than 1 with simulators only.",
    )
    lossless: bool = Field(
        default=False, description="Wait for the engine instead of merging bars; for simulators faster than real time."
    )
    inbox_bars: int = Field(
        default=65_536,
        ge=1_024,
        le=10_000_000,
        description="Bars that may wait for the engine before second bars merge.",
    )

    @model_validator(mode="after")
    def _the_vendor_runs_at_its_own_pace(self) -> Self:
        if self.vendor and (self.lossless or self.speed != 1.0):
            raise ValueError("lossless, and a speed other than 1, are for simulated exchanges")
        return self

    @property
    def vendor(self) -> bool:
        """Whether the feed is the vendor's own, and its market time therefore the machine's."""
        host = urlsplit(self.url).hostname or ""
        return any(host == domain or host.endswith(f".{domain}") for domain in VENDOR_DOMAINS)

    @property
    def rest(self) -> str:
        """Address of the REST that belongs to the feed, without a slash at its end."""
        parts = urlsplit(self.url)
        own = f"{'https' if parts.scheme == 'wss' else 'http'}://{parts.netloc}"
        return (self.rest_url or (VENDOR_REST if self.vendor else own)).rstrip("/")


class EngineSection(Section):
    """Rules and the market's minutes."""

    rules: RulesFile = Field(
        default=None,
        description="File of the rules; `default` for those that come with technic. SIGHUP reads it again.",
    )
    extended_hours: bool = Field(
        default=True, description="Watch from 04:00 to 20:00 New York time; else 09:30 to 16:00."
    )
    closed_days: Annotated[tuple[date, ...], BeforeValidator(_listed)] = Field(
        default=(),
        description='Days such as `"2025-01-09"` on which the exchange is closed, although no calendar says so.',
    )
    grace_s: float = Field(
        default=5.0,
        ge=0.1,
        le=55.0,
        description="How long after a minute's end its bars are waited for, seconds, until it is known how they come; "
        "a quarter of a second of the machine at least, where a simulator hurries.",
    )
    stragglers: float = Field(
        default=0.005,
        ge=0.0,
        le=0.2,
        description="Share of a minute's bars that may come after its close, once it is known how they come; 0 waits "
        "for `grace_s` always.",
    )
    max_symbols: int = Field(
        default=16_384,
        ge=1,
        le=100_000,
        description="Symbols that are followed; bars of any more are counted and left.",
    )
    sectors: DataFile = Field(
        default=None,
        description="CSV file with the columns `symbol` and `sector`, for cross-sections by sector; by default all "
        "symbols are of one.",
    )
    sectors_era: Annotated[str, Field(min_length=1)] | None = Field(
        default=None,
        description="Of `sectors` only rows with this value in the column `era`; by default all, the last of a symbol "
        "holds.",
    )

    daily: DataFile = Field(
        default=None,
        description="Parquet or CSV file of official daily bars, `symbol, date, close[, open, high, low, volume]`; by "
        "default days are known from their own minutes only.",
    )

    @model_validator(mode="after")
    def _an_era_is_of_a_file(self) -> Self:
        if self.sectors_era is not None and self.sectors is None:
            raise ValueError("sectors_era chooses rows of a file: name one with sectors")
        return self


class ModelSection(Section):
    """The question that the online model learns to answer."""

    enabled: bool = Field(default=True, description="Learn and score; without, `score` is never known.")
    learn: bool = Field(
        default=True, description="Learn from answers; without, what was learned before scores on, unchanged."
    )
    horizon_minutes: int = Field(default=15, ge=1, le=120, description="How far the question looks ahead, minutes.")
    threshold_atr: float = Field(
        default=4.0, gt=0, le=100, description="How far price has to move for a yes, in ATR(14) of minute bars."
    )
    ladder: DataFile = Field(
        default=None, description="File of features and models, see `docs/learning.md`; by default those that come."
    )


class RedisSection(Section):
    """Where alerts go."""

    url: Annotated[SecretText, AfterValidator(_redis_url)] = Field(
        default=Secret("embedded"),
        description="`embedded` for a private Valkey in the state folder, or `redis://`, `rediss://`, `unix://`; "
        "with TLS, `rediss://host:port/db?ssl_ca_certs=FILE` names who vouches for the server.",
    )
    port: Port | None = Field(
        default=None,
        description="Port of 127.0.0.1 on which the embedded server listens too; by default its socket only.",
    )
    prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9:_.-]{1,64}$")] = Field(
        default="technic:", description="What the names of all keys begin with."
    )
    retention_hours: float = Field(
        default=168.0, ge=1, le=24 * 366, description="Alerts older than this leave the stream, hours."
    )
    retention_entries: int = Field(
        default=100_000,
        ge=1_000,
        le=10_000_000,
        description="Alerts that the stream holds, about; of more the oldest leave it before their time, which is "
        "told. An alert has some 2 to 5 kB.",
    )
    leaders: int = Field(
        default=500,
        ge=0,
        le=5_000,
        description="How many of the highest scores have all their numbers in Redis, beside lists and what alerted "
        "today; 0: no leaderboard, not even scores.",
    )

    @property
    def embedded(self) -> bool:
        """Whether the server is a child of technic's own."""
        return self.url.reveal() == "embedded"

    @property
    def retention_ms(self) -> int:
        """How long alerts stay in the stream, milliseconds."""
        return round(self.retention_hours * 3_600_000)

    @model_validator(mode="after")
    def _port_is_of_the_embedded_server(self) -> Self:
        if self.port is not None and not self.embedded:
            raise ValueError("port is of the embedded server: write the port into redis.url")
        return self


class StateSection(Section):
    """Folders."""

    folder: Folder = Field(
        description="Engine's state, outbox and embedded server; by default `$STATE_DIRECTORY`, "
        "`$XDG_STATE_HOME/technic` or `~/.local/state/technic`."
    )
    cache: Folder = Field(
        description="What can be made again: calendar and compiled kernels; by default `$CACHE_DIRECTORY`, "
        "`$XDG_CACHE_HOME/technic` or `~/.cache/technic`."
    )
    snapshot_s: float = Field(
        default=60.0,
        ge=0,
        le=86_400,
        description="How often the engine's state is saved, seconds: what a kill or a power cut sets it back by. "
        "0 saves it when technic is stopped, and only then.",
    )


class RestSection(Section):
    """What is asked of the exchange besides its feed."""

    enabled: bool = Field(
        default=True,
        description="Ask: splits, days before, companies and news for alerts; without, the daemon knows its bars and "
        "its store alone. `technic scan` asks in any case.",
    )
    warm_up_s: float = Field(
        default=60.0,
        ge=0,
        le=3_600,
        description="How long a start may ask for minutes that the store lacks, market seconds; the engine begins "
        "after that, with all that came meanwhile. 0: the engine begins at once, as it is saved.",
    )
    repair_s: float = Field(
        default=600.0,
        ge=0,
        le=86_400,
        description="How long minutes that an outage of the feed has hidden are asked for, market seconds; symbols of "
        "which they cannot be had go on with a hole then.",
    )
    rate_per_minute: float = Field(
        default=300.0,
        ge=1,
        le=6_000,
        description="Requests that the plan allows in a minute, by all of technic together: 5 for a free plan, at most "
        "6,000 for a paid one.",
    )
    burst: int = Field(default=10, ge=1, le=1_000, description="How many of them may be made at once.")


class PrefetchSection(Section):
    """What is fetched before anybody asks for it."""

    enabled: bool = Field(
        default=True, description="Fetch ahead for symbols that are likely to raise an alert or to be looked at."
    )
    calls_per_hour: int = Field(
        default=300, ge=1, le=100_000, description="Requests that may be spent on it in an hour of market time."
    )


class HistorySection(Section):
    """Bars, alerts and reference tables that are kept."""

    enabled: bool = Field(default=True, description="Keep them.")
    url: Annotated[SecretText, AfterValidator(_history_url)] = Field(
        default=Secret("files"),
        description="`files` for Parquet and SQLite in the folder `history` of the state folder, or "
        "`postgresql://user:password@host:port/database`.",
    )
    minute_days: int = Field(default=60, ge=2, le=3_660, description="How long minute bars are kept, days.")
    daily_days: int = Field(default=1_830, ge=30, le=36_600, description="How long daily bars are kept, days.")

    @property
    def files(self) -> bool:
        """Whether they are files in the state folder."""
        return self.url.reveal() == "files"


class NotifySection(Section):
    """What `technic notify` tells to chat."""

    channels: DataFile = Field(
        default=None,
        description="File of the channels, see `docs/notify.md`; SIGHUP reads it again. `technic notify` needs one.",
    )
    link: Annotated[str, _url("https", "http")] | None = Field(
        default=None,
        description="Address that messages point to, such as that of the status page as people reach it; by default "
        "none.",
    )
    chart: bool = Field(
        default=True, description="Send a small chart along where the service takes one, and the history has bars."
    )


class HttpSection(Section):
    """Status page, health and metrics."""

    enabled: bool = Field(default=True, description="Serve them.")
    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: Port = Field(default=8787, description="Port to listen on; 0 for any that is free.")
    allow_remote: bool = Field(
        default=False,
        description="Permit an address other machines can reach; there is no TLS, and a token for the API only.",
    )
    hosts: Annotated[tuple[str, ...], BeforeValidator(_listed)] = Field(
        default=(), description="Further names, with port, by which clients may call the server (`Host` header)."
    )

    @model_validator(mode="after")
    def _stays_on_this_machine(self) -> Self:
        if not self.allow_remote and not is_loopback(self.host):
            raise ValueError(f"others can reach host {self.host:.40}: set allow_remote = true to permit it")
        return self


class LogSection(Section):
    """Log on stderr."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least level that is shown."
    )
    format: Literal["auto", "json", "pretty"] = Field(
        default="auto", description="One JSON object a line, or for people; auto is pretty on a terminal."
    )


class Config(Section):
    """All of it."""

    feed: FeedSection = FeedSection()
    engine: EngineSection = EngineSection()
    model: ModelSection = ModelSection()
    redis: RedisSection = RedisSection()
    state: StateSection
    rest: RestSection = RestSection()
    prefetch: PrefetchSection = PrefetchSection()
    history: HistorySection = HistorySection()
    notify: NotifySection = NotifySection()
    http: HttpSection = HttpSection()
    log: LogSection = LogSection()

    @property
    def history_place(self) -> Path | Secret:
        """Where the history is: a folder, or the URL of a database."""
        return self.state.folder / "history" if self.history.files else self.history.url

    def secrets(self) -> tuple[str, ...]:
        """Texts that must not appear in any output, longest first."""
        texts = {part for _, secret in secrets_of(self) for part in _parts(secret.reveal())}
        return tuple(sorted((text for text in texts if len(text) >= SHORTEST_REDACTED), key=len, reverse=True))


def secrets_of(config: Config) -> Iterator[tuple[str, Secret]]:
    """Every secret that is set, by key."""
    for section_name, section in config:
        for key, value in section:
            if isinstance(value, Secret):
                yield f"{section_name}.{key}", value


def _parts(text: str) -> Iterator[str]:
    """Of an address only the password is secret; any other secret is so as a whole."""
    if "://" not in text:
        yield text if text not in {"embedded", "files"} else ""
    elif password := urlsplit(text).password:
        yield text
        yield password
        yield unquote(password)

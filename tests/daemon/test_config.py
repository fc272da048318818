"""Where the configuration comes from, and what is said about a wrong one."""

from __future__ import annotations

import os
import traceback
from pathlib import Path

import pytest
from pydantic import ValidationError

from daemon.config import Config, FeedSection, StateSection
from daemon.configfile import ConfigError, load_config

CANARY = "canary-7f3a9c51"


@pytest.fixture(autouse=True)
def nothing_around(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable and no file of this machine plays a part."""
    for name in os.environ:
        if name.startswith(("TECHNIC_", "XDG_", "CREDENTIALS_", "STATE_", "CACHE_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o600)
    return path


def mistakes(path: Path | None = None, *, feed: bool = False) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_config(path, feed=feed)
    return str(caught.value).splitlines()


def test_without_any_file_the_defaults_hold(tmp_path: Path) -> None:
    loaded = load_config()
    assert loaded.path is None
    assert loaded.config.feed.url == "wss://socket.massive.com/stocks"
    assert loaded.config.state.folder == tmp_path / "home/.local/state/technic"
    assert loaded.config.redis.embedded


def test_a_file_named_wins_over_the_variable_and_that_over_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "technic.toml", "[http]\nport = 1")
    assert load_config().config.http.port == 1
    monkeypatch.setenv("TECHNIC_CONFIG", str(write(tmp_path / "b.toml", "[http]\nport = 2")))
    assert load_config().config.http.port == 2
    assert load_config(write(tmp_path / "c.toml", "[http]\nport = 3")).config.http.port == 3


def test_environment_wins_over_credentials_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "technic.toml", '[feed]\nkey = "of-file"\nspeed = 2\nurl = "ws://127.0.0.1:1/stocks"')
    write(tmp_path / "credentials/feed_key", "of-credential\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "credentials"))
    feed = load_config(path).config.feed
    assert feed.key is not None
    assert (feed.key.reveal(), feed.speed) == ("of-credential", 2.0)
    monkeypatch.setenv("TECHNIC_FEED__KEY", "of-environment")
    assert load_config(path).config.feed.key != feed.key


def test_what_a_caller_sets_wins_over_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TECHNIC_HTTP__PORT", "1")
    config = load_config(overrides={"http": {"port": 2}}).config
    assert (config.http.port, config.http.host) == (2, "127.0.0.1")


def test_a_list_in_the_environment_has_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TECHNIC_FEED__CHANNELS", "A.*, AM.BRK.B")
    assert load_config().config.feed.channels == ("A.*", "AM.BRK.B")


def test_folders_come_from_systemd_or_the_users_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    assert load_config().config.state.folder == tmp_path / "xdg/technic"
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/technic:/var/lib/other")
    assert load_config().config.state.folder == Path("/var/lib/technic")


def test_relative_paths_are_meant_from_the_files_folder(tmp_path: Path) -> None:
    path = write(tmp_path / "etc/technic.toml", '[engine]\nrules = "rules.toml"\n[state]\nfolder = "state"')
    config = load_config(path).config
    assert config.engine.rules == tmp_path / "etc/rules.toml"
    assert config.state.folder == tmp_path / "etc/state"
    assert load_config(write(path, '[engine]\nrules = "default"')).config.engine.rules is None


def test_all_mistakes_come_at_once_each_with_its_place_and_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = """\
[feed]
kye = "x"
speed = -1
channels = ["A.*", "T.*"]

[engine]
  grace_s = "soon"
[redis]
port = 6379
url = "redis://cache"
[htp]
port = 1
[log]
level = 'loud'
"""
    path = write(tmp_path / "t.toml", text)
    monkeypatch.setenv("TECHNIC_HTTP__PORT", "99999")
    monkeypatch.setenv("TECHNIC_HTTP__HSOT", "x")
    monkeypatch.setenv("TECHNIC_FED__KEY", "x")
    assert sorted(mistakes(path)) == sorted(
        [
            f'{path}:2:1: unknown key "feed.kye"; did you mean "key"?',
            f"{path}:3:1: feed.speed cannot be -1; write a number greater than 0",
            f"{path}:4:20: entry 2 of feed.channels cannot be 'T.*'; write A.*, AM.*, LULD.* or AM.AAPL",
            f"{path}:7:3: engine.grace_s cannot be 'soon'; write a number",
            f"{path}:9:1 and {path}:10:1: redis: port is of the embedded server; write the port into redis.url",
            f'{path}:11:1: unknown section "htp"; did you mean "http"?',
            f"{path}:14:1: log.level cannot be 'loud'; write 'debug', 'info', 'warning' or 'error'",
            "TECHNIC_HTTP__PORT: http.port cannot be '99999'; write a number of at most 65535",
            'TECHNIC_HTTP__HSOT: unknown key "http.hsot"; did you mean "host"?',
            'TECHNIC_FED__KEY: unknown section "fed"; did you mean "feed"?',
        ]
    )


def test_mistakes_come_in_the_order_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TECHNIC_FED__KEY", "x")
    path = write(
        tmp_path / "t.toml", "[log]\nlevel = 1\n[model]\nthreshold_atr = 0\n\n\n\n[feed]\nspeed = 0\ninbox_bars = 1"
    )
    assert [each.removeprefix(f"{path}:").partition(":")[0] for each in mistakes(path)[1:]] == ["2", "4", "9", "10"]


def test_keys_that_do_not_go_together_are_named_where_they_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TECHNIC_FEED__LOSSLESS", "true")
    (mistake,) = mistakes()
    what = "feed: lossless, and a speed other than 1, are for simulated exchanges; leave out one of them"
    assert mistake == f"TECHNIC_FEED__LOSSLESS: {what}"


def test_what_to_write_is_said_in_plain_words(tmp_path: Path) -> None:
    text = """\
[feed]
rest_url = "ftp://x"
channels = []
lossless = "perhaps"
inbox_bars = 5000.5
[engine]
rules = 3
[redis]
prefix = "a b"
url = "http://x"
[http]
host = 3
"""
    found = [each.partition(": ")[2] for each in mistakes(write(tmp_path / "t.toml", text))]
    assert found == [
        "feed.rest_url cannot be 'ftp://x'; begin it with https:// or http://, and a host",
        "feed.channels cannot be used; write at least one entry",
        "feed.lossless cannot be 'perhaps'; write true or false",
        "feed.inbox_bars cannot be 5000.5; write a whole number",
        "engine.rules cannot be 3; write a path in quotes",
        "redis.prefix cannot be 'a b'; write a text that matches ^[A-Za-z0-9:_.-]{1,64}$",
        'redis.url cannot be used; write "embedded", redis://host:port/db, rediss://... or unix:///path',
        "http.host cannot be 3; write a text in quotes",
    ]


def test_a_file_that_is_absent_foreign_or_broken_is_named(tmp_path: Path) -> None:
    absent, broken, foreign = tmp_path / "absent.toml", tmp_path / "broken.toml", tmp_path / "foreign.toml"
    assert mistakes(absent) == [f"{absent}: cannot be read: No such file or directory; name another file with -c"]
    write(broken, "[feed]\nurl = @")
    assert mistakes(broken) == [f"{broken}:2:7: is not TOML: Invalid value; correct the syntax"]
    write(broken, "[feed]\nurl = ")
    assert mistakes(broken) == [f"{broken}, at its end: is not TOML: Invalid value; correct the syntax"]
    foreign.write_bytes(b"\xff\xfe\x00PAR1" * 9)
    assert mistakes(foreign) == [f"{foreign}: is no TOML file; name another file with -c"]
    foreign.write_bytes(b"#" * 1_000_001)
    assert mistakes(foreign) == [f"{foreign}: is no TOML file; name another file with -c"]
    write(foreign, "feed = 3")
    assert mistakes(foreign) == [f"{foreign}:1:1: feed has to be a table; write its keys under [feed]"]


def test_mistakes_in_the_environment_are_told_beside_a_broken_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TECHNIC_HTTP__PORT", "-1")
    assert len(mistakes(write(tmp_path / "t.toml", "]"))) == 2


def test_the_feed_needs_a_key_and_everything_else_does_not() -> None:
    assert load_config().notes[0].startswith("feed.key is not set")
    (mistake,) = mistakes(feed=True)
    assert mistake.startswith("feed.key: the feed needs an API key; set TECHNIC_FEED__KEY")


def test_a_secret_in_a_file_that_everybody_can_read_is_remarked(tmp_path: Path) -> None:
    path = write(tmp_path / "t.toml", '[feed]\nkey = "abcdef"')
    assert load_config(path).notes == ()
    path.chmod(0o644)
    assert load_config(path).notes == (
        f"{path} holds a secret, and every user of this machine can read it; chmod 600 {path}",
    )


def test_an_address_that_others_can_reach_needs_permission(tmp_path: Path) -> None:
    path = write(tmp_path / "t.toml", '[http]\nhost = "0.0.0.0"')
    (mistake,) = mistakes(path)
    assert "set allow_remote = true" in mistake
    for host in ("127.0.0.1", "::1", "localhost", "127.3.2.1"):
        assert load_config(write(path, f'[http]\nhost = "{host}"')).config.http.host == host
    assert load_config(write(path, '[http]\nhost = "::"\nallow_remote = true')).config.http.host == "::"


def test_rest_belongs_to_the_feed_unless_it_is_given() -> None:
    assert FeedSection().rest == "https://api.massive.com"
    assert FeedSection(url="wss://delayed.polygon.io/stocks").rest == "https://api.massive.com"
    assert FeedSection(url="ws://127.0.0.1:8765/stocks").rest == "http://127.0.0.1:8765"
    assert FeedSection(url="ws://127.0.0.1:8765/stocks", rest_url="http://h:1/").rest == "http://h:1"
    assert not FeedSection(url="wss://massive.com.evil.example/stocks").vendor


def test_the_vendor_cannot_be_hurried() -> None:
    with pytest.raises(ValidationError, match="simulated"):
        FeedSection(lossless=True)
    assert FeedSection(url="ws://localhost:1/stocks", lossless=True, speed=600).lossless


def test_a_configuration_does_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        load_config().config.feed.speed = 2.0  # type: ignore[misc]


def canaries(tmp_path: Path) -> Config:
    text = f'[feed]\nkey = "{CANARY}"\n[redis]\nurl = "rediss://user:{CANARY}%40@cache:6379/0"'
    return load_config(write(tmp_path / "t.toml", text)).config


def test_secrets_never_show(tmp_path: Path) -> None:
    config = canaries(tmp_path)
    shown = (repr(config), str(config), f"{config}", config.model_dump_json(), repr(config.model_dump(mode="json")))
    for text in (*shown, f"{config.feed.key}", f"{config.feed.key!r:>9}", str(config.redis.url), repr([config.feed])):
        assert CANARY not in text
        assert "***" in text
    assert config.feed.key is not None
    assert config.feed.key.reveal() == CANARY


def test_the_texts_to_be_kept_out_of_logs_are_keys_and_passwords_in_every_spelling(tmp_path: Path) -> None:
    assert set(canaries(tmp_path).secrets()) == {
        CANARY,
        f"{CANARY}%40",
        f"{CANARY}@",
        f"rediss://user:{CANARY}%40@cache:6379/0",
    }
    assert load_config().config.secrets() == ()


@pytest.mark.parametrize(
    "text",
    [
        f'[feed]\nkye = "{CANARY}"',
        f'[feed]\nkey = ["{CANARY}"]',
        f'[feed]\nkey = {{a = "{CANARY}"}}',
        f'[redis]\nurl = "http://:{CANARY}@host"',
        f'[redis]\nurl = "redis://:{CANARY}@host"\nport = 3',
        f'[feed]\nkey = "{CANARY}"\nspeed = -1',
        f'[fed]\nkey = "{CANARY}"',
        f'feed = "{CANARY}"',
    ],
)
def test_no_error_shows_what_may_be_a_secret(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(write(tmp_path / "t.toml", text))
    assert CANARY not in "".join(traceback.format_exception(caught.value))
    assert CANARY not in repr(caught.value)


def test_no_error_shows_a_secret_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TECHNIC_REDIS__URL", f"ftp://:{CANARY}@host")
    assert CANARY not in "\n".join(mistakes())


def test_sections_can_be_made_by_hand(tmp_path: Path) -> None:
    config = Config(state=StateSection(folder=tmp_path, cache=tmp_path))
    assert config.model.horizon_minutes == 15

"""What a trader reads."""

from __future__ import annotations

from daemon.chat import messages
from tests.daemon.chat.alerts import alert

OPEN_MS = 1_736_173_800_000  # 2025-01-06 09:30 in New York
FULL = alert(
    1,
    rule="gap-and-go",
    symbol="ACME",
    name="Acme Corporation",
    sector="Industrials",
    session="regular",
    severity="high",
    price=1234.5,
    change=0.0523,
    score=0.314,
    values={"gap": 0.0611, "rvol(20)": 12345.678, "rsi(14)": None},
    contributions={"intercept": -2.0, "rvol": 0.5, "gap": -1.25, "range": 0.125, "hour": 0.01},
    coverage="covered",
    times={"event_ms": OPEN_MS + 60_000, "received_ms": 0},
)


def test_an_alert_says_what_when_and_why() -> None:
    message = messages.single(FULL, "http://127.0.0.1:8787")
    assert message.title == "ACME gap-and-go  1,234.50  +5.2%"
    assert message.lines == (
        "Acme Corporation, Industrials",
        "Mon 09:31:00 EST, regular session, high severity, score 0.31",
        "because gap 0.0611, rvol(20) 12,346",
        "score by gap -1.25, rvol +0.50, range +0.12",
    )
    assert (message.link, message.ids, message.image) == ("http://127.0.0.1:8787", ("alert-1",), b"")


def test_of_a_bare_alert_nothing_empty_is_shown() -> None:
    message = messages.single(alert(1, price=0.5), "")
    assert message.title == "AAPL busy  0.5000"
    assert all(message.lines)
    assert message.lines == ("Wed 19:01:00 EST, closed session",)


def test_what_makes_an_alert_doubtful_is_said() -> None:
    doubtful = alert(1, forming=True, late=True, coverage="warming")
    assert messages.single(doubtful, "").lines[-3:] == (
        "told on a bar that had not closed: it may no longer hold when it does",
        "late: the bar came after its minute had closed",
        "warming: not all that the rule names has had its bars",
    )
    assert messages.digest([doubtful], "").lines == ("19:01:00  AAPL busy 10.50  (forming, late)",)


def test_the_members_of_a_group_are_named() -> None:
    members = [{"symbol": f"S{n}", "price": 1.0, "change": None if n else -0.01} for n in range(10)]
    line = messages.single(alert(1, members=members), "").lines[-1]
    assert line == "with S0 -1.0%, S1, S2, S3, S4, S5, S6, S7 and 2 more of the same sector"


def test_a_features_long_formula_is_cut() -> None:
    shares = {"clip(minutes_since_open, 0, 390) * clip(minutes_since_open, 0, 390) / 152100": -0.26}
    line = messages.single(alert(1, contributions=shares), "").lines[-1]
    assert line == "score by clip(minutes_since_open, 0, 390) * … -0.26"


def test_a_digest_has_a_line_an_alert_and_counts_its_rules() -> None:
    many = [alert(n, rule=rule, change=0.01) for n, rule in enumerate("aaabbcd")]
    message = messages.digest(many, "", repeated=True)
    assert message.title == "perhaps a repeat: 7 alerts: a 3, b 2, c 1, ..."
    assert message.lines[0] == "19:00:00  AAPL a 10.50  +1.0%"
    assert len(message.lines) == 7
    assert message.ids == tuple(f"alert-{n}" for n in range(7))


def test_a_repeat_says_so() -> None:
    assert messages.single(FULL, "", repeated=True).title.startswith("perhaps a repeat: ACME")


def test_another_channel_is_told_what_is_lost() -> None:
    assert messages.switched_off("desk", "404 no_team", 3).lines == (
        "404 no_team",
        "3 alerts that waited for it are in the dead letters",
        "mend its settings, and send SIGHUP",
    )
    assert "no alert waited" in messages.switched_off("desk", "404", 0).lines[1]

"""What the engine's thread leaves behind of a closed minute."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from daemon import assembly, boardrows
from daemon.engine import rules
from daemon.engine.coverage import COVERED, QUIET
from daemon.engine.plan import Plan
from daemon.engine.sessions import SessionTable
from daemon.ranking import Ranker
from streams.bars import MINUTE_MS
from tests.daemon.running import OPEN, RULES, bar, config_of, engine_of, walk

if TYPE_CHECKING:
    from pathlib import Path

    from daemon.engine.engine import Engine

SESSIONS = SessionTable(np.array([OPEN, OPEN + 86_400_000]), np.array([OPEN, OPEN + 86_400_000]) + 390 * MINUTE_MS)
MINUTES = 40
LAST_MS = OPEN + (MINUTES - 1) * MINUTE_MS


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    """Six symbols after forty minutes, the scores set by hand."""
    engine = engine_of(config_of(tmp_path, "ws://127.0.0.1:1/stocks", engine={"grace_s": 5.0}))
    engine.step(walk(6, MINUTES))
    engine.advance(LAST_MS + 2 * MINUTE_MS)
    engine.learning.scores[:6] = [0.1, 0.6, np.nan, 0.3, 0.5, 0.2]
    return engine


def noting(ranker: Ranker, *symbols: str) -> Ranker:
    ranker.noted = np.array([symbol.encode() for symbol in symbols], "S16")
    return ranker


def test_the_highest_scores_are_shown_and_all_are_ranked(engine: Engine) -> None:
    ranking = Ranker(SESSIONS, 2).rank(engine)
    found = dict(zip(ranking.symbols.tolist(), ranking.scores.tolist(), strict=True))
    expected = dict(zip(engine.symbols.symbols.tolist(), engine.learning.scores[:6].tolist(), strict=True))
    assert found == {symbol: score for symbol, score in expected.items() if not np.isnan(score)}
    assert set(ranking.shown.tolist()) == set(sorted(found, key=lambda symbol: found[symbol])[-2:])


def test_who_is_noted_is_shown_with_or_without_a_score_and_strangers_are_not(engine: Engine) -> None:
    without = engine.symbols.symbols[2].decode()
    ranking = noting(Ranker(SESSIONS, 1), without, "NOBODY", "").rank(engine)
    assert without.encode() in ranking.shown.tolist()
    assert len(ranking.shown) == 2
    assert np.isnan(ranking.score[ranking.shown.tolist().index(without.encode())])


def test_symbols_of_lists_are_shown_and_after_a_reload_those_of_the_new_ones(engine: Engine) -> None:
    def plan_of(text: str) -> Plan:
        return Plan(rules.load(text + RULES, "r.toml"), ())

    ranker = Ranker(SESSIONS, 0)
    assert ranker.rank(engine).shown.tolist() == []
    engine.reload(plan_of('[lists]\nfirst = ["S00", "S03", "NONE"]\nother = ["S00"]\n'))
    assert sorted(ranker.rank(engine).shown.tolist()) == [b"S00", b"S03"]
    engine.reload(plan_of('[lists]\nfirst = ["S05"]\n'))
    assert ranker.rank(engine).shown.tolist() == [b"S05"]


def test_numbers_are_those_of_the_last_closed_bar(engine: Engine) -> None:
    ranking = Ranker(SESSIONS, 10).rank(engine)
    rows = engine.symbols.rows(ranking.shown, create=False)
    assert ranking.price.tolist() == engine.watch.minutes.bar("close", rows).tolist()
    assert ranking.start_ms.tolist() == engine.watch.minutes.last_start[rows].tolist()
    assert ranking.closed_ms == engine.barrier.closed_ms >= LAST_MS
    assert set(ranking.coverage.tolist()) <= {COVERED, QUIET}


def test_change_is_by_the_official_close_of_the_day_before(engine: Engine) -> None:
    assert np.isnan(Ranker(SESSIONS, 10).rank(engine).change).all()
    engine.watch._days.previous[:6] = 50.0
    ranking = Ranker(SESSIONS, 10).rank(engine)
    assert ranking.change.tolist() == (ranking.price / 50.0 - 1.0).tolist()


def test_what_had_no_bar_today_has_no_place(engine: Engine) -> None:
    engine.step(bar("S01", OPEN + 86_400_000, 50.0))
    engine.advance(OPEN + 86_400_000 + 2 * MINUTE_MS)
    engine.learning.scores[:6] = 0.5
    assert Ranker(SESSIONS, 10).rank(engine).symbols.tolist() == [b"S01"]


def test_a_ranking_never_changes_again(engine: Engine) -> None:
    ranking = noting(Ranker(SESSIONS, 10), "S00").rank(engine)
    before = [np.copy(column) for column in ranking if isinstance(column, np.ndarray)]
    engine.learning.scores[:] = 9.0
    engine.learning.features[:] = 9.0
    engine.step(walk(6, 5, seed=3, start_ms=LAST_MS + MINUTE_MS))
    after = [column for column in ranking if isinstance(column, np.ndarray)]
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, other)


def test_features_stand_beside_their_names(tmp_path: Path) -> None:
    config = config_of(tmp_path, "ws://127.0.0.1:1/stocks", model={"enabled": True})
    engine = assembly.engine_of(config, assembly.plan_of(config), None, SESSIONS)
    engine.step(walk(3, MINUTES))
    engine.advance(LAST_MS + 2 * MINUTE_MS)
    ranking = noting(Ranker(SESSIONS, 10), "S00").rank(engine)
    assert ranking.features.shape == (1, len(ranking.names)) == (1, len(engine.plan.features))
    assert "abs(rsi(14) - 50) / 50" in ranking.names
    ((symbol, fields),) = boardrows.hashes_of(ranking, {"S00": "Tech"})
    assert (symbol, fields["sector"], fields["coverage"]) == ("S00", "Tech", "warming")
    assert '"abs(rsi(14) - 50) / 50":0.' in fields["features"]
    assert 'log(clip(atr(390) / atr(14), 0.05, 20))":null' in fields["features"]


def test_what_is_not_known_is_empty_in_a_hash(engine: Engine) -> None:
    without = engine.symbols.symbols[2].decode()
    engine.halt(np.array([without.encode()]), halted=True)
    ranking = noting(Ranker(SESSIONS, 1), without).rank(engine)
    engine.halt(np.array([without.encode()]), halted=False)
    fields = dict(boardrows.hashes_of(ranking, {}))[without]
    assert (fields["score"], fields["change"], fields["sector"], fields["coverage"]) == ("", "", "", "halted")
    assert float(fields["price"]) > 0
    assert int(fields["minute_ms"]) <= LAST_MS
    assert fields["features"] == "{}"

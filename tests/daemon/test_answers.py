"""What people answer to alerts, at a daemon as it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp

from streams.redis.silences import Silences
from streams.simulator.markettime import AS_FAST_AS_READ
from streams.simulator.server import Simulator
from tests.daemon.running import KEY, Tape, config_of, in_redis, running, url_of, walk
from tests.fakes.clock import ManualClock
from tests.streams.redis.conftest import free_port
from tests.streams.redis.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path


async def test_alerts_of_a_running_daemon_are_acknowledged_and_its_rules_snoozed_in_its_own_time(
    tmp_path: Path,
) -> None:
    port = free_port()
    async with Simulator(Tape(walk(3, 10)), clock=ManualClock(), key=KEY, speed=AS_FAST_AS_READ) as exchange:
        config = config_of(tmp_path, url_of(exchange.port), http={"enabled": True, "port": port})
        async with running(config) as app:
            await eventually(lambda: app.sink.delivered > 0 and app.time.now_ms() is not None)
            alert = (await in_redis(app.redis_url))[0]
            token = (config.state.folder / "http.token").read_text().strip()
            async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as http:
                url = f"http://127.0.0.1:{port}/api/v1"
                async with http.post(f"{url}/alerts/{alert.id[:8]}/ack", json={"by": "anna"}) as answer:
                    assert (await answer.json())["id"] == alert.id
                wanted = {"kind": "snooze", "rule": alert.rule, "for": "1h"}
                async with http.post(f"{url}/silences", json=wanted) as answer:
                    assert answer.status == 201
                async with http.post(f"{url}/silences", json={**wanted, "rule": "trun-up"}) as answer:
                    assert (await answer.json())["remedy"] == 'did you mean "turn-up"?'
            known = await Silences(app.redis_url).load()
            market_ms = app.time.now_ms()
            assert market_ms is not None
            assert known.acknowledged(alert.id)
            assert known.covers(alert.rule, alert.symbol, market_ms)
            assert not known.covers(alert.rule, alert.symbol, market_ms + 2 * 3_600_000)

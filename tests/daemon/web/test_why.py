"""What the API says of rules where the engine cannot be asked, or is asked for nonsense."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from daemon.config import HttpSection
from daemon.metrics import Metrics
from daemon.web.readiness import Readiness
from daemon.web.server import Api, Pages, serving
from daemon.web.why import WhyApi
from streams.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable

TOKEN = "t" * 43
ENGINE: Any = SimpleNamespace(plan=SimpleNamespace(rules=[SimpleNamespace(name="gap")]))


async def stands(_: Callable[[], object]) -> bool:
    """An engine that makes no turns."""
    return False


@pytest.mark.parametrize("path", ["why?symbol=AAPL&rule=gap", "rules"])
async def test_an_engine_that_makes_no_turns_is_told_with_what_to_do(path: str) -> None:
    api = Api(Secret(TOKEN), WhyApi(lambda: ENGINE, stands).routes())
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with (
        serving(HttpSection(port=0), Pages("1", Readiness(), Metrics()), api) as port,
        aiohttp.ClientSession(headers=headers) as http,
        http.get(f"http://127.0.0.1:{port}/api/v1/{path}") as answer,
    ):
        assert answer.status == 503
        assert await answer.json() == {"error": "the engine does not turn", "remedy": "ask again later"}

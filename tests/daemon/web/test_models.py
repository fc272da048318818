"""What the API says of models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import aiohttp
import msgspec
import pytest

from daemon.config import HttpSection
from daemon.metrics import Metrics
from daemon.scoring.modelfigures import ModelFigures, figures_of
from daemon.web.models import ModelsApi
from daemon.web.readiness import Readiness
from daemon.web.server import Api, Pages, serving
from streams.secret import Secret
from tests.daemon.scoring.test_scorecard import Minute, card, market

if TYPE_CHECKING:
    from collections.abc import Callable

TOKEN = "t" * 43


async def turns(act: Callable[[], object]) -> bool:
    """An engine between two turns."""
    act()
    return True


async def stands(_: Callable[[], object]) -> bool:
    """An engine that makes no turns."""
    return False


async def answered(models: list[ModelFigures], between: Any = turns) -> tuple[int, bytes]:
    api = Api(Secret(TOKEN), ModelsApi(lambda: models, between).routes())
    async with (
        serving(HttpSection(port=0), Pages("1", Readiness(), Metrics()), api) as port,
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {TOKEN}"}) as http,
        http.get(f"http://127.0.0.1:{port}/api/v1/models") as answer,
    ):
        return answer.status, await answer.read()


@pytest.mark.parametrize("names", [(), ("logistic",), ("blend", "forest")])
async def test_every_model_is_told_in_full(names: tuple[str, ...]) -> None:
    made = card(Minute(*market(1, 200)))
    models = [figures_of(made, name=name, target="up", role="challenger", lessons=1) for name in names]
    status, body = await answered(models)
    assert status == 200
    assert msgspec.json.decode(body, type=list[ModelFigures]) == models


async def test_an_engine_that_makes_no_turns_is_told_with_what_to_do() -> None:
    status, body = await answered([], stands)
    assert status == 503
    assert msgspec.json.decode(body) == {"error": "the engine does not turn", "remedy": "ask again later"}

"""`technic models`, and the folder of `technic replay --report`."""

from __future__ import annotations

import asyncio
import socket
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from aiohttp import web

from daemon.commands import modelreport
from daemon.commands import models as command
from daemon.commands.errors import OutputError
from daemon.scoring.modelfigures import ModelFigures, figures_of
from daemon.scoring.scorecard import Scorecard
from tests.daemon.scoring.test_scorecard import Minute, card, market
from tests.daemon.test_charts import size
from tests.fakes.program import technic
from tests.fakes.rest import RestServer

if TYPE_CHECKING:
    from pathlib import Path

GOOD = card(*(Minute(*market(day, 400), day=day) for day in range(7)))
MODELS = [
    figures_of(Scorecard(), name="forest", target="large_move", role="challenger", lessons=0),
    figures_of(GOOD, name="blend", target="large_move", role="champion", lessons=1234),
    figures_of(GOOD, name="blend", target="up/down", role="benched", lessons=7),
]


async def told(models: list[ModelFigures], folder: Path, monkeypatch: pytest.MonkeyPatch, *, as_json: bool) -> None:
    """Ask a daemon that has these models."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=msgspec.json.encode(models), content_type="application/json")

    (folder / "http.token").write_text("t" * 43)
    async with RestServer(answer) as daemon:
        http = SimpleNamespace(enabled=True, host="127.0.0.1", port=int(daemon.origin.rpartition(":")[2]))
        config = SimpleNamespace(http=http, state=SimpleNamespace(folder=folder))
        monkeypatch.setattr(command, "begin", lambda _: config)
        await asyncio.to_thread(command.models, None, as_json=as_json)


async def test_people_read_every_model_of_every_target_the_champion_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    await told(MODELS, tmp_path, monkeypatch, as_json=False)
    shown = capsys.readouterr().out
    blend: Any = MODELS[1]
    assert shown.index("blend") < shown.index("forest") < shown.index("up/down") < shown.index("last five sessions")
    assert f"{blend.log_loss:.4f} ({blend.base_log_loss:.4f})" in shown
    assert f"{blend.rolling_log_loss:.4f} ({blend.rolling_base_log_loss:.4f})" in shown
    assert "1,234" in shown
    assert max(len(line) for line in shown.splitlines()) <= command.WIDE


async def test_what_has_no_older_sessions_is_shown_once_and_every_word_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    young = card(*(Minute(*market(day, 400), day=day) for day in range(5)))
    models = [figures_of(young, name="blend", target="large_move", role="champion", lessons=5)]
    await told(models, tmp_path, monkeypatch, as_json=False)
    shown = " ".join(capsys.readouterr().out.split())
    assert shown.count("blend") == 1
    assert "last five sessions" not in shown
    for word in ("issued:", "champion:", "challenger:", "benched:"):
        assert word in shown
    assert "of the top 1 % the share of yes among all" in shown


async def test_programs_read_what_the_api_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    await told(MODELS, tmp_path, monkeypatch, as_json=True)
    assert msgspec.json.decode(capsys.readouterr().out, type=list[ModelFigures]) == MODELS


async def test_a_daemon_without_a_model_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    await told([], tmp_path, monkeypatch, as_json=False)
    assert capsys.readouterr().out == "no model runs: model.enabled is false\n"


@pytest.mark.parametrize("ran", [False, True], ids=["never ran", "runs no more"])
def test_without_a_daemon_it_says_what_to_do(tmp_path: Path, ran: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (tmp_path / "technic.toml").write_text(f'[state]\nfolder = "state"\n[http]\nport = {port}\n')
    if ran:
        (tmp_path / "state").mkdir()
        (tmp_path / "state" / "http.token").write_text("t" * 43)
    ended = technic("models", folder=tmp_path)
    assert ended.returncode == 69, ended.stderr
    assert "start technic run, or see what technic replay --report tells" in " ".join(ended.stderr.split())
    assert ended.stdout == ""


def test_a_report_has_all_figures_and_a_picture_of_each_target(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "report"
    modelreport.make(folder)
    modelreport.write(folder, MODELS)
    assert {path.name for path in folder.iterdir()} == {
        "models.json",
        "models-large_move.png",
        "models-up_down.png",
    }
    assert msgspec.json.decode((folder / "models.json").read_bytes(), type=list[ModelFigures]) == MODELS
    assert size((folder / "models-up_down.png").read_bytes()) == (1200, 600)


def test_a_report_without_models_says_so_in_its_figures(tmp_path: Path) -> None:
    modelreport.write(tmp_path, [])
    assert msgspec.json.decode((tmp_path / "models.json").read_bytes()) == []


def test_a_report_that_cannot_be_written_is_refused_before_the_work_begins(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(OutputError, match="taken cannot be written"):
        modelreport.make(tmp_path / "taken")
    (tmp_path / "models.json").mkdir()
    with pytest.raises(OutputError, match="cannot be written"):
        modelreport.make(tmp_path)


def test_replay_leaves_a_report(tmp_path: Path) -> None:
    rows = [f"A,{1_736_173_800_000 + 60_000 * k},10,10,10,10,100" for k in range(30)]
    (tmp_path / "bars.csv").write_text("\n".join(["symbol,ts,open,high,low,close,volume", *rows]))
    (tmp_path / "technic.toml").write_text("")
    ended = technic("replay", "--bars", "bars.csv", "--report", "told", folder=tmp_path)
    assert ended.returncode == 0, ended.stderr
    (found,) = msgspec.json.decode((tmp_path / "told" / "models.json").read_bytes())
    assert (found["name"], found["target"], found["role"]) == ("issued", "large_move", "issued")
    assert (tmp_path / "told" / "models-large_move.png").stat().st_size > 1000
    assert "figures and pictures of the models are in told" in ended.stderr

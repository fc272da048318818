"""The way to everything else, by Apprise's own service for JSON."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from streams.chat.errors import ChatSettingsError
from streams.chat.message import Fate
from streams.chat.open import sender
from streams.secret import Secret
from tests.fakes.chatservice import CUT, HANG, says
from tests.streams.chat.channels import CHART, MESSAGE

if TYPE_CHECKING:
    import aiohttp

    from streams.chat.message import Sender
    from tests.fakes.chatservice import ChatService, Fault

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")
"""Apprise looks for it to work where Python has it no more."""


def by_apprise(service: ChatService, session: aiohttp.ClientSession, deadline_s: float = 10.0) -> Sender:
    return sender("apprise", {"url": f"json://127.0.0.1:{service.port}/hush-hush"}, session, deadline_s)


async def test_a_message_goes_through_apprise_with_its_image(
    service: ChatService, session: aiohttp.ClientSession
) -> None:
    answer = await by_apprise(service, session).send(CHART)
    assert (answer.fate, answer.what) == (Fate.DELIVERED, "")
    told = service.taken[0].document
    assert told["title"] == MESSAGE.title
    assert told["message"].splitlines() == [*MESSAGE.lines, MESSAGE.link, "alert 0123456789ab"]
    assert [found["filename"] for found in told["attachments"]] == ["chart.png"]


@pytest.mark.parametrize(
    "hostile", ["<!channel>", "!here>", "<users/all>", "<at>all</at>", "@everyone", "&lt;!here&gt;"]
)
async def test_no_service_behind_it_can_take_a_text_for_a_mention(
    hostile: str, service: ChatService, session: aiohttp.ClientSession
) -> None:
    message = MESSAGE._replace(title=f"{hostile} up", lines=(hostile,))
    assert (await by_apprise(service, session).send(message)).fate is Fate.DELIVERED
    told = service.taken[0].document
    for text in (told["title"], told["message"]):
        assert hostile not in text
        assert hostile in text.replace("\u200b", "")


@pytest.mark.parametrize("fault", [says(401), says(404), says(429, Retry_After="9"), says(503), CUT])
async def test_all_its_failures_are_unknown(fault: Fault, service: ChatService, session: aiohttp.ClientSession) -> None:
    service.break_down(fault)
    answer = await by_apprise(service, session).send(MESSAGE)
    assert (answer.fate, answer.retry_after_s) == (Fate.UNKNOWN, 0.0)
    assert "hush" not in answer.what


async def test_one_that_hangs_is_left_alone_and_no_other_is_begun(
    service: ChatService, session: aiohttp.ClientSession
) -> None:
    own = by_apprise(service, session, deadline_s=0.2)
    service.fail(HANG)
    assert (await own.send(MESSAGE)).fate is Fate.UNKNOWN
    busy = await own.send(MESSAGE)
    assert (busy.fate, busy.what) == (Fate.LATER, "an earlier message to it has not ended yet")
    assert len(service.asked) == 1


def test_it_is_imported_by_those_alone_who_use_it() -> None:
    code = "import sys, streams.chat.open; print('apprise' in sys.modules)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "False\n"


@pytest.mark.parametrize("url", ["nonsense://hush-hush", "tgram://hush-hush"])
def test_what_it_refuses_is_not_told_by_its_own_logging(
    url: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ChatSettingsError, match="none that Apprise knows"):
        sender("apprise", {"url": Secret(url)}, None)  # type: ignore[arg-type]
    assert "hush" not in caplog.text + "".join(capfd.readouterr())

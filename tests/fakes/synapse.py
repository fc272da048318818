"""A real Matrix server, Synapse, on loopback, from an environment of its own: `make synapse` installs it."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
import signal
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import aiohttp

if TYPE_CHECKING:
    from collections.abc import Mapping

PYTHON = Path(os.environ.get("TECHNIC_SYNAPSE", Path(__file__).parents[2] / ".synapse")) / "bin" / "python"
PATIENCE_S = 30.0
SHARED = "between the test and the server"


class Member(NamedTuple):
    """Somebody with an account."""

    name: str
    token: str


class Synapse:
    """One server with SQLite in `folder`, which is empty at first.

    Args:
        folder: for everything it writes.
        further: settings, in the words of its configuration.
    """

    def __init__(self, folder: Path, further: Mapping[str, Any]) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.origin = f"http://127.0.0.1:{self.port}"
        self._folder = folder
        (folder / "log.json").write_text(json.dumps({"version": 1, "root": {"level": "ERROR"}}))
        (folder / "homeserver.json").write_text(json.dumps({**_settings(folder, self.port), **further}))

    def start(self) -> None:
        """Begin; `ready` waits until it answers."""
        command = [PYTHON, "-m", "synapse.app.homeserver", "-c", "homeserver.json", "--generate-keys"]
        environ = {"HOME": str(self._folder), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
        subprocess.run(command, cwd=self._folder, env=environ, check=True, capture_output=True)
        with (self._folder / "output").open("ab") as output:
            self._process = subprocess.Popen(command[:-1], cwd=self._folder, env=environ, stdout=output, stderr=output)

    async def ready(self, session: aiohttp.ClientSession) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                if self._process.poll() is not None:
                    raise AssertionError((self._folder / "output").read_text()[-2000:])
                try:
                    async with session.get(f"{self.origin}/_matrix/client/versions"):
                        return
                except aiohttp.ClientConnectionError:
                    await asyncio.sleep(0.05)

    def send_signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def kill(self) -> None:
        self._process.send_signal(signal.SIGCONT)
        self._process.kill()
        self._process.wait()

    async def member(self, name: str, session: aiohttp.ClientSession) -> Member:
        """A new account."""
        nonce = (await self.ask("GET", "/_synapse/admin/v1/register", "", session))["nonce"]
        mac = hmac.new(SHARED.encode(), f"{nonce}\0{name}\0word\0notadmin".encode(), hashlib.sha1).hexdigest()
        wanted = {"nonce": nonce, "username": name, "password": "word", "admin": False, "mac": mac}
        made = await self.ask("POST", "/_synapse/admin/v1/register", "", session, wanted)
        return Member(made["user_id"], made["access_token"])

    async def room(self, owner: Member, guest: Member, session: aiohttp.ClientSession) -> str:
        """A new room of two."""
        wanted = {"preset": "private_chat", "invite": [guest.name]}
        room = (await self.ask("POST", "/_matrix/client/v3/createRoom", owner.token, session, wanted))["room_id"]
        await self.ask("POST", f"/_matrix/client/v3/join/{room}", guest.token, session, {})
        return str(room)

    async def messages(self, room: str, reader: Member, session: aiohttp.ClientSession) -> list[dict[str, Any]]:
        """What was said in the room, oldest first."""
        path = f"/_matrix/client/v3/rooms/{room}/messages?dir=b&limit=100"
        events = (await self.ask("GET", path, reader.token, session))["chunk"]
        return [event["content"] for event in reversed(events) if event["type"] == "m.room.message"]

    async def media(self, address: str, reader: Member, session: aiohttp.ClientSession) -> bytes:
        path = f"{self.origin}/_matrix/client/v1/media/download/{address.removeprefix('mxc://')}"
        async with session.get(path, headers={"Authorization": f"Bearer {reader.token}"}) as answer:
            assert answer.status == 200
            return await answer.read()

    async def ask(
        self, method: str, path: str, token: str, session: aiohttp.ClientSession, wanted: Any = None
    ) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with session.request(method, self.origin + path, headers=headers, json=wanted) as answer:
            assert answer.status == 200, await answer.text()
            found: dict[str, Any] = await answer.json()
            return found


def _settings(folder: Path, port: int) -> dict[str, Any]:
    listener = {"port": port, "type": "http", "bind_addresses": ["127.0.0.1"], "resources": [{"names": ["client"]}]}
    return {
        "server_name": "localhost",
        "listeners": [listener],
        "database": {"name": "sqlite3", "args": {"database": str(folder / "homeserver.db")}},
        "log_config": str(folder / "log.json"),
        "media_store_path": str(folder / "media"),
        "signing_key_path": str(folder / "signing.key"),
        "pid_file": str(folder / "pid"),
        "registration_shared_secret": SHARED,
        "macaroon_secret_key": SHARED,
        "form_secret": SHARED,
        "report_stats": False,
        "trusted_key_servers": [],
        "presence": {"enabled": False},
    }

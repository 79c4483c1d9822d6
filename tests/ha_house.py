"""One real Home Assistant of the rig, as a process, with the two interfaces that its frontend uses."""

from __future__ import annotations

import asyncio
import itertools
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import aiohttp
from broker_fixture import free_port
from ha_environment import Environment

ROOT = Path(__file__).parent.parent
USER = "owner"
PASSWORD = "a-long-password-of-the-owner"  # of a Home Assistant that nobody but the rig reaches
LIGHTS = ("Kitchen Ceiling", "Kitchen Counter", "Bedroom Lamp", "Floor Lamp")
ROOMS = {
    "Kitchen": ("light.kitchen_ceiling", "light.kitchen_counter"),
    "Bedroom": ("light.bedroom_lamp",),
    "Living Room": ("light.floor_lamp",),
}
_CONFIGURATION = """\
homeassistant:
  packages: !include_dir_named packages
  name: Home
  latitude: 52.5
  longitude: 13.4
  elevation: 40
  unit_system: metric
  time_zone: Europe/Berlin
  country: DE
  language: en
http:
  server_host: 127.0.0.1
  server_port: {port}
api:
config:
frontend:
conversation:
assist_pipeline:
diagnostics:
repairs:
system_log:
logger:
  default: warning
  logs:
    custom_components.forgebus: debug
input_boolean:
{switches}
template:
  - light:
{lights}
automation:
  - alias: A sentence of one's own
    triggers:
      - trigger: conversation
        command: let the party begin
    actions:
      - set_conversation_response: The party has begun.
"""
_LIGHT = """\
      - name: {name}
        unique_id: {id}
        state: "{{{{ is_state('input_boolean.{id}', 'on') }}}}"
        turn_on:
          action: input_boolean.turn_on
          target: {{entity_id: input_boolean.{id}}}
        turn_off:
          action: input_boolean.turn_off
          target: {{entity_id: input_boolean.{id}}}
"""


class HouseError(AssertionError):
    """Home Assistant refused something, or did not come to be what was waited for."""


class House:
    """A Home Assistant with four lamps in three rooms, our integration beside its own."""

    def __init__(self, environment: Environment, folder: str) -> None:
        self.environment = environment
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._inside = f"/srv/{folder}"
        self.config = environment.root / "srv" / folder
        self._process: subprocess.Popen[bytes] | None = None
        self._session: aiohttp.ClientSession | None = None
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._numbers = itertools.count(1)
        self._token = ""

    def furnish(self) -> None:
        """Write its configuration anew, with our integration as HACS would put it there, and our example."""
        shutil.rmtree(self.config, ignore_errors=True)
        ours = self.config / "custom_components/forgebus"
        caches = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "custom_components/forgebus", ours, ignore=caches)
        shutil.copytree(ROOT / "examples/home_assistant", self.config / "packages")
        ids = {name: name.lower().replace(" ", "_") for name in LIGHTS}
        switches = "".join(f"  {id_}: {{name: Relay of {id_}}}\n" for id_ in ids.values())
        lights = "".join(_LIGHT.format(name=name, id=id_) for name, id_ in ids.items())
        text = _CONFIGURATION.format(port=self.port, switches=switches, lights=lights)
        (self.config / "configuration.yaml").write_text(text)

    def start(self) -> None:
        """Begin; `reach` waits until it answers."""
        command = self.environment.inside("/opt/ha/bin/hass", "-c", self._inside, "--skip-pip")
        with (self.config / "output.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)

    def stop(self) -> None:
        """End it in order, as its supervisor would."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
        self._process = None

    async def reach(self, within_s: float = 120.0) -> None:
        """Until it answers; the first time its owner is made."""
        self._session = aiohttp.ClientSession()
        async with asyncio.timeout(within_s):
            while not await self._answers():
                assert self._process is not None
                if self._process.poll() is not None:
                    raise HouseError(f"Home Assistant has ended:\n{self.log()[-3000:]}")
                await asyncio.sleep(0.3)
        if not self._token:
            await self._onboard()
        self._socket = await self._session.ws_connect(f"{self.url}/api/websocket")
        await self._socket.receive_json()
        await self._socket.send_json({"type": "auth", "access_token": self._token})
        greeting = await self._socket.receive_json()
        if greeting["type"] != "auth_ok":
            raise HouseError(f"the socket was refused: {greeting}")
        await self.until(self._runs, "Home Assistant did not finish its start")

    async def leave(self) -> None:
        """Close both interfaces."""
        if self._socket is not None:
            await self._socket.close()
        if self._session is not None:
            await self._session.close()

    async def get(self, path: str) -> Any:
        """What a path of /api/ says."""
        return await self._request("GET", path, None)

    async def post(self, path: str, told: Mapping[str, Any]) -> Any:
        """What a path of /api/ answers."""
        return await self._request("POST", path, told)

    async def delete(self, path: str) -> Any:
        """Strike what stands at a path of /api/."""
        return await self._request("DELETE", path, None)

    async def ask(self, type_: str, **told: Any) -> Any:
        """The result of one command of the socket."""
        number = await self.send(type_, **told)
        return await self._result(number)

    async def send(self, type_: str, **told: Any) -> int:
        """Give a command; its number."""
        assert self._socket is not None
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "type": type_, **told})
        return number

    async def events(self, number: int, last: Callable[[Any], bool]) -> list[Any]:
        """The events of a command, up to the last one."""
        found: list[Any] = []
        async with asyncio.timeout(60):
            while not found or not last(found[-1]):
                message = await self._next(number)
                if message["type"] == "event":
                    found.append(message["event"])
                elif not message.get("success", True):
                    raise HouseError(f"{message['error']}")
        return found

    async def act(self, action: str, **told: Any) -> Any:
        """The response of an action such as `forgebus.ask`."""
        path = f"services/{action.replace('.', '/')}?return_response"
        return (await self.post(path, told))["service_response"]

    async def say(self, text: str, agent: str | None, **more: Any) -> dict[str, Any]:
        """What an agent answers to a sentence; the words alone are in `speech`."""
        told = {"text": text, "language": "en", **more}
        if agent is not None:
            told["agent_id"] = agent
        result: dict[str, Any] = await self.post("conversation/process", told)
        result["speech"] = result["response"]["speech"].get("plain", {}).get("speech", "")
        return result

    async def state(self, entity_id: str) -> str | None:
        """An entity's state; None where there is no such entity."""
        told = await self.whole(entity_id)
        return None if told is None else str(told["state"])

    async def whole(self, entity_id: str) -> dict[str, Any] | None:
        """An entity's state with its attributes."""
        assert self._session is not None
        async with self._session.get(
            f"{self.url}/api/states/{entity_id}", headers=self._headers()
        ) as response:
            if response.status == 404:
                return None
            told: dict[str, Any] = await response.json()
            return told

    async def comes_to(self, entity_id: str, wanted: str, within_s: float = 30.0) -> None:
        """Until an entity has a state."""
        was: str | None = None

        async def has_it() -> bool:
            nonlocal was
            was = await self.state(entity_id)
            return was == wanted

        try:
            await self.until(has_it, "", within_s)
        except HouseError:
            raise HouseError(f"{entity_id} is {was!r} after {within_s} s, not {wanted!r}") from None

    async def until(self, holds: Callable[[], Any], otherwise: str, within_s: float = 30.0) -> None:
        """Until an asynchronous condition holds."""
        try:
            async with asyncio.timeout(within_s):
                while not await holds():  # noqa: ASYNC110 - another process has no event to wait for
                    await asyncio.sleep(0.2)
        except TimeoutError:
            raise HouseError(otherwise) from None

    async def issues(self) -> dict[str, dict[str, Any]]:
        """Our repairs, by their translation key."""
        told = await self.ask("repairs/list_issues")
        ours = [issue for issue in told["issues"] if issue["domain"] == "forgebus"]
        return {issue["translation_key"]: issue for issue in ours}

    async def entities_of(self, platform: str) -> list[dict[str, Any]]:
        """The registered entities of one integration."""
        told = await self.ask("config/entity_registry/list")
        return [entity for entity in told if entity["platform"] == platform]

    async def move_in(self) -> None:
        """Put the lamps into the rooms that every new Home Assistant has."""
        rooms = {
            room["name"]: room["area_id"] for room in await self.ask("config/area_registry/list")
        }
        for room, entities in ROOMS.items():
            for entity in entities:
                await self.ask(
                    "config/entity_registry/update", entity_id=entity, area_id=rooms[room]
                )

    def log(self) -> str:
        """What it has said."""
        return (self.config / "output.log").read_text(errors="replace")

    def complaints(self) -> list[str]:
        """Lines of its log that are our fault: errors of ours, and what we do that it will forbid."""
        ours = re.compile(r"custom_components[./]forgebus|integration 'forgebus'")
        bad = re.compile(r" (ERROR|CRITICAL) |Detected|deprecated|Traceback", re.IGNORECASE)
        lines = self.log().splitlines()
        # Home Assistant says once for every integration that is not its own that it has not tested it.
        return [line for line in lines if ours.search(line) and bad.search(line)]

    async def _answers(self) -> bool:
        assert self._session is not None
        try:
            async with self._session.get(f"{self.url}/api/onboarding") as response:
                return response.status in (200, 404)
        except aiohttp.ClientError:
            return False

    async def _runs(self) -> bool:
        return bool((await self.get("config"))["state"] == "RUNNING")

    async def _onboard(self) -> None:
        assert self._session is not None
        client = f"{self.url}/"
        person = {"name": "Owner", "username": USER, "password": PASSWORD, "language": "en"}
        made = await self.post("onboarding/users", {"client_id": client, **person})
        grant = {"grant_type": "authorization_code", "code": made["auth_code"], "client_id": client}
        async with self._session.post(f"{self.url}/auth/token", data=grant) as response:
            self._token = (await response.json())["access_token"]
        await self.post("onboarding/core_config", {})
        await self.post("onboarding/analytics", {})
        redirect = {"client_id": client, "redirect_uri": f"{client}?auth_callback=1"}
        await self.post("onboarding/integration", redirect)

    async def _request(self, method: str, path: str, told: Mapping[str, Any] | None) -> Any:
        assert self._session is not None
        async with self._session.request(
            method, f"{self.url}/api/{path}", json=told, headers=self._headers()
        ) as response:
            if response.status >= 400:
                text = await response.text()
                raise HouseError(f"{method} {path}: {response.status} {text[:500]}")
            return await response.json()

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}"} if self._token else {}

    async def _result(self, number: int) -> Any:
        async with asyncio.timeout(60):
            message = await self._next(number)
            while message["type"] != "result":
                message = await self._next(number)
        if not message["success"]:
            raise HouseError(f"{message['error']}")
        return message["result"]

    async def _next(self, number: int) -> dict[str, Any]:
        assert self._socket is not None
        while True:
            message: dict[str, Any] = await self._socket.receive_json()
            if message.get("id") == number:
                return message

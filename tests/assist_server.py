"""A server with the messages of Home Assistant's WebSocket and REST API, to lose, to change and to refuse by.

The real one is tried by `make ha`; this one stands where a test must choose what goes wrong.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from broker_fixture import free_port

AREAS = {"kitchen": "Kitchen", "living_room": "Living Room", "hall": "Hall"}
ROOMS = {
    "light.kitchen_light": "kitchen",
    "light.lamp": "living_room",
    "light.ceiling": "living_room",
    "light.hall_light": "hall",
}


class AssistServer:
    """Four lights, of which that in the hall is not exposed; what came is kept."""

    def __init__(self, folder: Path, version: str = "2026.2.3") -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.version = version
        self.token = "the-right-one"
        self.token_file = folder / "token"
        self.token_file.write_text(self.token + "\n")
        self.token_file.chmod(0o600)
        self.exposed = {id_: id_ != "light.hall_light" for id_ in ROOMS}
        self.names = {id_: id_.partition(".")[2].replace("_", " ").title() for id_ in ROOMS}
        self.asked: list[str] = []
        self.logins = 0
        self.handled: list[dict[str, Any]] = []
        self.refusing: set[str] = set()
        self.silent: set[str] = set()
        self.piecewise = False
        self._sockets: list[web.WebSocketResponse] = []
        self._runner: web.AppRunner | None = None

    async def start(self, tls: ssl.SSLContext | None = None) -> None:
        app = web.Application()
        app.router.add_get("/api/websocket", self._websocket)
        app.router.add_post("/api/intent/handle", self._handle)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, ssl_context=tls).start()

    async def stop(self) -> None:
        for socket in self._sockets:
            await socket.close(code=aiohttp.WSCloseCode.GOING_AWAY)
        self._sockets.clear()
        if self._runner is not None:
            await self._runner.cleanup()
        self._runner = None

    async def changed(self, event: str = "entity_registry_updated") -> None:
        await self.said(json.dumps({"id": 1, "type": "event", "event": {"event_type": event}}))

    async def said(self, message: str) -> None:
        for socket in self._sockets:
            await socket.send_str(message)

    async def _websocket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json({"type": "auth_required", "ha_version": self.version})
        said = await socket.receive_json()
        self.logins += 1
        if said != {"type": "auth", "access_token": self.token}:
            await socket.send_json({"type": "auth_invalid", "message": "Invalid access token"})
            await socket.close()
            return socket
        await socket.send_json({"type": "auth_ok", "ha_version": self.version})
        self._sockets.append(socket)
        async for message in socket:
            command = message.json()
            self.asked.append(command["type"])
            if command["type"] in self.silent:
                continue
            told: dict[str, Any] = {"id": command["id"], "type": "result", "success": True}
            if command["type"] in self.refusing:
                told |= {"success": False, "error": {"code": "unauthorized", "message": "no"}}
            else:
                told["result"] = self._result(command)
            await socket.send_json(told)
        return socket

    def _result(self, command: dict[str, Any]) -> Any:
        match command["type"]:
            case "homeassistant/expose_entity/list":
                shown = {id_: {"conversation": True} for id_, on in self.exposed.items() if on}
                return {"exposed_entities": shown | {"light.cloud": {"cloud.alexa": True}}}
            case "config/entity_registry/list":
                return [_entry(id_) for id_ in ROOMS]
            case "config/entity_registry/get_entries":
                aliases = {"light.lamp": ["reading lamp", None]}
                return {
                    id_: _entry(id_) | {"aliases": aliases.get(id_, [])}
                    for id_ in command["entity_ids"]
                }
            case "config/device_registry/list":
                return [{"id": "speaker", "area_id": "kitchen", "name": "Speaker"}]
            case "config/area_registry/list":
                return [
                    {"area_id": id_, "name": name, "floor_id": "ground", "aliases": _also(id_)}
                    for id_, name in AREAS.items()
                ]
            case "config/floor_registry/list":
                return [{"floor_id": "ground", "name": "Ground Floor", "aliases": [], "level": 0}]
            case "get_config":
                return {"language": "en", "time_zone": "Europe/Berlin", "version": self.version}
            case "get_states":
                return [_state(id_, name) for id_, name in self.names.items()]
            case _:
                return None

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return web.Response(status=401)
        said = await request.json()
        self.handled.append(said)
        target = said["data"].get("name")
        if target in self.refusing:  # as 2026.2 does
            speech = {"plain": {"speech": "it cannot", "extra_data": None}}
            done: dict[str, Any] = {"response_type": "action_done", "speech": speech, "data": {}}
        else:
            reached = {"success": [{"id": target, "name": target, "type": "entity"}]}
            done = {"response_type": "action_done", "speech": {}, "data": reached}
        return await _in_pieces(request, done) if self.piecewise else web.json_response(done)


async def _in_pieces(request: web.Request, done: dict[str, Any]) -> web.StreamResponse:
    """The second half when the first has been read."""
    response = web.StreamResponse()
    await response.prepare(request)
    whole = json.dumps(done).encode()
    await response.write(whole[:20])
    await asyncio.sleep(0.1)
    await response.write(whole[20:])
    return response


def _also(area: str) -> list[str]:
    return ["Cooking Place"] if area == "kitchen" else []


def _entry(id_: str) -> dict[str, Any]:
    return {
        "entity_id": id_,
        "area_id": ROOMS[id_],
        "device_id": None,
        "name": None,
        "platform": "template",
    }


def _state(id_: str, name: str) -> dict[str, Any]:
    attributes = {"friendly_name": name, "brightness": 102, "supported_color_modes": ["onoff"]}
    return {"entity_id": id_, "state": "on", "attributes": attributes, "context": {"id": "x"}}

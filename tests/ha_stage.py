"""What every check of the rig plays on: a broker with logins, two nodes, one Home Assistant."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from broker_fixture import SETTINGS, BrokerProcess
from ha_environment import Environment
from ha_house import House, HouseError
from node_process import NodeProcess

from daemon.broker_files import access_list
from daemon.logins import Login, Role

BASE = "forgebus/v1"
NODES = ("attic", "kitchen")
CAPABILITIES = ("home_control", "text_generation", "intent_classification", "math")
LOGINS = {
    **dict.fromkeys(NODES, Role.NODE),
    "homeassistant": Role.HOME_ASSISTANT,
    "doors": Role.APP,
}
_EVER = datetime(2100, 1, 1, tzinfo=UTC)
ACCESS = access_list(
    BASE,
    [
        Login(login=login, role=role, serial="1", issued=_EVER, expires=_EVER)
        for login, role in LOGINS.items()
    ],
)
"""What `forgebus enroll` lets them do; they prove themselves with passwords here."""


class Stage:
    """Broker, nodes and house of one run, and what earlier checks have found out."""

    def __init__(self, environment: Environment, folder: Path) -> None:
        self.folder = folder
        self.broker = BrokerProcess(folder, self._access())
        self.nodes = {id_: self._node(id_) for id_ in NODES}
        self.house = House(environment, "rig")
        self.entry = ""
        """Id of our integration's entry."""
        self.agent = ""
        """Our conversation entity."""
        self.data = ""
        """Our AI task entity."""

    async def open(self) -> None:
        """Start everything; Home Assistant knows its broker afterwards, and has its rooms."""
        self.broker.start()
        for node in self.nodes.values():
            node.start()
        self.house.furnish()
        self.house.start()
        await self.house.reach()
        await self.house.move_in()
        await self._connect()

    async def close(self) -> None:
        """End everything."""
        await self.house.leave()
        self.house.stop()
        for node in self.nodes.values():
            node.stop()
        self.broker.kill()

    def password_of(self, login: str) -> str:
        """What the broker wants of a login."""
        return f"secret-of-{login}"

    def password_file(self, login: str) -> Path:
        """The same, as nodes and doors take it."""
        file = self.folder / f"{login}.password"
        if not file.exists():
            file.touch(0o600)
            file.write_text(self.password_of(login))
        return file

    def renewed(self, id_: str, **settings: str) -> NodeProcess:
        """A node with other settings in the place of the one that was, which is stopped; not started."""
        self.nodes[id_].stop()
        self.nodes[id_] = self._node(id_, **settings)
        return self.nodes[id_]

    async def fill(self, handler: str, told: dict[str, Any]) -> dict[str, Any]:
        """Begin a config flow and give it one form; how it goes on."""
        flow = await self.house.post("config/config_entries/flow", {"handler": handler})
        if flow["type"] != "form":
            raise HouseError(f"the flow of {handler} begins with {flow}")
        return await self.give(flow["flow_id"], told)

    async def give(self, flow: str, told: dict[str, Any]) -> dict[str, Any]:
        """Fill in the next form of a flow."""
        result: dict[str, Any] = await self.house.post(f"config/config_entries/flow/{flow}", told)
        return result

    async def ours(self, key: str) -> str:
        """The id of the bus's entity whose unique id ends so."""
        for entity in await self.house.entities_of("forgebus"):
            if entity["unique_id"].endswith(key):
                return str(entity["entity_id"])
        raise HouseError(f"no entity of ours ends in {key}")

    def _access(self) -> str:
        passwords, access = self.folder / "passwords", self.folder / "access"
        passwords.touch(0o600)
        for login in LOGINS:
            command = ["mosquitto_passwd", "-b", str(passwords), login, self.password_of(login)]
            subprocess.run(command, check=True, capture_output=True)
        access.write_text(ACCESS)
        access.chmod(0o600)
        return f"{SETTINGS}allow_anonymous false\npassword_file {passwords}\nacl_file {access}\n"

    def _node(self, id_: str, **more: str) -> NodeProcess:
        settings = {
            "broker__username": id_,
            "broker__password_file": str(self.password_file(id_)),
            "home_assistant__discovery": "true",
        }
        return NodeProcess(self.folder, self.broker.port, id_, CAPABILITIES, **settings | more)

    async def _connect(self) -> None:
        """Home Assistant's own MQTT entry; newer versions want more fields."""
        flow = await self.house.post("config/config_entries/flow", {"handler": "mqtt"})
        if flow["type"] == "menu":
            flow = await self.give(flow["flow_id"], {"next_step_id": "broker"})
        names = {field["name"] for field in flow["data_schema"]}
        told: dict[str, Any] = {
            "broker": "127.0.0.1",
            "port": self.broker.port,
            "username": "homeassistant",
            "password": self.password_of("homeassistant"),
        }
        if "protocol" in names:
            told["protocol"] = "5"
        if "other_settings" in names:
            told["other_settings"] = {"set_client_cert": False, "set_ca_cert": "off"}
        made = await self.give(flow["flow_id"], told)
        if made["type"] != "create_entry":
            raise HouseError(f"MQTT was not set up: {made}")

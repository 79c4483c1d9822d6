"""The sections of the configuration for the doors: how programs that speak no MQTT reach the bus.

`forgebus serve` opens them, in a process of its own with a login of its own.
"""

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from bus_topics.messages import NodeId
from daemon.listening import MEANT, Listen

Url = Annotated[
    str,
    Meta(
        pattern=r"^(https?://[^\s/?#@]+)?/?$(?!\n)",
        description="where its pages are, such as http://homeassistant.local:8123, or empty",
    ),
]


class DoorsConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The login of the doors at the broker. In a file, an empty path stands for that of [broker]."""

    login: NodeId = "doors"
    password_file: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None


class OpenAIConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The OpenAI-compatible HTTP endpoint; closed while `listen` is empty."""

    listen: Listen = ""
    api_key_file: Path | None = None

    def unguarded(self) -> str:
        """Why other machines may not reach it; empty where a key guards it."""
        if self.api_key_file is not None:
            return ""
        return (
            "others would use the bus there without a key; use 127.0.0.1, or name an api_key_file"
        )


class WyomingConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The Wyoming server, for Home Assistant's Assist; closed while `listen` is empty."""

    listen: Listen = ""
    allow_remote: bool = False
    home_assistant_url: Url = ""
    token_file: Path | None = None

    def unguarded(self) -> str:
        """Why other machines may not reach it; empty where that was meant."""
        return "" if self.allow_remote else f"others would use the bus there; {MEANT}"

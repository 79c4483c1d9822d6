"""The section of the configuration for Home Assistant, which finds a node by MQTT device discovery."""

import msgspec

from daemon.names import Login, TopicBase


class HomeAssistantConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Whether Home Assistant is told of this node, and by which login it may command it; empty: by none."""

    discovery: bool = False
    prefix: TopicBase = "homeassistant"
    login: Login = "homeassistant"

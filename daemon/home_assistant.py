"""A node as a device of Home Assistant: what MQTT device discovery is told of it, as plain data.

One retained payload makes the device with all its entities; their values are the fields of `messages.State`
on `node/<n>/state`, their commands a `messages.Set`. The words are Home Assistant's own: see its
`components/mqtt/schemas.py`. Whatever an earlier payload had and this one has not is named with its platform
alone: that takes it away.

docs/home_assistant_discovery.md lists the entities.
"""

from collections.abc import Mapping
from typing import Any

from bus_topics import messages as m
from bus_topics import topics
from bus_topics.messages import Condition, Preference, Status

Json = dict[str, Any]

EXPIRES_S = 70
"""A value that old is none: a killed broker sends no wills, and the state is sent every 20 s."""
PRESENT = sorted((Status.ONLINE.value, Status.CONFLICT.value))
"""Statuses of a node that is there."""


def config_topic(prefix: str, node: str) -> str:
    """Where the payload stands."""
    return f"{prefix}/device/forgebus-{node}/config"


def birth_topic(prefix: str) -> str:
    """Where Home Assistant says that it is there."""
    return f"{prefix}/status"


def device(card: m.Card, base: str, *, commander: str = "", thermometer: bool = False) -> Json:
    """The payload for the node of `card`.

    Args:
        card: its name, and what it runs on.
        base: the first levels of its topics.
        commander: Home Assistant's login; "" leaves out what commands the node.
        thermometer: whether anything tells its temperature.
    """
    node = card.node
    hardware = card.hardware
    status = topics.build(base, "status", sender=node)
    state = topics.build(base, "state", sender=node)
    there = "{{ 'online' if value in " + str(PRESENT) + " else 'offline' }}"
    payload: Json = {
        "device": {
            "identifiers": [f"forgebus_{node}"],
            "name": f"Forgebus {node}",
            "manufacturer": "Forgebus",
            "model": hardware.board or f"{hardware.cores} cores, {hardware.memory_mb} MiB",
            "model_id": card.profile,
            "hw_version": hardware.arch,
            "sw_version": card.version,
        },
        "origin": {"name": "forgebus", "sw_version": card.version},
        "availability": [{"topic": status, "value_template": there}],
        "state_topic": state,
    }
    command = topics.build(base, "set", sender=commander, to=node) if commander else ""
    payload["components"] = {
        key: _component(key, entity, node, state, command)
        if _wanted(key, entity, commander=commander, thermometer=thermometer)
        else {"platform": entity["platform"]}
        for key, entity in ENTITIES.items()
    }
    return payload


def entity_id(key: str, node: str) -> str:
    """What Home Assistant calls the entity, unless there was one of that name."""
    platform: str = ENTITIES[key]["platform"]
    return f"{platform}.forgebus_{node.replace('-', '_')}_{key}"


def _wanted(key: str, entity: Mapping[str, Any], *, commander: str, thermometer: bool) -> bool:
    if entity["platform"] in _COMMANDS:
        return bool(commander)
    return thermometer or key != "temperature"


def _component(key: str, entity: Mapping[str, Any], node: str, state: str, command: str) -> Json:
    made: Json = {
        "unique_id": f"forgebus_{node}_{key}",
        "default_entity_id": entity_id(key, node),
        **entity,
    }
    if entity["platform"] in _COMMANDS:
        made |= {
            "command_topic": command,
            "qos": 1,
            "message_expiry_interval": topics.BY_NAME["set"].expiry_s,
        }
    else:
        made["expire_after"] = EXPIRES_S
    if "json_attributes_template" in entity:
        made["json_attributes_topic"] = state
    return made


def _sensor(name: str, field: str, **more: Any) -> Json:
    """A sensor; `field` is one of `messages.State`, or a template."""
    template = field if "{{" in field else "{{ value_json." + field + " }}"
    named = {"name": name} if name else {}
    return {"platform": "sensor", **named, "value_template": template, **more}


def _count(name: str, field: str, icon: str, **more: Any) -> Json:
    """What only rises, and begins anew with the node."""
    return _sensor(name, field, icon=icon, state_class="total_increasing", **more)


_COMMANDS = frozenset({"switch", "select", "button"})
_DIAGNOSTIC = {"entity_category": "diagnostic"}
_CONFIG = {"entity_category": "config"}
_MEASURED = {"state_class": "measurement"}

ENTITIES: dict[str, Json] = {
    "state": _sensor(
        "State",
        "condition",
        icon="mdi:state-machine",
        device_class="enum",
        options=[each.value for each in Condition],
    ),
    "running": _sensor("Running", "running", icon="mdi:run-fast", **_MEASURED),
    "queue": _sensor("Queue", "queue", icon="mdi:tray-full", **_MEASURED),
    "tasks_done": _count("Tasks done", "done", "mdi:check-circle-outline"),
    "tasks_failed": _count("Tasks failed", "failed", "mdi:alert-circle-outline"),
    "speed": _sensor(
        "Speed",
        "decode_tok_s",
        icon="mdi:speedometer",
        unit_of_measurement="tokens/s",
        suggested_display_precision=1,
        **_MEASURED,
    ),
    "models": _sensor(
        "Models loaded",
        "{{ (value_json.models | join(', ') or 'none')[:255] }}",
        icon="mdi:brain",
        json_attributes_template="{{ {'models': value_json.models} | tojson }}",
    ),
    "last_winner": _sensor(
        "Last winner",
        "winner",
        icon="mdi:gavel",
        json_attributes_template="{{ {'why': value_json.reason} | tojson }}",
    ),
    "temperature": _sensor(
        "",
        "temperature",
        device_class="temperature",
        unit_of_measurement="°C",
        suggested_display_precision=1,
        **_MEASURED,
        **_DIAGNOSTIC,
    ),
    "memory_free": _sensor(
        "Memory free",
        "memory_free_mb",
        icon="mdi:memory",
        device_class="data_size",
        unit_of_measurement="MiB",
        suggested_display_precision=0,
        **_MEASURED,
        **_DIAGNOSTIC,
    ),
    "load": _sensor(
        "Load",
        "{{ (value_json.load * 100) | round }}",
        icon="mdi:gauge",
        unit_of_measurement="%",
        suggested_display_precision=0,
        **_MEASURED,
        **_DIAGNOSTIC,
    ),
    "home_open": _sensor(
        "Tasks in its care", "home_open", icon="mdi:home-clock", **_MEASURED, **_DIAGNOSTIC
    ),
    "home_done": _count("Tasks settled", "home_done", "mdi:home-heart", **_DIAGNOSTIC),
    "home_failed": _count("Tasks lost", "home_failed", "mdi:home-alert", **_DIAGNOSTIC),
    "nodes": _sensor("Nodes seen", "nodes_live", icon="mdi:lan", **_MEASURED, **_DIAGNOSTIC),
    "quarantined": _count(
        "Messages quarantined", "quarantined", "mdi:shield-alert-outline", **_DIAGNOSTIC
    ),
    "round_trip": _sensor(
        "Broker round trip",
        "round_trip_ms",
        icon="mdi:timer-outline",
        device_class="duration",
        unit_of_measurement="ms",
        suggested_display_precision=1,
        **_MEASURED,
        **_DIAGNOSTIC,
    ),
    "uptime": _sensor(
        "Uptime",
        "{{ (value_json.uptime_s / 3600) | round(1) }}",
        icon="mdi:clock-start",
        device_class="duration",
        unit_of_measurement="h",
        suggested_display_precision=1,
        json_attributes_template="{{ {'boot': value_json.boot} | tojson }}",
        **_MEASURED,
        **_DIAGNOSTIC,
    ),
    "problem": {
        "platform": "binary_sensor",
        "device_class": "problem",
        "value_template": "{{ 'ON' if value_json.problems else 'OFF' }}",
        "json_attributes_template": "{{ {'problems': value_json.problems} | tojson }}",
        **_DIAGNOSTIC,
    },
    "slowed": {
        "platform": "binary_sensor",
        "name": "Slowed by heat or power",
        "device_class": "problem",
        "value_template": "{{ 'ON' if value_json.held else 'OFF' }}",
        "json_attributes_template": "{{ {'by': value_json.held} | tojson }}",
        **_DIAGNOSTIC,
    },
    "accept_work": {
        "platform": "switch",
        "name": "Accept work",
        "icon": "mdi:briefcase-check-outline",
        "value_template": "{{ 'ON' if value_json.accept_work else 'OFF' }}",
        "state_on": "ON",
        "state_off": "OFF",
        "payload_on": '{"accept_work": true}',
        "payload_off": '{"accept_work": false}',
        **_CONFIG,
    },
    "preference": {
        "platform": "select",
        "name": "Routing preference",
        "icon": "mdi:routes",
        "options": [each.value for each in Preference],
        "value_template": "{{ value_json.preference }}",
        "command_template": "{{ {'preference': value} | tojson }}",
        **_CONFIG,
    },
    "drain": {
        "platform": "button",
        "name": "Drain",
        "icon": "mdi:tray-arrow-up",
        "payload_press": '{"drain": true}',
        **_CONFIG,
    },
}
"""Every entity by its key, in Home Assistant's words, without what is the same for all of its kind."""

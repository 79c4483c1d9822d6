"""The payload of discovery as plain data: golden, and for every node and every state."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import Environment, StrictUndefined
from wire_values import messages, names

from bus_topics import codec
from bus_topics import messages as m
from bus_topics.topics import parse
from daemon.display import EXPIRY_S, STATE_S
from daemon.home_assistant import ENTITIES, birth_topic, config_topic, device, entity_id

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "tests" / "fixtures" / "home_assistant" / "device.json"
PAGE = (ROOT / "docs" / "home_assistant_discovery.md").read_text("utf-8")
CARD = m.Card(
    node="pi-5",
    boot="9f86d081884c7d65",
    version="0.1.0",
    profile="pi_5",
    hardware=m.Hardware(arch="aarch64", board="Raspberry Pi 5 Model B Rev 1.0", cores=4),
)
BASE = "forgebus/v1"
WHOLE = device(CARD, BASE, commander="homeassistant", thermometer=True)
STATES = messages(m.State)
JINJA = Environment(undefined=StrictUndefined)
COMMANDS = {"accept_work": ("payload_on", "payload_off"), "drain": ("payload_press",)}


def test_the_device_of_a_pi_5() -> None:
    """When it is meant to change: write the new one with `json.dumps(WHOLE, indent=1)`."""
    assert json.loads(GOLDEN.read_text("utf-8")) == WHOLE


cards = messages(m.Card)
prefixes = st.sampled_from(["homeassistant", "ha/discovery"])


@given(card=cards, base=st.sampled_from([BASE, "home"]), commander=names(m.NODE_PATTERN))
@settings(deadline=None, max_examples=50)
def test_every_node_has_a_device_that_home_assistant_can_name(
    card: m.Card, base: str, commander: str
) -> None:
    made = device(card, base, commander=commander, thermometer=True)
    assert len(json.dumps(made)) < codec.MAX_BYTES / 10
    assert parse(base, made["state_topic"]).sender == card.node
    ids = [each["unique_id"] for each in made["components"].values()]
    assert len(set(ids)) == len(ENTITIES)
    for key, each in made["components"].items():
        domain, _, name = each["default_entity_id"].partition(".")
        assert domain == each["platform"]
        assert re.fullmatch(r"[a-z0-9_]+", name), key
        assert each.get("name") or each["device_class"] in {"temperature", "problem"}, key
        if each["platform"] in {"switch", "select", "button"}:
            address = parse(base, each["command_topic"])
            assert (address.topic.name, address.sender, address.to) == ("set", commander, card.node)
        else:
            assert "command_topic" not in each


@given(node=names(m.NODE_PATTERN), prefix=prefixes)
def test_its_topic_is_one_that_home_assistant_listens_to(node: str, prefix: str) -> None:
    told = config_topic(prefix, node).removeprefix(f"{prefix}/")
    assert re.fullmatch(r"(?P<component>\w+)/(?P<object_id>[a-zA-Z0-9_-]+)/config", told)
    assert birth_topic(prefix) == f"{prefix}/status"


@pytest.mark.parametrize(
    ("commander", "thermometer", "gone"),
    [
        ("homeassistant", True, set()),
        ("", True, {"accept_work", "preference", "drain"}),
        ("homeassistant", False, {"temperature"}),
    ],
)
def test_what_is_not_there_is_named_with_its_platform_alone(
    commander: str,
    thermometer: bool,  # noqa: FBT001
    gone: set[str],
) -> None:
    """So what an earlier payload had goes away."""
    made = device(CARD, BASE, commander=commander, thermometer=thermometer)["components"]
    assert {key for key, each in made.items() if set(each) == {"platform"}} == gone
    assert set(made) == set(ENTITIES)


@given(state=STATES)
@settings(deadline=None, max_examples=100)
def test_every_value_is_one_that_its_entity_may_have(state: m.State) -> None:
    value = json.loads(codec.encode(state))
    for key, each in WHOLE["components"].items():
        if "json_attributes_template" in each:
            assert isinstance(json.loads(rendered(each["json_attributes_template"], value)), dict)
        if "value_template" not in each:
            assert each["platform"] == "button"
            continue
        shown = rendered(each["value_template"], value)
        assert len(shown) <= 255, key
        if "options" in each:
            assert shown in each["options"], key
        elif each["platform"] in {"switch", "binary_sensor"}:
            assert shown in {"ON", "OFF"}, key
        elif "state_class" in each:
            assert shown == "None" or float(shown) >= -273.2, key
        else:
            assert shown, key


def test_a_field_that_is_missing_would_be_seen() -> None:
    value = json.loads(codec.encode(msgspec.convert(EXAMPLE, m.State)))
    del value["running"]
    with pytest.raises(Exception, match="running"):
        rendered(WHOLE["components"]["running"]["value_template"], value)


def test_availability_is_the_status() -> None:
    (there,) = WHOLE["availability"]
    assert parse(BASE, there["topic"]).topic.name == "status"
    seen = {
        status: JINJA.from_string(there["value_template"]).render(value=status)
        for status in m.Status
    }
    assert seen == {"online": "online", "offline": "offline", "conflict": "online"}
    assert JINJA.from_string(there["value_template"]).render(value="") == "offline"


def test_every_command_is_a_message_that_a_node_takes() -> None:
    made = WHOLE["components"]
    said = [made[key][option] for key, options in COMMANDS.items() for option in options]
    wanted = [codec.decode(payload.encode(), m.Set) for payload in said]
    assert wanted == [m.Set(accept_work=True), m.Set(accept_work=False), m.Set(drain=True)]
    template = JINJA.from_string(made["preference"]["command_template"])
    for option in made["preference"]["options"]:
        chosen = codec.decode(template.render(value=option).encode(), m.Set)
        assert chosen == m.Set(preference=m.Preference(option))


def test_values_outlive_the_pause_between_two_states() -> None:
    every = [
        each["expire_after"] for each in WHOLE["components"].values() if "expire_after" in each
    ]
    assert len(every) == 20
    assert min(every) >= 3 * 20 > 20 > STATE_S


# --- the page ------------------------------------------------------------------------------------


def row(key: str, entity: dict[str, Any]) -> str:
    """How a line of the page's table begins."""
    name = entity.get("name", entity.get("device_class", "").capitalize())
    value = f"`{entity['value_template']}`" if "value_template" in entity else "-"
    cells = [
        f"`{entity_id(key, 'kitchen')}`",
        name,
        entity.get("entity_category", "-"),
        entity.get("unit_of_measurement", "-"),
        value.replace("|", "\\|"),
    ]
    return f"| {' | '.join(cells)} | "


def test_the_page_lists_every_entity_and_no_other() -> None:
    listed = [
        line for line in PAGE.splitlines() if re.match(r"\| `[a-z_]+\.forgebus_kitchen", line)
    ]
    table = [line for line in listed if line.count(" | ") >= 5]
    assert len(table) == len(ENTITIES)
    for line, (key, entity) in zip(table, ENTITIES.items(), strict=True):
        assert line.startswith(row(key, entity)), key
        assert line.removeprefix(row(key, entity)).strip(" |"), key


def test_the_page_says_what_the_code_does() -> None:
    words = " ".join(PAGE.split())
    for said in (
        f"`{config_topic('homeassistant', 'kitchen')}`",
        f"yes, {EXPIRY_S // 86_400} days",
        f"looked at every {STATE_S:.0f} s",
        *(f"| `{condition}` |" for condition in m.Condition),
        *(f"`{command}`" for command in ('{"drain": true}', '{"accept_work": false}')),
    ):
        assert said in words, said


def rendered(template: str, value: Any) -> str:
    """As Home Assistant does it, whose own filters none of ours uses."""
    return JINJA.from_string(template).render(value_json=value)


EXAMPLE: dict[str, Any] = json.loads(
    (ROOT / "docs" / "protocol.md")
    .read_text("utf-8")
    .partition("### state\n")[2]
    .partition("```json\n")[2]
    .partition("```")[0]
)

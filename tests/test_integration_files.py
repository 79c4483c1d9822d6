"""The custom integration's folder, as Home Assistant and HACS read it: complete, in both languages, alone."""

from __future__ import annotations

import ast
import json
import re
import string
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from house_rules import ARROWS, MAX_LINES
from integration_module import FOLDER, PURE, module
from PIL import Image

from bus_topics import topics
from daemon.version import VERSION

STRINGS = json.loads((FOLDER / "strings.json").read_text())
SOURCES = {file.name: file.read_text() for file in sorted(FOLDER.glob("*.py"))}


def _leaves(told: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(told, str):
        yield path, told
        return
    for key, inner in told.items():
        yield from _leaves(inner, f"{path}.{key}" if path else key)


def _fields(text: str) -> set[str]:
    return {field for _, field, _, _ in string.Formatter().parse(text) if field}


def test_the_manifest_is_what_home_assistant_wants() -> None:
    manifest = json.loads((FOLDER / "manifest.json").read_text())
    assert list(manifest)[:2] == ["domain", "name"]
    assert list(manifest)[2:] == sorted(list(manifest)[2:])
    assert manifest["domain"] == module("const").DOMAIN == FOLDER.name
    assert "mqtt" in manifest["dependencies"]
    card = topics.build(topics.DEFAULT_BASE, "card", sender="+")
    assert manifest["mqtt"] == [card] == [module("contract").Topics(topics.DEFAULT_BASE, "x").cards]
    assert manifest["version"] == VERSION
    assert manifest["requirements"] == []
    hacs = json.loads((FOLDER.parent.parent / "hacs.json").read_text())
    assert re.fullmatch(r"20\d\d\.\d+\.\d+", hacs["homeassistant"])
    with Image.open(FOLDER / "brand/icon.png") as icon:
        assert (icon.format, icon.size) == ("PNG", (256, 256))


@pytest.mark.parametrize("language", ["en", "de"])
def test_every_string_is_there_in_both_languages(language: str) -> None:
    told = json.loads((FOLDER / f"translations/{language}.json").read_text())
    expected, found = dict(_leaves(STRINGS)), dict(_leaves(told))
    assert expected.keys() == found.keys()
    assert {key: _fields(text) for key, text in expected.items()} == {
        key: _fields(text) for key, text in found.items()
    }
    assert all(found.values())
    if language == "en":
        assert told == STRINGS


def test_every_string_that_the_code_names_is_there() -> None:
    keys = set(re.findall(r'translation_key="(\w+)"', "".join(SOURCES.values())))
    keys |= set(re.findall(r'(?:BusError|_failed)\(\s*"(\w+)"', "".join(SOURCES.values())))
    assert keys - {"preference"} <= set(STRINGS["exceptions"])
    assert set(module("troubles").KINDS) == set(STRINGS["issues"])
    reasons = set(re.findall(r'BusError\("(\w+)"', SOURCES["bus.py"]))
    asked = {"not_connected", "no_hub", "no_answer", "stopped"}
    assert asked <= reasons
    shown = set(STRINGS["config"]["error"])
    assert shown == asked | {"invalid_base", "invalid_login"}
    aborts = set(re.findall(r'async_abort\(reason="(\w+)"', SOURCES["config_flow.py"]))
    assert aborts <= set(STRINGS["config"]["abort"])
    entities = set(re.findall(r'__init__\(entry, "(\w+)"\)', "".join(SOURCES.values())))
    entities |= set(re.findall(r'^    key = "(\w+)"', "".join(SOURCES.values()), re.MULTILINE))
    named = {key for platform in STRINGS["entity"].values() for key in platform}
    assert entities - {"agent"} == named  # the agent has the name of its bus


def test_the_action_is_described_field_by_field() -> None:
    described = yaml.safe_load((FOLDER / "services.yaml").read_text())["ask"]["fields"]
    in_code = set(re.findall(r'vol\.(?:Optional|Required)\("(\w+)"', SOURCES["actions.py"]))
    assert set(described) == in_code == set(STRINGS["services"]["ask"]["fields"])
    offered = described["preference"]["selector"]["select"]["options"]
    assert set(offered) == set(module("contract").PREFERENCES)
    assert set(offered) == set(STRINGS["selector"]["preference"]["options"])


def test_icons_are_of_entities_that_exist() -> None:
    icons = json.loads((FOLDER / "icons.json").read_text())
    for platform, entities in icons["entity"].items():
        assert set(entities) <= set(STRINGS["entity"][platform])
    assert set(icons["services"]) == set(STRINGS["services"])


def test_the_quality_scale_leaves_no_rule_open() -> None:
    rules = yaml.safe_load((FOLDER / "quality_scale.yaml").read_text())["rules"]
    for rule, status in rules.items():
        if isinstance(status, dict):
            assert status["status"] in ("done", "exempt", "todo"), rule
            assert status["comment"], rule
        else:
            assert status == "done", rule


@pytest.mark.parametrize("name", SOURCES)
def test_it_stands_alone(name: str) -> None:
    assert len(SOURCES[name].splitlines()) <= MAX_LINES
    tops = set()
    for node in ast.walk(ast.parse(SOURCES[name])):
        if isinstance(node, ast.Import):
            tops |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            tops.add(str(node.module).partition(".")[0])
    assert not tops & {*ARROWS, "paho", "aiomqtt"}
    if name.removesuffix(".py") in PURE:
        assert not tops & {"homeassistant", "voluptuous"}

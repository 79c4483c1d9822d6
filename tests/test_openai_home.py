"""Home Assistant as a client: its home and its tools in, calls that it takes and words out."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from openai_fixture import Endpoint
from openai_homes import BRIGHTNESS, OVERVIEW, SYSTEM, TOOLS, done, intent, live_context, plain_tool

from doors.home_steps import Control, Meant
from doors.openai_form import Call, Chat, Message, ToolCall, chat_of
from doors.openai_home import home_in, results
from doors.openai_tools import Act, act, after, refusal

# --- on a real bus ---------------------------------------------------------------------------------


async def talk(door: Endpoint, said: str, **tools: str) -> tuple[list[tuple[str, Any]], str]:
    """All calls until there is an answer, as Home Assistant would carry them out, and the answer."""
    messages: list[Any] = [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": said},
    ]
    called: list[tuple[str, Any]] = []
    for _ in range(4):
        answer = (await door.chat("", messages=messages, tools=TOOLS)).choices[0]
        if not answer.message.tool_calls:
            return called, answer.message.content
        assert answer.finish_reason == "tool_calls"
        messages.append(answer.message.model_dump(exclude_none=True))
        for call in answer.message.tool_calls:
            name = call.function.name
            called.append((name, json.loads(call.function.arguments)))
            told = tools.get(name, done("x"))
            messages.append({"role": "tool", "tool_call_id": call.id, "content": told})
    raise AssertionError(f"no end of calls: {called}")


@pytest.mark.parametrize(
    ("said", "calls", "words"),
    [
        (
            "turn on the floor lamp",
            [("HassTurnOn", {"name": "Floor Lamp", "domain": ["light"]})],
            "Turned on Floor Lamp.",
        ),
        (
            "turn off the kitchen lights",
            [("HassTurnOff", {"area": "Kitchen", "domain": ["light"]})],
            "Turned off Ceiling Light and Counter Light.",
        ),
        (
            "schalte das Licht in der Galley aus",
            [("HassTurnOff", {"area": "Galley", "domain": ["light"]})],
            "Ceiling Light und Counter Light ausgeschaltet.",
        ),
        (
            "turn off all the lights except the floor lamp",
            [
                ("HassTurnOff", {"name": "Ceiling Light", "domain": ["light"]}),
                ("HassTurnOff", {"name": "Counter Light", "domain": ["light"]}),
            ],
            "Turned off Ceiling Light. Turned off Counter Light.",
        ),
        ("is the coffee machine on?", [("GetLiveContext", {})], "Coffee Machine is on."),
        (
            "make the ceiling light brighter",
            [
                ("GetLiveContext", {}),
                (
                    "HassLightSet",
                    {"name": "Ceiling Light", "domain": ["light"], "brightness": 55},
                ),
            ],
            "Set Ceiling Light.",
        ),
        ("what is 3 plus 4", [], "7"),
        ("open the garage", [], "Sorry, there is no such device or room here."),
    ],
)
async def test_a_sentence_becomes_calls_and_their_results_an_answer(
    door: Endpoint, said: str, calls: list[Any], words: str
) -> None:
    assert await talk(door, said, GetLiveContext=live_context()) == (calls, words)


async def test_the_clock_is_asked(door: Endpoint) -> None:
    now = json.dumps({"success": True, "result": {"date": "2026-11-21", "time": "12:34:00"}})
    called, words = await talk(door, "what time is it", GetDateTime=now)
    assert (called, words) == ([("GetDateTime", {})], "It is 12:34.")


async def test_what_went_wrong_in_the_home_is_told(door: Endpoint) -> None:
    failed = json.dumps({"error": "MatchFailedError", "error_text": "no match"})
    _, words = await talk(door, "turn on the floor lamp", HassTurnOn=failed)
    assert words == "Sorry, that could not be done completely."


async def test_calls_are_streamed_with_an_index_each(door: Endpoint) -> None:
    said = "turn on the coffee machine and turn off the floor lamp"
    stream = await door.chat("", messages=talking(said), tools=TOOLS, stream=True)
    calls: dict[int, list[str]] = {}
    finish = None
    async for chunk in stream:
        for one in chunk.choices[0].delta.tool_calls or ():
            calls.setdefault(one.index, []).extend([one.function.name, one.function.arguments])
        finish = chunk.choices[0].finish_reason or finish
    assert {index: parts[0] for index, parts in calls.items()} == {
        0: "HassTurnOn",
        1: "HassTurnOff",
    }
    assert finish == "tool_calls"


async def test_a_call_that_must_be_is_or_is_refused(door: Endpoint) -> None:
    wanted = {"type": "function", "function": {"name": "HassTurnOn"}}
    answer = await door.chat(
        "", messages=talking("turn on the floor lamp"), tools=TOOLS, tool_choice=wanted
    )
    assert answer.choices[0].message.tool_calls[0].function.name == "HassTurnOn"
    with pytest.raises(Exception, match="comes to no call of HassTurnOn"):
        await door.chat("", messages=talking("hello"), tools=TOOLS, tool_choice=wanted)
    none = await door.chat(
        "", messages=talking("turn on the floor lamp"), tools=TOOLS, tool_choice="none"
    )
    assert none.choices[0].message.tool_calls is None


async def test_several_calls_at_once_are_refused_where_one_may_be(door: Endpoint) -> None:
    said = "turn on the coffee machine and turn off the floor lamp"
    with pytest.raises(Exception, match="takes 2 calls at once"):
        await door.chat("", messages=talking(said), tools=TOOLS, parallel_tool_calls=False)


def talking(said: str) -> list[Any]:
    """A talk that begins."""
    return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": said}]


def odd(parameters: Any) -> dict[str, Any]:
    """A tool with these parameters."""
    return {"type": "function", "function": {"name": "HassLightSet", "parameters": parameters}}


# --- pure ------------------------------------------------------------------------------------------


def chat(*messages: dict[str, Any], tools: Any = TOOLS) -> Chat:
    """A request of Home Assistant."""
    all_ = [*talking("x")[:1], *messages] or talking("x")
    return chat_of({"model": "auto", "messages": all_, "tools": tools})[0]


SAID = {"role": "user", "content": "turn it on"}


def called(name: str, told: str, id_: str = "c1", arguments: str = "{}") -> list[dict[str, Any]]:
    """A call and its result."""
    function = {"name": name, "arguments": arguments}
    return [
        {
            "role": "assistant",
            "tool_calls": [{"id": id_, "type": "function", "function": function}],
        },
        {"role": "tool", "tool_call_id": id_, "content": told},
    ]


def does(control: Control, asked: Chat) -> Act:
    """What is answered to it."""
    return act(control, home_in(asked.messages), asked, "x")


def one(intent_: str, /, *names: str, **slots: Any) -> Control:
    """An intent for these entities of the home."""
    home = home_in(chat(SAID).messages)
    ids = tuple(id_ for id_, entity in home.entities.items() if entity.name in names)
    assert len(ids) == len(names)
    return Control((Meant(intent_, slots, ids),))


def test_the_home_is_read_from_the_prompt() -> None:
    home = home_in(chat(SAID).messages)
    light = next(iter(home.entities.values()))
    assert (light.name, light.aliases, light.area, light.domain) == (
        "Ceiling Light",
        ("Big Lamp",),
        "Kitchen",
        "light",
    )
    assert home.areas == ("Kitchen", "Living Room")
    assert [(place.name, place.areas) for place in home.places] == [
        ("Galley", frozenset({"Kitchen"}))
    ]
    assert len(home.entities) == 6


@pytest.mark.parametrize(
    "prompt",
    [
        "You are a poet.",
        "- names: [",
        "- names: x\n  domain: 5!",
        "- names: &a [*a]\n  domain: light",
        "- names:\n  domain: light",
        "- names: x\n  domain: &a light\n  state: *a",
        "- names: x\n  domain: light\n  <<: &a {<<: *a}",
        f"- names: {'[' * 5000}",
        "- names: !!python/object/apply:os.system ['true']\n  domain: light",
    ],
)
def test_a_prompt_without_a_home_has_none(prompt: str) -> None:
    assert home_in((Message("system", prompt),)).entities == {}


DEEP = 100_000
ROOT = Path(__file__).parent.parent
HOSTILE = rf"""
from doors.openai_form import Message
from doors.openai_home import home_in
for deep in ("- names: " + "[" * {DEEP}, "- names: x\n" + "- " * {DEEP}, "- names: " + "{{a: " * {DEEP}):
    assert home_in((Message("system", deep),)).entities == {{}}
"""


def test_an_overview_of_any_depth_does_not_end_the_process() -> None:
    """In a process of its own: the loader in C goes as deep as the stack, and then further."""
    ended = subprocess.run([sys.executable, "-c", HOSTILE], timeout=60, check=False, cwd=ROOT)
    assert ended.returncode == 0


@pytest.mark.parametrize(
    "state",
    ["!!bool x", "!!timestamp x", "!!int ''", f"0x{'f' * 5000}", "9" * 400, ".inf", "2026-99-99"],
)
def test_values_that_yaml_would_construct_are_texts(state: str) -> None:
    told = f"- names: x\n  domain: light\n  state: {state}\n  attributes:\n    brightness: {state}"
    (light,) = home_in((Message("system", told),)).entities.values()
    assert isinstance(light.state, str)


def test_names_that_yaml_quotes_or_folds_are_read() -> None:
    long = ", ".join(f"Name {number}" for number in range(12))
    folded = "\n    ".join(long.split(", ")).replace("\n", ",\n")
    told = f'- names: "8: Lamp \\xE4"\n  domain: light\n- names: {folded}\n  domain: switch\n'
    names = [
        (e.name, len(e.aliases)) for e in home_in((Message("system", told),)).entities.values()
    ]
    assert names == [("8: Lamp ä", 0), ("Name 0", 11)]


def test_a_speaker_in_a_room_is_heard_there() -> None:
    said = "You are in area Kitchen (floor Ground) and all generic commands like 'turn on' should target"
    home = home_in((Message("system", f"{said} this area.\n{OVERVIEW}"),))
    assert home.scene("lights off", "here")["context"] == {"area": "Kitchen"}


def test_where_a_speaker_is_is_asked_before_more_than_one_thing_is_switched() -> None:
    tools = [*TOOLS, plain_tool("GetCurrentLocation")]
    lights = one("HassTurnOff", "Ceiling Light", "Counter Light", "Floor Lamp", domain="light")
    asked = does(lights, chat(SAID, tools=tools))
    assert [call.name for call in asked.calls] == ["GetCurrentLocation"]
    where = json.dumps({"success": True, "result": {"area": "Kitchen"}})
    known = chat(SAID, *called("GetCurrentLocation", where), tools=tools)
    assert home_in(known.messages).scene("x", "here")["context"] == {"area": "Kitchen"}
    told = does(lights, known)
    assert [(call.name, call.arguments) for call in told.calls] == [
        ("HassTurnOff", {"domain": ["light"]})
    ]


@pytest.mark.parametrize(
    ("tool", "fits"),
    [
        (intent("HassLightSet", brightness=BRIGHTNESS), True),
        (intent("assist__HassLightSet", brightness=BRIGHTNESS), True),
        (intent("HassLightSet", brightness={"anyOf": [{"type": "integer"}]}), True),
        (intent("HassLightSet", brightness={"type": ["integer", "null"]}), True),
        (intent("HassLightSet"), False),
        (intent("HassLightSet", brightness={"type": "string", "enum": ["low"]}), False),
        (intent("HassLightSet", brightness={"type": "array", "items": 5}), False),
        (intent("HassLightSet", brightness={"anyOf": 5}), True),
        (intent("HassTurnOn"), False),
        (odd({"properties": [], "required": 5}), False),
        (odd({"properties": {"name": {}, "brightness": {}}, "required": [[]]}), False),
    ],
)
def test_a_call_fits_its_tool_or_is_none(*, tool: Any, fits: bool) -> None:
    meant = one("HassLightSet", "Counter Light", name="Counter Light", brightness=40.0)
    told = does(meant, chat(SAID, tools=[tool]))
    if fits:
        (call,) = told.calls
        assert call.name == tool["function"]["name"]
        assert call.arguments == {"name": "Counter Light", "domain": ["light"], "brightness": 40}
    else:
        assert told == Act(words="Sorry, I do not know its present state.")


def test_a_domain_that_the_tool_does_not_take_is_left_out() -> None:
    tool = intent("HassTurnOn", domain={"type": "array", "items": {"enum": ["fan"]}})
    (call,) = does(one("HassTurnOn", "Floor Lamp"), chat(SAID, tools=[tool])).calls
    assert call.arguments == {"name": "Floor Lamp"}


def test_a_tool_that_wants_more_than_was_said_is_not_called() -> None:
    tool = intent("HassTurnOn")
    tool["function"]["parameters"]["required"] = ["floor"]
    assert not does(one("HassTurnOn", "Floor Lamp"), chat(SAID, tools=[tool])).calls


def test_of_two_with_one_name_the_area_tells_which() -> None:
    twins = "".join(
        f"- names: Lamp\n  domain: light\n  areas: {area}\n" for area in ("Hall", "Attic")
    )
    asked = chat_of(
        {"model": "auto", "tools": TOOLS, "messages": [{"role": "system", "content": twins}, SAID]}
    )[0]
    home = home_in(asked.messages)
    meant = Control((Meant("HassTurnOn", {"name": "Lamp"}, ("light.n1",)),))
    (call,) = act(meant, home, asked, "x").calls
    assert call.arguments == {"name": "Lamp", "domain": ["light"], "area": "Attic"}


def test_schemas_in_one_another_end() -> None:
    schema: dict[str, Any] = {"type": "string", "enum": []}
    for _ in range(500):
        schema = {"anyOf": [schema, schema]}
    meant = one("HassLightSet", "Counter Light", brightness=40.0)
    assert not does(meant, chat(SAID, tools=[intent("HassLightSet", brightness=schema)])).calls


def test_only_the_results_since_the_last_word_count() -> None:
    talk_ = chat(
        SAID, *called("HassTurnOn", done("x")), {"role": "assistant", "content": "Done."}, SAID
    )
    assert results(talk_.messages) == []
    assert after(talk_.messages, home_in(talk_.messages), "x") == ""


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (done("x"), "Done."),
        (
            '{"speech": {"plain": {"speech": "Lamp is on"}}, "response_type": "action_done"}',
            "Lamp is on",
        ),
        ('{"success": false, "error": "gone"}', "Sorry, that could not be done completely."),
        ('{"data": null, "error": {"type": "X"}}', "Sorry, that could not be done completely."),
        ('{"response_type": "error", "data": {}}', "Sorry, that could not be done completely."),
        ("not json", "Done."),
    ],
)
def test_what_a_tool_told_is_put_into_words(told: str, words: str) -> None:
    talk_ = chat(SAID, *called("HassTurnOn", told, arguments='{"floor": "Attic"}'))
    assert after(talk_.messages, home_in(talk_.messages), "x") == words


def test_of_many_calls_the_first_are_told() -> None:
    talk_ = chat(SAID, *called("HassListAddItem", done("x")))
    asked, result = talk_.messages[-2:]
    calls = [
        ToolCall(f"c{number}", Call("HassListAddItem", json.dumps({"item": f"egg {number}"})))
        for number in range(1000)
    ]
    many = msgspec.structs.replace(asked, tool_calls=tuple(calls))
    words = after((*talk_.messages[:-2], many, result), home_in(talk_.messages), "x")
    assert words.startswith("Added egg 0. Added egg 1. ")
    assert words.count("Added") == 64


@pytest.mark.parametrize("cover", [{"error": False}, {"error": None}, {}])
@pytest.mark.parametrize("inner", [{"success": True}, {}])
def test_what_a_tool_told_is_found_in_its_covers(cover: Any, inner: Any) -> None:
    """Releases of Home Assistant, and its clients, cover it differently."""
    told = {
        **inner,
        "result": "Live Context:\n- names: Front Door\n  domain: lock\n  state: locked",
    }
    text = json.dumps({"data": told, **cover} if cover else told)
    talk_ = chat(SAID, *called("homeassistant__GetLiveContext", text))
    states = {one.name: one.state for one in home_in(talk_.messages).entities.values()}
    assert (states["Front Door"], states["Floor Lamp"]) == ("locked", "")


def test_doubts_about_a_command_are_told_and_others_left_to_others() -> None:
    unclear = Control(abstained=True, doubt="unclear")
    assert refusal(unclear, "turn it on").startswith("Sorry, I did not understand which device")
    assert refusal(unclear, "mach das Licht an").startswith("Ich habe leider nicht verstanden")
    assert refusal(Control(abstained=True, doubt="other"), "hello") == ""

"""The OpenAI-compatible endpoint, asked by OpenAI's own client and by bare HTTP, on a real bus."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import struct
from pathlib import Path
from typing import Any

import aiohttp
import openai
import pytest
from broker_fixture import BrokerProcess, eventually
from node_process import on_the_bus
from openai_fixture import KEY, MOST_TASKS, Endpoint, bidder, opened

from daemon.config import ConfigError, load
from daemon.mesh import Mesh
from doors import openai_course, openai_door

AUTHORIZED = {"Authorization": f"Bearer {KEY}"}
JSON = {**AUTHORIZED, "Content-Type": "application/json"}
HELLO = json.dumps({"model": "selftest_echo", "messages": [{"role": "user", "content": "hello"}]})


async def post(door: Endpoint, data: Any, headers: Any = JSON) -> tuple[int, Any, Any]:
    """Status, headers and body of a bare request for a chat."""
    url = f"{door.url}/v1/chat/completions"
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=data, headers=headers) as answer,
    ):
        return answer.status, answer.headers, await answer.json()


# --- answers ---------------------------------------------------------------------------------------


async def test_auto_has_the_router_choose_and_says_who_answered(door: Endpoint) -> None:
    raw = await door.client.chat.completions.with_raw_response.create(
        model="auto", messages=[{"role": "user", "content": "what is seven times eight"}]
    )
    told = raw.parse()
    assert told.choices[0].message.content == "56"
    assert (told.model, told.choices[0].finish_reason) == ("auto", "stop")
    assert (raw.headers["x-forgebus-node"], raw.headers["x-forgebus-model"]) == ("hub", "math")
    assert raw.headers["x-forgebus-capability"] == "math"
    assert raw.headers["x-forgebus-task"].startswith(f"{door.mesh.login}/")
    assert "by the router" in raw.headers["x-forgebus-decision"]
    assert "hub wins" in raw.headers["x-forgebus-decision"]


@pytest.mark.parametrize("model", ["local", "fastest", "best"])
async def test_the_other_names_choose_how_bids_are_weighed(door: Endpoint, model: str) -> None:
    answer = await door.chat("what is 3 plus 4", model)
    assert answer.choices[0].message.content == "7"
    record = (await door.mesh.report(answer.forgebus["task"]))[0]
    wanted = {"local": "local_first", "fastest": "fastest", "best": "quality_first"}
    assert record.preference.value == wanted[model]
    assert record.privacy.value == ("private" if model == "local" else "open")


async def test_a_capability_or_a_capability_of_a_node_is_a_model(door: Endpoint) -> None:
    for model in ("selftest_echo", "hub/selftest_echo"):
        answer = await door.chat("say it again", model)
        assert answer.choices[0].message.content == "say it again"


async def test_what_a_model_abstains_from_goes_to_the_text_model(door: Endpoint) -> None:
    said = "Anna has some apples and gives away a few. How many are left?"
    alone = await door.chat(said, "math")
    assert alone.choices[0].message.content.startswith("No answer: ")
    answer = await door.chat(said)
    assert "math abstained" in answer.forgebus["decision"]
    assert answer.forgebus["capability"] == "text_generation"


async def test_a_stream_comes_in_pieces_and_ends_with_the_tokens(door: Endpoint) -> None:
    stream = await door.chat(
        "tell me a story about a dog",
        "text_generation",
        stream=True,
        stream_options={"include_usage": True},
        max_tokens=40,
        seed=7,
    )
    assert stream.response.headers["x-forgebus-capability"] == "text_generation"
    chunks = [chunk async for chunk in stream]
    words = [c.choices[0].delta.content for c in chunks if c.choices and c.choices[0].delta.content]
    assert len(words) > 1
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-2].choices[0].finish_reason == "length"
    assert chunks[-2].forgebus["node"] == "hub"
    assert not chunks[-1].choices
    assert chunks[-1].usage.completion_tokens == 40
    whole = await door.chat("tell me a story about a dog", "text_generation", max_tokens=40, seed=7)
    assert whole.choices[0].message.content == "".join(words)


@pytest.mark.parametrize("model", ["code", "auto"])
async def test_what_was_said_before_an_abstention_is_not_gone_on_with(
    door: Endpoint, model: str
) -> None:
    stream = await door.chat("write a python function that adds two numbers", model, stream=True)
    chunks = [chunk async for chunk in stream]
    said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert (said, chunks[-1].forgebus["node"]) == ("Well, ", "mumbler")


async def test_what_does_not_stream_comes_as_one_piece(door: Endpoint) -> None:
    stream = await door.chat("what is 6 * 7", stream=True)
    assert stream.response.headers["x-forgebus-node"] == "hub", "known before the first word"
    words = [chunk.choices[0].delta.content async for chunk in stream]
    assert [word for word in words if word] == ["42"]


async def test_a_talk_has_its_earlier_turns(door: Endpoint) -> None:
    messages = [
        {"role": "user", "content": "my name is Zelda"},
        {"role": "assistant", "content": "Hello Zelda! It is nice to meet you."},
        {"role": "user", "content": [{"type": "text", "text": "what is my name?"}]},
    ]
    answer = await door.chat("", "text_generation", messages=messages, temperature=0)
    assert "Zelda" in answer.choices[0].message.content


async def test_an_answer_keeps_to_a_schema(door: Endpoint) -> None:
    schema = {
        "type": "object",
        "properties": {"colour": {"enum": ["red", "green"]}, "count": {"type": "integer"}},
        "required": ["colour", "count"],
    }
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema, "strict": True}}
    answer = await door.chat("three red balls", response_format=form)
    told = json.loads(answer.choices[0].message.content)
    assert told.keys() == {"colour", "count"}
    assert told["colour"] in {"red", "green"}


async def test_texts_become_vectors_where_a_node_makes_them(door: Endpoint) -> None:
    for form in ("base64", "float"):
        made = await door.client.embeddings.create(
            model="embeddings", input=["one two three", "x"], encoding_format=form
        )
        vectors = [one.embedding for one in made.data]
        if form == "base64":
            vectors = [list(struct.unpack("<2f", base64.b64decode(str(v)))) for v in vectors]
        assert vectors == [[13.0, 1.5], [1.0, 0.5]]
    usual = await door.client.embeddings.create(model="auto", input="one two three")
    assert usual.data[0].embedding == [13.0, 1.5]
    with pytest.raises(openai.BadRequestError, match="makes no embeddings"):
        await door.client.embeddings.create(model="math", input="x")


# --- models ----------------------------------------------------------------------------------------


async def test_the_models_are_those_of_the_bus(door: Endpoint) -> None:
    ids = [one.id async for one in await door.client.models.list()]
    assert ids[:4] == ["auto", "local", "fastest", "best"]
    assert {"math", "hub/math", "embeddings", "poet/embeddings", "dreams"} <= set(ids)
    one = await door.client.models.retrieve("hub/math")
    assert (one.id, one.owned_by) == ("hub/math", "hub")
    with pytest.raises(openai.NotFoundError) as caught:
        await door.client.models.retrieve("gpt-4o")
    assert caught.value.code == "model_not_found"


# --- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"model": "gpt-4o"}, "no model 'gpt-4o'"),
        ({"n": 2}, "n cannot be had"),
        ({"logprobs": True}, "logprobs cannot be had"),
        ({"logit_bias": {"5": 10}}, "logit_bias cannot be had"),
        ({"temperature": 9}, "temperature"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, "last message"),
        ({"messages": [{"role": "user", "content": " "}]}, "said nothing"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"model": "math", "response_format": {"type": "json_object"}}, "response_format"),
        (
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "x", "schema": {"dependentSchemas": {}}},
                }
            },
            "dependentSchemas",
        ),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [{"type": "image_url", "image_url": {"url": "data:,"}}],
                    }
                ]
            },
            "image_url",
        ),
        ({"extra_body": {"forgebus": {"dedline_ms": 5}}}, "dedline_ms"),
        (
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {
                        "name": "x",
                        "schema": json.loads('{"items":' * 30 + "{}" + "}" * 30),
                    },
                }
            },
            "nested deeper",
        ),
    ],
)
async def test_what_cannot_be_done_is_refused(
    door: Endpoint, more: dict[str, Any], words: str
) -> None:
    with pytest.raises((openai.BadRequestError, openai.NotFoundError)) as caught:
        await door.chat("hello", **more)
    assert words in caught.value.message
    assert caught.value.type == "invalid_request_error"


async def test_what_changes_no_meaning_is_passed_over_and_told(door: Endpoint) -> None:
    body = json.loads(HELLO) | {"top_p": 0.5, "frequency_penalty": 0, "user": "me", "n": 1}
    body["messages"].insert(0, {"role": "system", "content": "Be brief."})
    status, headers, _ = await post(door, json.dumps(body))
    assert (status, headers["x-forgebus-ignored"]) == (200, "system, top_p, user")
    status, headers, _ = await post(door, json.dumps(body | {f"odd{n}": n for n in range(5000)}))
    assert status == 200
    assert headers["x-forgebus-ignored"].startswith("odd0, odd1, ")


@pytest.mark.parametrize(
    ("data", "headers", "status"),
    [
        (HELLO, {"Content-Type": "application/json"}, 401),
        (HELLO, {**JSON, "Authorization": "Bearer a-key-that-somebody-guesses"}, 401),
        (HELLO, {**JSON, "Authorization": f"Basic {KEY}"}, 401),
        (HELLO, {**JSON, "Host": "evil.example"}, 421),
        (HELLO, {**AUTHORIZED, "Content-Type": "text/plain"}, 415),
        (HELLO, {**JSON, "Content-Encoding": "gzip"}, 415),
        ("{", JSON, 400),
        ("[]", JSON, 400),
        ("{}", JSON, 400),
        (HELLO.replace("hello", "x" * 300_000), JSON, 413),
        (io.BytesIO(b"x" * (openai_door.MOST_BYTES + 1)), JSON, 413),
    ],
)
async def test_bare_requests_are_refused_in_openais_form(
    door: Endpoint, data: Any, headers: Any, status: int
) -> None:
    found, answered, body = await post(door, data, headers)
    assert found == status
    assert body["error"].keys() == {"message", "type", "param", "code"}
    assert ("WWW-Authenticate" in answered) == (status == 401)
    assert "Access-Control-Allow-Origin" not in answered


async def test_paths_that_are_not_there_and_health(door: Endpoint) -> None:
    async with aiohttp.ClientSession(headers=AUTHORIZED) as session:
        for path, status in (("/v1/responses", 404), ("/v1/chat/completions", 405)):
            async with session.get(f"{door.url}{path}") as answer:
                assert answer.status == status
                assert (await answer.json())["error"]["type"] == "invalid_request_error"
        async with session.get(f"{door.url}/healthz", headers={"Authorization": ""}) as answer:
            assert (answer.status, await answer.json()) == (200, {"status": "ok"})


async def test_too_late_is_504(door: Endpoint) -> None:
    body = {"forgebus": {"deadline_ms": 400}}
    with pytest.raises(openai.InternalServerError) as caught:
        await door.chat("sleep well", "dreams", extra_body=body)
    assert (caught.value.status_code, caught.value.code) == (504, "deadline")


@pytest.mark.parametrize(
    ("model", "status", "code"), [("fragile", 500, "failed"), ("taste", 400, "bad_input")]
)
async def test_what_a_node_could_not_do_is_its_fault_and_what_it_refuses_the_clients(
    door: Endpoint, model: str, status: int, code: str
) -> None:
    with pytest.raises(openai.APIStatusError) as caught:
        await door.chat("hello", model)
    assert (caught.value.status_code, caught.value.code) == (status, code)
    assert "it broke" in caught.value.message


async def test_a_client_that_leaves_cancels_its_tasks_and_busy_is_429(door: Endpoint) -> None:
    """As many tasks as a login may have: the next one is told when to come again."""
    leaving = [
        asyncio.create_task(door.chat("sleep", "dreams", stream=bool(number % 2)))
        for number in range(MOST_TASKS)
    ]
    assert await _outcomes(door) == [None] * MOST_TASKS
    with pytest.raises(openai.RateLimitError) as caught:
        await door.chat("hello", "selftest_echo")
    assert int(caught.value.response.headers["Retry-After"]) >= 1
    assert caught.value.code == "busy"
    for task in leaving:
        task.cancel()
    await asyncio.gather(*leaving, return_exceptions=True)
    assert await _outcomes(door, ended=True) == ["cancelled"] * MOST_TASKS


async def _outcomes(door: Endpoint, *, ended: bool = False) -> list[str | None]:
    """How the tasks of this door ended, once all of them are there, and have."""
    async with asyncio.timeout(20):
        while True:
            records = await door.mesh.report(limit=20)
            outcomes = [record.outcome for record in records]
            if len(outcomes) == MOST_TASKS and not (ended and None in outcomes):
                return list(outcomes)
            await asyncio.sleep(0.05)


async def test_what_is_being_answered_when_the_door_closes_is_cancelled(
    bus: int, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openai_door, "STOP_S", 0.2)
    async with asyncio.timeout(30), Mesh(port=bus, login="cli") as operator:
        async with opened(bus, keys) as door:
            asking = asyncio.create_task(door.chat("sleep", "dreams"))
            while not (records := await door.mesh.report(limit=1)):  # noqa: ASYNC110 - of a node
                await asyncio.sleep(0.05)
        with pytest.raises(openai.APIConnectionError):
            await asking
        outcomes: list[str | None] = [None]
        while outcomes == [None]:
            outcomes = [one.outcome for one in await operator.report(records[0].task)]
        assert outcomes == ["cancelled"]


async def test_more_requests_than_there_may_be_are_429(
    door: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openai_door, "MOST_REQUESTS", 0)
    status, headers, body = await post(door, HELLO)
    assert (status, headers["Retry-After"], body["error"]["code"]) == (429, "1", "busy")


# --- the bus beneath -------------------------------------------------------------------------------


async def test_without_a_node_and_without_a_broker_is_503(
    broker: BrokerProcess, keys: Path
) -> None:
    async with opened(broker.port, keys) as door, asyncio.timeout(60):
        with pytest.raises(openai.InternalServerError) as caught:
            await door.chat("hello")
        assert (caught.value.status_code, caught.value.code) == (503, "no_node")
        broker.kill()
        await eventually(lambda: not door.mesh.linked, "still linked")
        status, headers, body = await post(door, HELLO)
        assert (status, headers["Retry-After"]) == (503, "2")
        assert "broker" in body["error"]["message"]
        async with aiohttp.ClientSession() as session, session.get(f"{door.url}/healthz") as answer:
            assert answer.status == 503


async def test_a_home_that_says_nothing_is_504(
    broker: BrokerProcess, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The only node there takes no task; it does not even say that the deadline has passed."""
    monkeypatch.setattr(openai_course, "GRACE_S", 0.1)
    with bidder(broker.port, "mute", "dreams", "hangs"):
        async with opened(broker.port, keys) as door, asyncio.timeout(60):
            await on_the_bus(door.mesh, "mute")
            with pytest.raises(openai.InternalServerError) as caught:
                await door.chat("hello", "dreams", extra_body={"forgebus": {"deadline_ms": 200}})
    assert caught.value.status_code == 504


@pytest.mark.parametrize(
    ("text", "mode", "words"),
    [
        (None, 0, "cannot be read"),
        (KEY, 0o644, "open to others"),
        ("# none\n", 0o600, "must have keys"),
        ("short\n", 0o600, "at least 16"),
    ],
)
async def test_keys_that_are_none_are_told_at_the_start(
    bus: int, tmp_path: Path, text: str | None, mode: int, words: str
) -> None:
    file = tmp_path / "other-keys"
    if text is not None:
        file.write_text(text)
        file.chmod(mode)
    with pytest.raises(ConfigError, match=words):
        async with opened(bus, file):
            pass


async def test_an_address_that_is_taken_is_told(bus: int, door: Endpoint) -> None:
    taken = {"openai.listen": door.url.removeprefix("http://")}
    with pytest.raises(ConfigError, match="choose another address"):
        async with opened(bus, None, **taken):
            pass


def test_others_reach_it_only_with_keys() -> None:
    with pytest.raises(ConfigError, match="without a key"):
        load(None, {}, {"openai.listen": "0.0.0.0:8750"})

"""The older form of a request, by OpenAI's own client on a real bus."""

from __future__ import annotations

from typing import Any

import openai
import pytest
from openai_fixture import Endpoint


async def test_a_prompt_is_answered_with_a_text(door: Endpoint) -> None:
    raw = await door.client.completions.with_raw_response.create(
        model="auto", prompt="what is seven times eight"
    )
    told = raw.parse()
    assert (told.object, told.id[:5]) == ("text_completion", "cmpl-")
    assert (told.choices[0].text, told.choices[0].finish_reason) == ("56", "stop")
    assert raw.headers["x-forgebus-capability"] == "math"


async def test_a_stream_of_it_says_the_same(door: Endpoint) -> None:
    asked: dict[str, Any] = {
        "model": "text_generation",
        "prompt": ["tell me a story about a dog"],
        "max_tokens": 20,
        "seed": 7,
    }
    whole = await door.client.completions.create(**asked)
    asked["stream_options"] = {"include_usage": True}
    stream = await door.client.completions.create(stream=True, **asked)
    chunks = [chunk async for chunk in stream]
    assert len(chunks) > 4
    said = "".join(choice.text for chunk in chunks for choice in chunk.choices)
    assert said == whole.choices[0].text != ""
    assert chunks[-2].choices[0].finish_reason == whole.choices[0].finish_reason == "length"
    assert chunks[-1].usage is not None
    assert {chunk.object for chunk in chunks} == {"text_completion"}


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"prompt": ["one", "two"]}, "prompt"),
        ({"prompt": [5, 6]}, "prompt"),
        ({"prompt": None}, "prompt"),
        ({"echo": True}, "echo"),
        ({"suffix": "the end"}, "suffix"),
        ({"best_of": 2}, "best_of"),
        ({"logprobs": 1}, "logprobs"),
        ({"extra_body": {"tools": []}}, "tools"),
    ],
)
async def test_what_cannot_be_done_is_refused(
    door: Endpoint, more: dict[str, Any], param: str
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        await door.client.completions.create(**{"model": "auto", "prompt": "hello", **more})
    assert caught.value.param == param

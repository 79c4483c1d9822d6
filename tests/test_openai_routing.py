"""What a talk comes to on the bus: which capability, with what content; and what is said twice."""

from __future__ import annotations

from typing import Any

import pytest

from bus_topics.messages import Final, Outcome
from daemon.asking import Unfinished
from doors.openai_course import Said
from doors.openai_errors import ApiError, of_bus
from doors.openai_form import Chat, chat_of
from doors.openai_models import Offered, Skill, chosen, listed
from doors.openai_routing import Routing, asked, content_for, says, tokens_for, ways

ALL = ("code", "dreams", "home_control", "math", "text_generation", "vision", "web")
OFFERED = Offered({name: (Skill("pi", "m", 0.5),) for name in ALL})


def chat(*messages: tuple[str, Any], **more: Any) -> Chat:
    """A request with these roles and contents."""
    all_ = [{"role": role, "content": content} for role, content in messages]
    return chat_of({"model": "auto", "messages": all_, **more})[0]


@pytest.mark.parametrize(
    ("intent", "home_tools", "order"),
    [
        ("math", False, ["math", "text_generation"]),
        ("math", True, ["math", "home_control", "text_generation"]),
        ("home_control", True, ["home_control", "text_generation"]),
        ("home_control", False, ["text_generation"]),
        ("chat", True, ["home_control", "text_generation"]),
        ("", False, ["text_generation"]),
        ("", True, ["home_control", "text_generation"]),
        ("web", False, ["web", "text_generation"]),
        ("tts", False, ["text_generation"]),
        ("vision", False, ["text_generation"]),
    ],
)
def test_who_is_asked_in_which_order(*, intent: str, home_tools: bool, order: list[str]) -> None:
    assert ways(Routing(intent, 0.9, "model"), OFFERED, home_tools=home_tools) == order


def test_a_model_is_a_preference_a_capability_or_one_of_a_node() -> None:
    assert chosen("auto", OFFERED).capability is None
    assert chosen("math", OFFERED).capability == "math"
    assert chosen("pi/math", OFFERED).options == {"node": "pi"}
    for unknown in ("gpt-4o", "attic/math", "pi/", "/math/", "correction"):
        with pytest.raises(ApiError) as caught:
            chosen(unknown, OFFERED)
        assert caught.value.status == 404


@pytest.mark.parametrize(
    ("node", "attempts", "status"),
    [("pi", 1, 400), ("pi", 2, 400), (None, 1, 500), (None, 3, 500)],
)
def test_a_failure_is_the_clients_where_a_node_says_so(
    node: str | None, attempts: int, status: int
) -> None:
    """A final names the node whose answer it is; where the home gave up there is none."""
    final = Final(id="1", outcome=Outcome.FAILED, error="no", node=node, attempts=attempts)
    assert of_bus(Unfinished(final)).status == status


def test_no_node_no_models() -> None:
    assert listed(Offered({}), 0) == []


def test_turns_are_paired_and_sides_joined() -> None:
    talk = chat(
        ("system", "Be brief."),
        ("user", "Hi."),
        ("user", "I am Ada."),
        ("assistant", "Hello Ada."),
        ("user", "unanswered"),
        ("assistant", None),
        ("user", [{"type": "text", "text": "Who"}, {"type": "text", "text": "am I?"}]),
    )
    content = content_for("text_generation", talk)
    assert content["history"] == [{"user": "Hi.\nI am Ada.", "assistant": "Hello Ada."}]
    assert content["prompt"] == "unanswered\nWho\nam I?"
    assert content_for("math", talk) == asked(talk)


def test_options_of_a_text() -> None:
    talk = chat(("user", "x"), max_tokens=9000, seed=-1, temperature=0, stop="\n")
    content = content_for("text_generation", talk)
    assert content["max_tokens"] == tokens_for("text_generation", talk) == 512
    assert (content["seed"], content["temperature"], content["stop"]) == (2**32 - 1, 0, ("\n",))
    assert tokens_for("home_control", talk) is None, "half a command is none"
    first, second = (content_for("text_generation", chat(("user", "x"))) for _ in range(2))
    assert first["seed"] != second["seed"], "who wants the same text again says so by a seed"
    with pytest.raises(ApiError, match="stop"):
        content_for("text_generation", chat(("user", "x"), stop=[""]))


@pytest.mark.parametrize(
    ("capability", "result", "words"),
    [
        ("text_generation", {"text": "a", "finish": "end"}, "a"),
        ("math", {"answer": "7", "expression": "3 + 4", "abstained": False}, "7"),
        ("math", {"answer": "", "abstained": True, "reason": "no number"}, "No answer: no number."),
        ("code", {"code": "def f(): ...\n", "abstained": False}, "```python\ndef f(): ...\n```"),
        ("vision", {"caption": "A dog."}, "A dog."),
        ("dreams", "sheep", "sheep"),
        ("dreams", {"sheep": [1]}, '{"sheep":[1]}'),
        ("dreams", None, ""),
    ],
)
def test_a_result_in_words(capability: str, result: Any, words: str) -> None:
    assert says(capability, result) == words


async def test_what_was_said_is_not_said_again() -> None:
    said: list[str] = []

    async def say(text: str) -> None:
        said.append(text)

    course = Said(say)
    for text, attempt in [("Once ", 1), ("upon", 1), ("On", 2), ("late", 1), ("ce upon a", 2)]:
        await course.add(text, attempt)
    assert said == ["Once ", "upon", " a"]
    with pytest.raises(ApiError, match="answers differently"):
        await course.add("Twice", 3)

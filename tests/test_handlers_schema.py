"""A text under a JSON schema: a document of it within the tokens there are, or a refusal that says why."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from json_schemas import valid

from handlers.protocol import BadInput, Usage
from handlers.text_generation import TextGeneration

MODELS = Path(__file__).parent.parent / "models"
TALE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "title": {"type": "string", "minLength": 1, "maxLength": 40},
        "pages": {"type": "integer", "minimum": 1, "maximum": 99},
        "mood": {"enum": ["merry", "sad"]},
        "animals": {"type": "array", "items": {"type": "string", "maxLength": 12}, "maxItems": 3},
    },
    "required": ["title", "pages", "mood"],
    "additionalProperties": False,
}


class Asked:
    def __init__(self, max_tokens: int = 200) -> None:
        self.max_tokens = max_tokens
        self.usage = Usage()
        self.chunks: list[str] = []
        self._stop = threading.Event()

    def emit(self, text: str) -> None:
        self.chunks.append(text)

    def cancelled(self) -> bool:
        return self._stop.is_set()

    def progress(self, fraction: float) -> None:
        assert 0 <= fraction <= 1

    def abstain(self, reason: str, probability: float) -> None:
        raise AssertionError(f"it writes, and never abstains: {reason}, {probability}")


@pytest.fixture(scope="module")
def writer() -> TextGeneration:
    made = TextGeneration(MODELS)
    made.load()
    return made


def told(writer: TextGeneration, call: Asked | None = None, **asked: Any) -> Any:
    content = {"prompt": "Once upon a time", **asked}
    return json.loads(writer.run(json.dumps(content).encode(), call or Asked()))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("most", [28, 60, 200])
def test_the_text_is_a_document_of_the_schema(writer: TextGeneration, seed: int, most: int) -> None:
    call = Asked(most)
    found = told(writer, call, schema=TALE, seed=seed, temperature=1.0)
    assert valid(json.loads(found["text"]), TALE, TALE), found
    assert found["finish"] == "end"
    assert "".join(call.chunks) == found["text"]
    assert call.usage.decode_tokens <= most


def test_an_empty_schema_is_any_document(writer: TextGeneration) -> None:
    json.loads(told(writer, schema={}, max_tokens=20)["text"])


def test_without_a_schema_nothing_changes(writer: TextGeneration) -> None:
    free = told(writer, max_tokens=12)
    told(writer, schema=TALE)
    assert told(writer, max_tokens=12) == free
    assert told(writer, schema=None, max_tokens=12) == free


def test_one_schema_after_the_other(writer: TextGeneration) -> None:
    for schema, fits in (
        ({"type": "null"}, "null"),
        ({"const": 7}, "7"),
        ({"type": "null"}, "null"),
    ):
        assert told(writer, schema=schema)["text"] == fits


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"schema": {"type": "string", "format": "date"}}, ("schema", "'format'", "pattern")),
        ({"schema": TALE, "max_tokens": 5}, ("schema", "shortest", "5 may be")),
        ({"schema": {"type": "string", "maxLength": 10**9}}, ("schema", "states")),
        ({"schema": "an object"}, ("schema",)),
        ({"schema": TALE, "stop": ["a"]}, ("stop", "schema")),
    ],
)
def test_a_schema_that_cannot_be_kept_is_bad_input(
    writer: TextGeneration, asked: dict[str, Any], words: tuple[str, ...]
) -> None:
    with pytest.raises(BadInput) as caught:
        told(writer, **asked)
    for word in words:
        assert word in str(caught.value)

"""Whatever is generated under a JSON schema parses and validates, however few tokens it may take."""

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from json_schemas import Json, Schema, schemas, valid

from engine.errors import BadGrammar
from engine.grammar import Constraint, Vocabulary, decimal, json_schema, json_value
from engine.tokenizer import END, Tokenizer


@pytest.fixture(scope="module")
def shipped() -> Vocabulary:
    """The vocabulary that all shipped models share."""
    return Vocabulary(Tokenizer.load("models/tokenizer.json"))


def walked(constraint: Constraint, most: int, chosen: random.Random) -> bytes:
    """An answer of at most `most` tokens, drawn at random from what is allowed."""
    walk, text = constraint.start(), b""
    for remaining in range(most, 0, -1):
        allowed = walk.allowed(remaining)
        token = int(allowed[chosen.randrange(len(allowed))])
        if token == END:
            break
        text += constraint.vocabulary.token_bytes[token]
        walk.advance(token)
    assert walk.complete
    return text


@settings(max_examples=120)
@given(schema=schemas, seed=st.integers(0, 10**6), more=st.sampled_from([0, 0, 1, 4, 20, 80]))
def test_what_is_generated_parses_and_validates(
    shipped: Vocabulary, schema: Schema, seed: int, more: int
) -> None:
    constraint = Constraint(json_schema(schema, depth=2), shipped)
    text = walked(constraint, max(1, constraint.shortest + more), random.Random(seed))
    assert valid(json.loads(text.decode()), schema, schema), (text, schema)


@settings(max_examples=25)
@given(seed=st.integers(0, 10**6), more=st.integers(0, 60), depth=st.integers(0, 6))
def test_any_value_parses_and_nests_no_deeper(
    shipped: Vocabulary, seed: int, more: int, depth: int
) -> None:
    constraint = Constraint(json_value(depth), shipped)
    value = json.loads(walked(constraint, 1 + more, random.Random(seed)).decode())
    assert nesting(value) <= depth


def nesting(value: Json) -> int:
    inside = value.values() if isinstance(value, dict) else value
    if isinstance(value, dict | list):
        return 1 + max(map(nesting, inside), default=0)
    return 0


documents = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(10**15) + 1, 10**15 - 1),
        st.floats(-1e9, 1e9).map(lambda n: round(n, 6)),
        st.text(),
    ),
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(st.text(), parts, max_size=3),
    max_leaves=8,
)


@given(value=documents, escaped=st.booleans())
def test_any_document_written_compactly_is_accepted(value: Json, escaped: bool) -> None:  # noqa: FBT001
    text = json.dumps(value, ensure_ascii=escaped, separators=(",", ":"))
    assert json_value(8).accepts(text)


ANY = json_value(4)


@given(
    value=documents.filter(lambda value: nesting(value) <= 4),
    place=st.integers(0, 10**6),
    byte=st.integers(0, 255),
    drop=st.integers(0, 2),
)
def test_what_is_accepted_is_json_in_utf_8(value: Json, place: int, byte: int, drop: int) -> None:
    """A document with a byte changed is refused, or is a document."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    at = place % len(text)
    changed = text[:at] + bytes([byte]) + text[at + drop :]
    if ANY.accepts(changed):
        json.dumps(json.loads(changed.decode()), ensure_ascii=False).encode()


@pytest.mark.parametrize(
    "text",
    [
        *(b"", b" 1", b"1 ", b"01", b"+1", b"1.", b".5", b"1e", b"-", b"NaN", b"Infinity"),
        *(b"tru", b"nul", b"[1,]", b"[,1]", b"[1 ,2]", b'{"a"}', b'{"a":}', b"{a:1}", b"{'a':1}"),
        *(b'{"a":1,}', b'"', b'"\n"', b'"\x00"', b'"\x1f"', rb'"\x41"', rb'"\u12"', rb'"\q"'),
        # A surrogate alone, in the wrong order, and before something else.
        *(rb'"\ud800"', rb'"\udc00"', rb'"\udc00\ud800"', rb'"\ud83d\u0041"', rb'"\uD83D"'),
        # UTF-8: overlong, a surrogate, above U+10FFFF, cut, a tail alone.
        *(b'"\xc0\x80"', b'"\xc1\xbf"', b'"\xe0\x9f\xbf"', b'"\xf0\x8f\xbf\xbf"'),
        *(
            b'"\xed\xa0\x80"',
            b'"\xf4\x90\x80\x80"',
            b'"\xf5\x80\x80\x80"',
            b'"\xe2\x82"',
            b'"\x80"',
        ),
    ],
)
def test_what_is_no_json_is_refused(text: bytes) -> None:
    assert not ANY.accepts(text)


@pytest.mark.parametrize("text", [rb'"\ud83d\ude00"', '"\U0001f600"'.encode(), b'"\x7f"', rb'"\/"'])
def test_strange_strings_that_are_json_are_accepted(text: bytes) -> None:
    assert ANY.accepts(text)


@pytest.mark.parametrize("begun", [b"", b'"', b'"a\xc3', b'{"a":[1,2', b'["\\u'])
def test_the_allowed_tokens_are_all_that_fit_and_no_others(
    shipped: Vocabulary, begun: bytes
) -> None:
    """Against every token of the vocabulary, one by one."""
    constraint = Constraint(json_value(3), shipped)
    automaton = constraint.automaton
    state = automaton.start
    for byte in begun:
        state = automaton.next(state, byte)
    expected = [END] if automaton.accepting(state) else []
    for number, piece in enumerate(shipped.token_bytes):
        then = state
        for byte in piece:
            then = automaton.next(then, byte)
        expected += [number] if piece and then else []
    assert constraint.allowed(state).tolist() == expected


@given(low=st.decimals(-50, 50, places=3), width=st.decimals(0, 60, places=3), data=st.data())
def test_a_decimal_is_accepted_just_in_its_range(low: Any, width: Any, data: st.DataObject) -> None:
    places = data.draw(st.integers(3, 5))
    probe = data.draw(st.decimals(-60, 120, places=data.draw(st.integers(0, 6))))
    text = f"{probe or abs(probe):f}"
    fits = low <= probe <= low + width and len(text.partition(".")[2]) <= places
    assert decimal(low, low + width, places).accepts(text) == fits


@pytest.mark.parametrize(
    ("schema", "yes", "no"),
    [
        ({"type": "object", "properties": {"a": True}, "required": ["a"]}, '{"a":[1]}', "{}"),
        ({"type": "object"}, '{"b":{"c":[null]}}', "[]"),
        ({"type": "object", "additionalProperties": False}, "{}", '{"a":1}'),
        ({"type": "object", "additionalProperties": {"type": "null"}}, '{"x":null}', '{"x":1}'),
        ({"type": "array"}, '[1,"a"]', "{}"),
        ({"type": "array", "maxItems": 0}, "[]", "[1]"),
        ({"type": "array", "items": False}, "[]", "[1]"),
        ({"properties": {"a": {"const": 1}}}, '{"a":1}', "1"),
        ({"enum": [1, "1", None], "type": ["string", "null"]}, '"1"', "1"),
        ({"enum": [1, 2], "const": 1.0}, "1", "2"),
        ({"type": "number", "exclusiveMinimum": 0, "maximum": 0.5}, "0.000001", "0.0"),
        ({"type": "integer", "exclusiveMaximum": 3}, "2", "3"),
        ({"type": "string", "maxLength": 1}, '"\\ud83d\\ude00"', '"ab"'),
        ({"type": "string", "pattern": r"^a.c$"}, '"a\\"c"', '"a\\nc"'),
        ({"type": "string", "pattern": r"^[\]\-a]+$"}, '"]-a"', '"b"'),
        ({"$ref": "#/$defs/a~1b", "$defs": {"a/b": {"const": "x"}}}, '"x"', '"y"'),
        ({"oneOf": [{"type": "string"}, {"type": "integer"}, {"const": True}]}, "true", "false"),
        ({"properties": {"default": {"$ref": "#"}}, "type": "object"}, '{"default":{}}', "[]"),
    ],
)
def test_a_keyword_means_what_the_specification_says(schema: Schema, yes: str, no: str) -> None:
    grammar = json_schema(schema)
    assert grammar.accepts(yes)
    assert valid(json.loads(yes), schema, schema)
    assert not grammar.accepts(no)


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "string", "format": "date"}, ("'format'", "#", "pattern")),
        ({"type": "object", "properties": {"a": {"not": {}}}}, ("'not'", "#/properties/a")),
        ({"type": "object", "properties": {"a/b": {"allOf": []}}}, ("'allOf'", "a~1b")),
        ({"type": "object", "patternProperties": {}}, ("patternProperties",)),
        ({"type": "object", "required": ["a"]}, ("required", "properties")),
        ({"type": "object", "properties": [], "required": []}, ("properties",)),
        ({"type": "object", "properties": {"a": True}, "additionalProperties": {}}, ("beside",)),
        ({"type": "object", "minProperties": 1}, ("minProperties",)),
        ({"type": "array", "uniqueItems": True}, ("uniqueItems",)),
        ({"type": "array", "minItems": 3, "maxItems": 2}, ("maxItems", "minItems")),
        ({"type": "array", "minItems": -1}, ("minItems",)),
        ({"type": "array", "minItems": True}, ("minItems",)),
        ({"type": "integer", "multipleOf": 5}, ("multipleOf", "enum")),
        ({"type": "integer", "minimum": "3"}, ("minimum",)),
        ({"type": "integer", "minimum": 3, "maximum": 2}, ("bounds",)),
        ({"type": "integer", "minLength": 3}, ("minLength", "type")),
        ({"type": "text"}, ("type", "string")),
        ({"type": []}, ("type",)),
        ({"type": [{}]}, ("type",)),
        ({"enum": []}, ("enum",)),
        ({"const": "\ud800"}, ("no JSON",)),
        ({"const": float("nan")}, ("no JSON",)),
        ({"enum": ["a"], "maxLength": 3}, ("maxLength", "enum")),
        ({"anyOf": []}, ("anyOf",)),
        ({"anyOf": [{}], "type": "object"}, ("type", "anyOf")),
        ({"oneOf": [{"type": "integer"}, {"type": "number"}]}, ("oneOf", "0 and 1", "anyOf")),
        ({"oneOf": [{"type": "string"}, {"const": "a"}]}, ("oneOf",)),
        ({"oneOf": [{"enum": [1]}, {"enum": [1.0]}]}, ("oneOf",)),
        ({"$ref": "http://other/schema"}, ("$ref", "#/$defs")),
        ({"$ref": "#/$defs/a"}, ("$ref", "not there")),
        ({"$ref": "#"}, ("nests within", "recursion")),
        ({"type": "string", "pattern": "a(?=b)"}, ("pattern", "near character 3")),
        ({"type": "string", "pattern": r"(a)\1"}, ("pattern",)),
        ({"type": "string", "pattern": "[z-a]"}, ("range",)),
        ({"type": "string", "pattern": "a{2,1}"}, ("count",)),
        ({"type": "string", "pattern": "a)"}, ("unmatched",)),
        ({"type": "string", "pattern": "(a"}, ("closed",)),
        ({"type": "string", "pattern": "a$b"}, ("'$'",)),
        ({"type": "string", "pattern": "a", "maxLength": 2}, ("maxLength", "pattern")),
        ({"type": "string", "pattern": 3}, ("pattern",)),
        ({"$nonsense": 1}, ("$nonsense",)),
        ([], ("no schema",)),
    ],
)
def test_what_is_not_supported_is_refused_by_name(schema: Schema, words: tuple[str, ...]) -> None:
    with pytest.raises(BadGrammar) as caught:
        json_schema(schema)
    for word in words:
        assert word in str(caught.value)


def towers() -> Iterator[tuple[str, Json]]:
    deep: Json = {"type": "null"}
    for _ in range(300):
        deep = {"type": "array", "items": deep}
    yield "nests too deep", deep
    named = {f"p{n}": {"type": "null"} for n in range(101)}
    yield "properties", {"type": "object", "properties": named}
    yield "states", {"type": "string", "maxLength": 10**9}
    yield "states", {"type": "string", "pattern": "((a{1,99}){1,99}){1,99}"}


@pytest.mark.parametrize(
    ("word", "schema"), list(towers()), ids=["deep", "wide", "long", "repeated"]
)
def test_a_schema_that_would_take_all_memory_is_refused(
    shipped: Vocabulary, word: str, schema: Json
) -> None:
    with pytest.raises(BadGrammar, match=word):
        Constraint(json_schema(schema), shipped)


def test_a_recursive_definition_ends_at_its_depth(shipped: Vocabulary) -> None:
    chain = {"type": "object", "properties": {"next": {"$ref": "#"}}, "additionalProperties": False}
    text = "{}"
    for depth in range(4):
        assert json_schema(chain, depth=depth).accepts(text)
        text = '{"next":' + text + "}"
        assert not json_schema(chain, depth=depth).accepts(text)


def test_a_grammar_with_too_many_ways_to_read_a_text_is_refused(shipped: Vocabulary) -> None:
    defined: Schema = {"0": {"type": "string"}}
    for n in range(3):
        defined[str(n + 1)] = {"anyOf": [{"$ref": f"#/$defs/{n}"}] * 30}
    with pytest.raises(BadGrammar, match="at once"):
        Constraint(json_schema({"$ref": "#/$defs/3", "$defs": defined}), shipped)


def test_a_deep_grammar_is_laid_out(shipped: Vocabulary) -> None:
    constraint = Constraint(json_value(32), shipped)
    walk = constraint.start()
    (open_,) = [n for n, piece in enumerate(shipped.token_bytes) if piece == b"["]
    for _ in range(32):
        walk.advance(open_)
    assert open_ not in walk.allowed()

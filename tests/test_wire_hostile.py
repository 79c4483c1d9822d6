"""One named test for each kind of hostile payload, with the fault it must be."""

import pytest

from bus_topics import codec
from bus_topics import messages as m
from bus_topics.codec import MAX_BYTES, MAX_CONTENT, MAX_DEPTH, decode, decode_ask, encode
from bus_topics.errors import (
    DuplicateKey,
    NotJson,
    TooDeep,
    TooLarge,
    WireError,
    WrongShape,
    WrongVersion,
)


def submit(content: bytes = b"1", more: bytes = b"") -> bytes:
    return b'{"id":"a","capability":"c","content":%s%s}' % (content, more)


def faults(payload: bytes, kind: type[m.Message] = m.Submit) -> type[WireError]:
    with pytest.raises(WireError) as caught:
        decode(payload, kind)
    return type(caught.value)


def test_the_plain_submit_of_these_tests_is_valid() -> None:
    assert decode(submit(), m.Submit).id == "a"
    assert decode(submit(more=b',"v":1,"priority":9'), m.Submit).priority == 9


@pytest.mark.parametrize(
    "number",
    [b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-1e999", b"1" * 400, b"1" * 100_000, b"1E400"],
    ids=lambda number: number[:10].decode(),
)
def test_numbers_that_are_not_finite_doubles(number: bytes) -> None:
    assert faults(submit(number)) is NotJson
    assert faults(submit(b'{"deep":[%s]}' % number)) is NotJson
    assert faults(submit(more=b',"min_quality":%s' % number)) is NotJson
    assert faults(submit(more=b',"priority":%s' % number)) is NotJson
    assert faults(b'{"content":%s}' % number, m.Ask) is NotJson


@pytest.mark.parametrize(
    "surrogate",
    [rb'"\ud800"', rb'"\udfff"', rb'"\ud800\u0041"', b'"\xed\xa0\x80"', b'"\xed\xbf\xbf"'],
)
def test_lone_surrogates_escaped_and_raw(surrogate: bytes) -> None:
    assert faults(submit(surrogate)) is NotJson
    assert faults(submit(b"{%s:1}" % surrogate)) is NotJson
    assert faults(submit(more=b',"node":%s' % surrogate)) is NotJson


def test_a_surrogate_pair_is_one_character() -> None:
    assert bytes(decode(submit(rb'"\ud83d\ude00"'), m.Submit).content) == rb'"\ud83d\ude00"'


@pytest.mark.parametrize(
    "raw", [b'"\xff"', b'"\xc3"', b'"\xc0\xaf"', b'"\xf4\x90\x80\x80"', b"\xfe\xff"]
)
def test_bytes_that_are_not_utf8(raw: bytes) -> None:
    assert faults(submit(raw)) is NotJson


@pytest.mark.parametrize(
    "content",
    [
        b'{"a":1,"a":2}',
        b'{"a":1,"a":1}',
        rb'{"a":1,"\u0061":2}',
        b'[[{"x":{"a":1,"b":2,"a":3}}]]',
        b'{"":1,"":2}',
        '{"é":1,"\\u00e9":2}'.encode(),
    ],
)
def test_duplicate_keys_also_nested_and_escaped(content: bytes) -> None:
    assert faults(submit(content)) is DuplicateKey


@pytest.mark.parametrize("field", [b'"id":"b"', rb'"\u0069d":"a"', b'"v":1,"v":1'])
def test_duplicate_fields_of_the_message(field: bytes) -> None:
    assert faults(submit(more=b"," + field)) is DuplicateKey


def test_the_same_key_in_two_objects_is_no_duplicate() -> None:
    assert decode(submit(b'[{"a":1},{"a":{"a":2}}]'), m.Submit).id == "a"


def test_a_duplicate_among_very_many_keys_is_found_without_comparing_them_all() -> None:
    """Compared pair by pair, the 25,000 keys that fit a message held the reader for seven seconds."""
    compared = 0

    class Key(str):
        __slots__ = ()

        def __eq__(self, other: object) -> bool:
            nonlocal compared
            compared += 1
            return str.__eq__(self, other)

        __hash__ = str.__hash__

    pairs = [(Key(number), None) for number in range(2000)]
    with pytest.raises(DuplicateKey, match="'1999'"):
        codec._unique([*pairs, (Key(1999), None)])
    assert compared < 2 * len(pairs)


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_nesting_up_to_the_limit_and_no_further(opening: bytes, closing: bytes) -> None:
    def nested(levels: int, leaf: bytes) -> bytes:
        return submit(opening * levels + leaf + closing * levels)

    for leaf in (b"1", b'"x"'):
        assert decode(nested(MAX_DEPTH - 1, leaf), m.Submit).id == "a"
        for levels in (MAX_DEPTH, MAX_DEPTH + 1, 1000, 1022, 1023, 1024, 1025, 5000):
            assert faults(nested(levels, leaf)) is TooDeep
    assert faults(nested(MAX_DEPTH - 1, b"[]")) is TooDeep
    assert faults(nested(MAX_DEPTH - 1, b"{}")) is TooDeep


def test_openings_without_end() -> None:
    assert faults(b"[" * 100_000) in (TooDeep, NotJson)
    assert faults(b'{"a":' * 40_000) in (TooDeep, NotJson)


def test_oversize() -> None:
    assert faults(submit(b'"%s"' % (b"x" * MAX_BYTES))) is TooLarge
    assert faults(b" " * (MAX_BYTES + 1)) is TooLarge
    padding = b" " * (MAX_BYTES - len(submit()))
    assert decode(submit() + padding, m.Submit).id == "a"
    assert faults(submit() + padding + b" ") is TooLarge


def test_oversize_content() -> None:
    fits = b'"%s"' % (b"x" * (MAX_CONTENT - 2))
    assert bytes(decode(submit(fits), m.Submit).content) == fits
    assert faults(submit(b'"x' + fits[1:])) is TooLarge


def test_content_that_fits_a_submit_fits_the_largest_award() -> None:
    taken = decode(submit(b'"%s"' % (b"x" * (MAX_CONTENT - 2))), m.Submit)
    award = m.Award(
        task="n" * 31 + "/" + "i" * 64,
        attempt=1000,
        capability="c" * 31,
        content=taken.content,
        lease_ms=30 * m.DAY_MS,
        deadline_ms=30 * m.DAY_MS,
        max_tokens=32_768,
        priority=9,
        once=True,
        stream=True,
    )
    assert decode(encode(award), m.Award) == award


@pytest.mark.parametrize(
    "version", [b"2", b"0", b"-1", b'"1"', b"null", b"[]", b"{}", b"1.5", b"1" * 300, b"false"]
)
def test_wrong_version(version: bytes) -> None:
    assert faults(submit(more=b',"v":' + version)) is WrongVersion
    assert faults(b'{"content":1,"v":%s}' % version, m.Ask) is WrongVersion


@pytest.mark.parametrize("version", [b"1.0", b"1e0", b"true"])
def test_a_version_that_merely_equals_ours(version: bytes) -> None:
    assert faults(submit(more=b',"v":' + version)) is WrongShape


def test_another_version_is_said_even_when_the_fields_are_strange_too() -> None:
    assert faults(b'{"v":2,"novel":[]}') is WrongVersion


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b" ",
        b"\n",
        b"\xef\xbb\xbf" + submit(),
        submit().decode().encode("utf-16"),
        submit() + b" x",
        submit() + submit(),
        submit() + b"\x00",
        b"\x00" + submit(),
        b"\x00",
        submit()[:-1],
        submit(b'"\x00"'),
        submit(b"'x'"),
        submit(b"1,"),
        submit(b"/* */1"),
        submit(b"01"),
        submit(b"+1"),
        submit(b".5"),
        submit(b"1."),
        submit(b"True"),
        submit(b'"\n"'),
        submit(rb'"\x41"'),
        submit(rb'"\u00"'),
        submit(b""),
    ],
    ids=repr,
)
def test_not_json(payload: bytes) -> None:
    assert faults(payload) is NotJson


@pytest.mark.parametrize(
    "payload", [b"[]", b"null", b"true", b"1", b'"submit"', b"[%s]" % submit()]
)
def test_json_that_is_no_object(payload: bytes) -> None:
    assert faults(payload) is WrongShape


@pytest.mark.parametrize(
    "more",
    [
        b',"novel":1',
        b',"__proto__":{}',
        b',"ID":"a"',
        b',"priority":10',
        b',"priority":-1',
        b',"priority":5.0',
        b',"priority":5.5',
        b',"priority":5e0',
        b',"priority":true',
        b',"priority":"5"',
        b',"priority":null',
        b',"priority":99999999999999999999999999',
        b',"priority":-9223372036854775809',
        b',"deadline_ms":0',
        b',"deadline_ms":604800001',
        b',"max_attempts":0',
        b',"min_quality":1.0000001',
        b',"min_quality":-0.1',
        b',"min_quality":"1"',
        b',"once":1',
        b',"once":"true"',
        b',"preference":"Fastest"',
        b',"preference":""',
        b',"privacy":null',
        b',"node":["a"]',
        b',"node":""',
    ],
    ids=repr,
)
def test_fields_unknown_out_of_range_or_of_another_type(more: bytes) -> None:
    assert faults(submit(more=more)) is WrongShape


def test_a_missing_field() -> None:
    assert faults(b'{"id":"a","capability":"c"}') is WrongShape
    assert faults(b"{}") is WrongShape


# A newline at the end passes a careless `$`; the look-alikes are Cyrillic, fullwidth and Arabic.
NOT_NAMES = [
    *("", "a\\n", "a\\r", "a/b", "a/", "/", "+", "#", "a+", "a#", "$SYS", " a", "a ", "a\\u0000"),
    *("\\u0430", "a\\u0430", "\\uff41", "\\u0661", "a\\u0301", "a\\u200b", "a\\u2028", "-a", "é"),
    *("a\\t", "..", "_a"),
]


@pytest.mark.parametrize("name", NOT_NAMES)
def test_names_that_are_none(name: str) -> None:
    quoted = f'"{name}"'.encode()
    assert faults(b'{"id":%s}' % quoted, m.Cancel) is WrongShape
    assert faults(submit(more=b',"node":' + quoted)) is WrongShape
    assert faults(b'{"id":"a","capability":%s,"content":1}' % quoted) is WrongShape
    assert faults(b'{"task":"a/%s"}' % name.encode(), m.Get) is WrongShape
    assert faults(b'{"task":"%s/a"}' % name.encode(), m.Get) is WrongShape
    assert faults(b'{"task":"a/b","attempt":1,"boot":%s}' % quoted, m.Claim) is WrongShape


def test_names_that_are_too_long() -> None:
    assert decode(b'{"id":"%s"}' % (b"a" * 64), m.Cancel).id == "a" * 64
    assert faults(b'{"id":"%s"}' % (b"a" * 65), m.Cancel) is WrongShape
    assert faults(submit(more=b',"node":"%s"' % (b"a" * 32))) is WrongShape
    assert faults(b'{"id":"a","capability":"%s","content":1}' % (b"a" * 32)) is WrongShape


def test_sequences_that_are_too_long_or_empty() -> None:
    assert faults(b'{"ids":[]}', m.FinalAck) is WrongShape
    assert faults(b'{"ids":[%s]}' % b",".join([b'"a"'] * 257), m.FinalAck) is WrongShape
    held = b'{"task":"a/b","attempt":1}'
    assert (
        faults(b'{"boot":"00000000","held":[%s]}' % b",".join([held] * 1001), m.Beat) is WrongShape
    )


# --- the door for apps: plain text is welcome, half a JSON document is not -------------------------


@pytest.mark.parametrize(
    ("payload", "content"),
    [
        (b"turn off the kitchen lights", b'"turn off the kitchen lights"'),
        ("licht aus, größe 5 \U0001f600".encode(), '"licht aus, größe 5 \U0001f600"'.encode()),
        (b"two\nlines", rb'"two\nlines"'),
        (b'say "hi"', rb'"say \"hi\""'),
        (b"NaN", b'"NaN"'),
        (b"1e999", b'"1e999"'),
        (b"\xef\xbb\xbfwith a byte order mark", b'"with a byte order mark"'),
        (b'"a JSON text"', b'"a JSON text"'),
        (b'{"sentence":"lights off"}\n', b'{"sentence":"lights off"}'),
        (b" [1, 2] ", b"[1, 2]"),
        (b"21", b"21"),
        (b'{"v":2}', b'{"v":2}'),
    ],
)
def test_an_ask_in_plain_text_or_bare_json(payload: bytes, content: bytes) -> None:
    assert bytes(decode_ask(payload).content) == content


def test_an_ask_as_an_object() -> None:
    ask = decode_ask(b'{"content":"hi","id":"7","reply_to":"forgebus/v1/answer/ha/x","priority":9}')
    assert (bytes(ask.content), ask.id, ask.priority) == (b'"hi"', "7", 9)


@pytest.mark.parametrize(
    ("payload", "fault"),
    [
        (b"", NotJson),
        (b" \n\t", NotJson),
        (b"\xef\xbb\xbf", NotJson),
        (b"\x00", NotJson),
        (b"lights\x00off", NotJson),
        (b"\xff\xfe", NotJson),
        (b"caf\xe9", NotJson),
        (b"\xed\xa0\x80", NotJson),
        (b"{lights off}", NotJson),
        (b' \n["lights"', NotJson),
        (b'\xef\xbb\xbf{"content":1}', NotJson),
        (b'{"content":1e999}', NotJson),
        (b'{"content":NaN}', NotJson),
        (b'{"content":1,"content":2}', DuplicateKey),
        (b'{"a":1,"a":2}', DuplicateKey),
        (b'{"content":1,"novel":2}', WrongShape),
        (b'{"content":1,"id":"a/b"}', WrongShape),
        (b'{"content":1,"v":2}', WrongVersion),
        (b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, TooDeep),
        (b"x" * (MAX_BYTES + 1), TooLarge),
        (b"x" * (MAX_CONTENT - 1), TooLarge),
        (b"\x01" * (MAX_CONTENT // 6), TooLarge),
        (b'"%s"' % (b"x" * MAX_CONTENT), TooLarge),
        (b'{"content":"%s"}' % (b"x" * MAX_CONTENT), TooLarge),
    ],
    ids=lambda value: repr(value)[:30] if isinstance(value, bytes) else value.__name__,
)
def test_an_ask_that_is_neither(payload: bytes, fault: type[WireError]) -> None:
    with pytest.raises(WireError) as caught:
        decode_ask(payload)
    assert type(caught.value) is fault

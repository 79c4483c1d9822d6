"""All that is generated is in the grammar, and all of the grammar can be generated."""

import contextlib
import random
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import BadGrammar
from engine.grammar import (
    Constraint,
    Grammar,
    Vocabulary,
    byte_of,
    choice,
    either,
    integer,
    literal,
    optional,
    repeat,
    sequence,
    shared,
)
from engine.tokenizer import END, Tokenizer

pytest_plugins = ["engine_fixtures"]

Case = tuple[Grammar, "st.SearchStrategy[bytes]"]


@pytest.fixture(scope="module")
def vocabulary(tokenizer: Tokenizer) -> Vocabulary:
    return Vocabulary(tokenizer)


# A grammar together with a strategy of its members, written without the code under test.
words = st.sampled_from(["a", "ab", "turn off", "the ", "kitchen", "Küche", "12", '"', "é", ""])


def leaves() -> st.SearchStrategy[Case]:
    return st.one_of(
        words.map(lambda word: (literal(word), st.just(word.encode()))),
        st.lists(words, min_size=1, max_size=6).map(
            lambda some: (choice(some), st.sampled_from([word.encode() for word in some]))
        ),
        st.tuples(st.integers(-300, 300), st.integers(0, 400)).map(
            lambda pair: (
                integer(pair[0], pair[0] + pair[1]),
                st.integers(pair[0], pair[0] + pair[1]).map(lambda n: str(n).encode()),
            )
        ),
        st.sets(st.integers(0, 255), min_size=1, max_size=5).map(
            lambda some: (byte_of(some), st.sampled_from(sorted(some)).map(lambda n: bytes([n])))
        ),
    )


def twice(part: Grammar) -> Grammar:
    return sequence(part, part)


def larger(parts: st.SearchStrategy[Case]) -> st.SearchStrategy[Case]:
    several = st.lists(parts, min_size=1, max_size=3)
    return st.one_of(
        several.map(
            lambda some: (
                sequence(*(grammar for grammar, _ in some)),
                st.tuples(*(members for _, members in some)).map(b"".join),
            )
        ),
        several.map(
            lambda some: (
                either(*(grammar for grammar, _ in some)),
                st.one_of(*(members for _, members in some)),
            )
        ),
        parts.map(lambda part: (optional(part[0]), st.one_of(st.just(b""), part[1]))),
        parts.map(lambda part: (twice(shared(part[0])), st.tuples(part[1], part[1]).map(b"".join))),
        parts.map(lambda part: (repeat(part[0], 0, None), st.lists(part[1]).map(b"".join))),
        st.tuples(parts, st.integers(0, 2), st.integers(0, 2)).map(
            lambda all_: (
                repeat(all_[0][0], all_[1], all_[1] + all_[2]),
                st.lists(all_[0][1], min_size=all_[1], max_size=all_[1] + all_[2]).map(b"".join),
            )
        ),
    )


cases = st.recursive(leaves(), larger, max_leaves=6)


@settings(max_examples=150)
@given(case=cases, data=st.data(), seed=st.integers(0, 10**6))
def test_what_is_generated_is_accepted(
    vocabulary: Vocabulary, case: Case, data: st.DataObject, seed: int
) -> None:
    grammar, _ = case
    walk = Constraint(grammar, vocabulary).start()
    chosen = random.Random(seed)
    text = b""
    while not walk.done:
        # A grammar that repeats without end ends some time: a draw in four takes the end if it may.
        allowed = walk.allowed()
        assert len(allowed), "a dead end"
        token = chosen.choice(allowed.tolist())
        if END in allowed and not chosen.randrange(4):
            token = END
        text += vocabulary.token_bytes[token]
        walk.advance(token)
    assert grammar.accepts(text)


@settings(max_examples=150)
@given(case=cases, more=st.integers(0, 12), seed=st.integers(0, 10**6))
def test_an_answer_is_complete_within_the_tokens_that_it_may_take(
    vocabulary: Vocabulary, case: Case, more: int, seed: int
) -> None:
    grammar, _ = case
    constraint = Constraint(grammar, vocabulary)
    walk, chosen = constraint.start(), random.Random(seed)
    text = b""
    for remaining in range(max(1, constraint.shortest + more), 0, -1):
        token = chosen.choice(walk.allowed(remaining).tolist())
        if token == END:
            break
        text += vocabulary.token_bytes[token]
        walk.advance(token)
    assert walk.complete
    assert grammar.accepts(text)


@settings(max_examples=150)
@given(case=cases, data=st.data())
def test_what_is_accepted_can_be_generated(
    vocabulary: Vocabulary, tokenizer: Tokenizer, case: Case, data: st.DataObject
) -> None:
    grammar, members = case
    text = data.draw(members)
    assert grammar.accepts(text)
    byte_token = {piece: n for n, piece in enumerate(tokenizer.token_bytes) if len(piece) == 1}
    ways = [[byte_token[bytes([byte])] for byte in text]]
    with contextlib.suppress(UnicodeDecodeError):
        ways.append(tokenizer.encode(text.decode()))
    constraint = Constraint(grammar, vocabulary)
    for way in ways:
        walk = constraint.start()
        for token in way:
            assert token in walk.allowed()
            walk.advance(token)
        assert walk.complete
        assert END in walk.allowed()


@given(low=st.integers(-1200, 1200), width=st.integers(0, 2000), probe=st.integers(-4000, 4000))
def test_an_integer_is_accepted_just_in_its_range(low: int, width: int, probe: int) -> None:
    assert integer(low, low + width).accepts(str(probe)) == (low <= probe <= low + width)


@given(least=st.integers(0, 4), more=st.integers(0, 4), count=st.integers(0, 10))
def test_a_repeat_comes_just_as_often_as_it_may(least: int, more: int, count: int) -> None:
    grammar = sequence(literal("<"), repeat(literal("ab"), least, least + more), literal(">"))
    assert grammar.accepts("<" + "ab" * count + ">") == (least <= count <= least + more)


@pytest.mark.parametrize("text", ["", "-", "01", "+1", "-0", "1 ", "1.0", "\u0661"])
def test_other_forms_of_numbers_are_not_accepted(text: str) -> None:
    assert not integer(-10, 10).accepts(text)


@given(text=st.text(max_size=6), texts=st.lists(words, min_size=1, max_size=5))
def test_a_choice_accepts_its_texts_alone(text: str, texts: list[str]) -> None:
    assert choice(texts).accepts(text) == (text in texts)


def test_allowed_tokens_are_those_whose_bytes_fit(
    vocabulary: Vocabulary, tokenizer: Tokenizer
) -> None:
    texts = [b"turn off the lights", b"turn on the lamp"]
    walk = Constraint(choice(texts), vocabulary).start()
    expected = [
        n
        for n, piece in enumerate(tokenizer.token_bytes)
        if piece and any(text.startswith(piece) for text in texts)
    ]
    np.testing.assert_array_equal(walk.allowed(), expected)
    assert len(expected) > 1


def test_with_too_few_tokens_the_shortest_way_to_an_end_is_all_there_is(
    vocabulary: Vocabulary,
) -> None:
    constraint = Constraint(either(literal("0123456789"), literal("abcdefghijklmno")), vocabulary)
    assert constraint.shortest == 10  # digits stand alone in this vocabulary
    walk = constraint.start()
    assert [bytes(vocabulary.token_bytes[token]) for token in walk.allowed(10)] == [b"0"]
    assert [bytes(vocabulary.token_bytes[token]) for token in walk.allowed(3)] == [b"0"]
    assert len(walk.allowed(100)) > 1


def test_what_few_tokens_did_not_reach_is_allowed_again_where_there_are_more(
    vocabulary: Vocabulary,
) -> None:
    # 84 bytes, and far fewer tokens.
    grammar = either(literal("x"), literal("turn off the kitchen lights\n" * 3))
    used, fresh = Constraint(grammar, vocabulary), Constraint(grammar, vocabulary)
    few, more = used.start().allowed(2), used.start().allowed(40)
    assert len(few) == 1 < len(more)
    assert more.tolist() == fresh.start().allowed(40).tolist()
    assert used.start().allowed(2).tolist() == few.tolist()


def test_what_is_remembered_is_bounded(vocabulary: Vocabulary) -> None:
    """A long text of counted words has a state a byte, and more of them than are kept."""
    word = shared(byte_of(range(97, 123)))
    constraint = Constraint(repeat(word, 0, 4000), vocabulary)
    walk, chosen = constraint.start(), random.Random(5)
    most = 0
    for _ in range(3000):
        walk.advance(chosen.choice([n for n in walk.allowed().tolist() if n != END]))
        most = max(most, len(constraint.automaton.states))
        if walk.only_end:
            break
    held = sum(kept.size for kept in constraint._allowed.values())
    assert held == constraint._size <= 4 << 20
    assert 2048 < most < 2600


def test_a_token_that_does_not_fit_is_refused(vocabulary: Vocabulary, tokenizer: Tokenizer) -> None:
    walk = Constraint(literal("turn"), vocabulary).start()
    (wrong,) = tokenizer.encode("x")
    for token in (wrong, END, 0):
        with pytest.raises(BadGrammar):
            walk.advance(token)
    assert not walk.complete


def test_the_end_alone_is_left_when_nothing_can_follow(
    vocabulary: Vocabulary, tokenizer: Tokenizer
) -> None:
    walk = Constraint(literal("a"), vocabulary).start()
    assert not walk.only_end
    walk.advance(tokenizer.encode("a")[0])
    assert walk.only_end


def test_malformed_grammars_are_named() -> None:
    makers: list[Callable[[], Grammar]] = [
        lambda: choice([]),
        either,
        lambda: integer(3, 2),
        lambda: repeat(literal("a"), 2, 1),
        lambda: repeat(literal("a"), -1, 1),
        lambda: byte_of([]),
        lambda: byte_of([256]),
    ]
    for make in makers:
        with pytest.raises(BadGrammar):
            make()


def test_a_grammar_that_explodes_is_refused(vocabulary: Vocabulary) -> None:
    grammar = literal("a")
    for _ in range(6):
        grammar = repeat(grammar, 0, 20)
    with pytest.raises(BadGrammar, match="states"):
        Constraint(grammar, vocabulary)


def test_a_long_choice_needs_no_deep_recursion(vocabulary: Vocabulary) -> None:
    texts = ["x" * 5000 + str(n) for n in range(30)]
    assert Constraint(choice(texts), vocabulary).start().allowed().size
    assert choice(texts).accepts(texts[17])

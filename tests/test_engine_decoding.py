"""Answers: streamed whole characters, stopped where they should, scored as the model sees them."""

import itertools

import numpy as np
import pytest
from engine_models import SHAPE
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.answer import Shown
from engine.decoding import Stream, classify, generate, score, stream
from engine.errors import BadPrompt, Busy
from engine.grammar import (
    Constraint,
    byte_of,
    choice,
    integer,
    literal,
    repeat,
    sequence,
)
from engine.runtime import Forge
from engine.sampling import Sampling
from engine.tokenizer import END, label_token

pytest_plugins = ["engine_fixtures"]

LIVELY = Sampling(temperature=1.5, seed=3)


def log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits.astype(np.float64) - logits.max()
    result: np.ndarray = shifted - np.log(np.exp(shifted).sum())
    return result


@given(
    text=st.text(alphabet=st.sampled_from("abé漢👍 \n"), max_size=20),
    tail=st.sampled_from([b"", b"\xc3", b"\xf0\x9f", b"\xff"]),
    cuts=st.lists(st.integers(0, 40)),
    stop=st.lists(st.sampled_from(["ab", "é漢", "bb", "", "aba", "👍"]), max_size=3),
)
def test_chunks_are_whole_characters_up_to_the_stop(
    text: str, tail: bytes, cuts: list[int], stop: list[str]
) -> None:
    content = text.encode() + tail
    edges = [0, *sorted(cut for cut in cuts if cut <= len(content)), len(content)]
    shown, chunks = Shown(tuple(stop)), []
    for start, end in itertools.pairwise(edges):
        chunks.append(shown.add(content[start:end]))
        if shown.stopped:
            break
    chunks.append(shown.finish())
    whole = content.decode(errors="replace")
    # One cut may bring two stop strings at once; the earlier in the text wins.
    found = [whole.find(each) for each in stop if each and each in whole]
    expected = whole[: min(found)] if found else whole
    assert "".join(chunks) == shown.text
    if not found or len(stop) == 1:
        assert shown.text == expected
    assert not any(each and each in shown.text for each in stop)
    assert all("\ufffd" not in chunk for chunk in chunks[:-1] if tail == b"")


def test_the_stream_is_the_text(forge: Forge) -> None:
    answer = stream(forge, "turn on", max_tokens=60, sampling=LIVELY)
    chunks = list(answer)
    done = answer.completion
    assert "".join(chunks) == done.text == forge.tokenizer.decode(done.ids)
    assert len(chunks) > 10
    assert len(done.ids) == 60
    assert done.reason == "length"
    assert done.prompt_tokens == len(forge.tokenizer.chat("turn on"))


def test_the_seed_decides(forge: Forge) -> None:
    def text(seed: int) -> str:
        settings_ = Sampling(temperature=1.5, seed=seed)
        return generate(forge, "hello", max_tokens=20, sampling=settings_).text

    assert text(1) == text(1)
    assert text(1) != text(2)


def test_the_logprob_is_the_models(forge: Forge) -> None:
    prompt = forge.tokenizer.chat("hello")
    done = generate(forge, prompt, max_tokens=9, sampling=LIVELY)
    forge.rewind(0)
    logits = forge.extend([*prompt, *done.ids], every=True)[len(prompt) - 1 : -1]
    expected = sum(log_softmax(row)[n] for row, n in zip(logits, done.ids, strict=True))
    assert done.logprob == pytest.approx(expected, abs=1e-2)


def test_a_stop_string_ends_the_answer(forge: Forge) -> None:
    whole = generate(forge, "hello", max_tokens=60, sampling=LIVELY).text
    stop = whole[10:13]
    done = generate(forge, "hello", max_tokens=60, sampling=LIVELY, stop=[stop])
    assert done.reason == "stop"
    assert done.text == whole[: whole.index(stop)]
    assert len(done.ids) < 60
    alone = generate(forge, "hello", max_tokens=60, sampling=LIVELY, stop=stop)
    assert alone.ids == done.ids, "one string is one stop, not its letters"


def test_the_end_token_ends_the_answer(forge: Forge) -> None:
    (byte,) = forge.tokenizer.encode("x")
    walk = Constraint(literal("x"), forge.tokenizer)
    done = generate(forge, "hello", constraint=walk)
    assert (done.reason, done.text, done.ids) == ("end", "x", (byte,))


def test_cancelling_is_asked_before_every_token(forge: Forge) -> None:
    asked = itertools.count(1)
    done = generate(forge, "hi", sampling=LIVELY, cancelled=lambda: next(asked) > 7)
    assert done.reason == "cancelled"
    assert len(done.ids) == 7
    assert next(asked) == 9


def test_the_context_ends_an_answer(forge: Forge) -> None:
    prompt = [300] * (SHAPE.context - 5)
    done = generate(forge, prompt, max_tokens=100, sampling=LIVELY)
    assert done.reason == "length"
    assert len(done.ids) == 6, "the last token needs no place in the cache"


def test_a_held_model_is_busy_until_the_stream_ends(forge: Forge) -> None:
    first = stream(forge, "one", max_tokens=30, sampling=LIVELY)
    next(iter(first))
    with pytest.raises(Busy):
        generate(forge, "two")
    with pytest.raises(BadPrompt, match="not finished"):
        _ = first.completion
    first.close()
    assert generate(forge, "two", max_tokens=3).prompt_tokens


def test_a_system_prompt_is_computed_once(forge: Forge) -> None:
    chat = forge.tokenizer.chat
    rules = "turn on the lamp in the bedroom. " * 4
    first = generate(forge, chat("one", system=rules), max_tokens=2)
    generate(forge, chat("something else"), max_tokens=2)
    second = generate(forge, chat("two", system=rules), max_tokens=2)
    assert first.reused_tokens == 0
    assert second.reused_tokens == 1 + len(forge.tokenizer.encode(rules))
    forge.rewind(0)
    forge._ids.clear()
    forge._prefixes._held.clear()
    third = generate(forge, chat("two", system=rules), max_tokens=2)
    assert (third.reused_tokens, third.text) == (0, second.text)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6), temperature=st.floats(0, 4))
def test_a_constraint_is_kept(forge: Forge, seed: int, temperature: float) -> None:
    rooms = ["kitchen", "Küche", "kid's room"]
    grammar = sequence(literal('{"room": "'), choice(rooms), literal('", "to": '), integer(-9, 99))
    constraint = Constraint(grammar, forge.tokenizer)
    settings_ = Sampling(temperature=temperature, seed=seed)
    done = generate(forge, "go", constraint=constraint, sampling=settings_)
    assert done.reason == "end"
    assert grammar.accepts(done.text)


@pytest.mark.parametrize("more", [0, 1, 5])
def test_a_constrained_answer_is_finished_in_the_tokens_it_has(forge: Forge, more: int) -> None:
    word = repeat(byte_of(b"abcdefgh"), 1, 60)
    grammar = sequence(literal('{"note": "'), word, literal('"}'))
    constraint = Constraint(grammar, forge.tokenizer)
    most = constraint.shortest + more
    done = generate(forge, "go", constraint=constraint, sampling=LIVELY, max_tokens=most)
    assert (done.reason, len(done.ids) <= most) == ("end", True)
    assert grammar.accepts(done.text)


def test_scores_are_the_models_log_probabilities(forge: Forge) -> None:
    prompt = forge.tokenizer.chat("is it on?")
    choices = ["yes", "no", "", "not in the kitchen"]
    got = score(forge, prompt, choices)
    for value, text in zip(got, choices, strict=True):
        answer = [*forge.tokenizer.encode(text), END]
        forge.rewind(0)
        logits = forge.extend([*prompt, *answer], every=True)[len(prompt) - 1 : -1]
        expected = sum(log_softmax(row)[n] for row, n in zip(logits, answer, strict=True))
        assert value == pytest.approx(expected, abs=1e-2)
    np.testing.assert_allclose(score(forge, prompt, choices[::-1]), got[::-1], atol=1e-2)


def test_classes_are_a_softmax_over_their_label_tokens(forge: Forge) -> None:
    labels = [3, 0, 7]
    prompt = forge.tokenizer.chat("play music", task="route")
    got = classify(forge, prompt, labels)
    expected = log_softmax(forge.prefill(prompt)[[label_token(n) for n in labels]])
    np.testing.assert_allclose(np.log(got), expected, atol=1e-2)
    assert got.sum() == pytest.approx(1)


def test_requests_for_nothing_are_named(forge: Forge) -> None:
    for ask in (
        lambda: generate(forge, "x", max_tokens=0),
        lambda: score(forge, "x", []),
        lambda: classify(forge, "x", []),
        lambda: classify(forge, "x", [256]),
        lambda: generate(forge, []),
        lambda: generate(forge, "kitchen " * 300),
        lambda: score(forge, "x", ["kitchen " * 300]),
    ):
        with pytest.raises(BadPrompt):
            ask()
    assert isinstance(stream(forge, "still well", max_tokens=2), Stream)
    assert generate(forge, "still well", max_tokens=2).ids

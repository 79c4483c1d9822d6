"""Sequences decoded together: each one's answer is its own, whoever sits beside it."""

from __future__ import annotations

import itertools
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from engine_models import SHAPE
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.answer import Answer
from engine.batching import Batch, Seat, generate_many
from engine.decoding import generate, stream
from engine.errors import BadGrammar, BadPrompt, Busy, OutOfMemory
from engine.fused import build as fused_build
from engine.grammar import Constraint, integer, literal, sequence
from engine.quantisation import Mode
from engine.runtime import Forge
from engine.sampling import Sampling

pytest_plugins = ["engine_fixtures"]

Served = Callable[[Mode], Path]

ROOT = Path(__file__).resolve().parent.parent
PROMPTS = ["hi", "turn on the lamp", "what is 12 plus 30?", "play", "set 21", "x" * 30, "a", "no"]
LIVELY = [Sampling(temperature=1.5, seed=seed, top_k=seed) for seed in range(len(PROMPTS))]


EXACT = [
    *(("none", "onnxruntime"), ("int4", "onnxruntime")),
    *(("int8", "onnxruntime"), ("int8", "fused")),
]
"""Where an answer does not depend on its neighbours."""
Load = Callable[[Mode, str], Forge]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path | None:
    """The fused step, built here if it is not installed and there is a compiler."""
    if fused_build.best() or not any(map(shutil.which, fused_build.COMPILERS)):
        return fused_build.best()
    return fused_build.build(fused_build.here()[0], tmp_path_factory.mktemp("library"))


@pytest.fixture
def load(served: Served, library: Path | None, monkeypatch: pytest.MonkeyPatch) -> Load:
    """The model in a mode, on a backend."""

    def loaded(mode: Mode, backend: str) -> Forge:
        found = library if backend == "fused" else None
        monkeypatch.setattr(fused_build, "best", lambda: found)
        forge = Forge.load(served(mode))
        if forge.backend != backend:
            pytest.skip("the fused step cannot be built here, or does not serve this mode")
        return forge

    return loaded


def run_out(batch: Batch) -> None:
    """Step until all are over."""
    while batch.step():
        for seat in batch.seats():
            seat.take()


@pytest.mark.parametrize(("mode", "backend"), EXACT)
def test_greedy_answers_are_those_of_one_at_a_time(load: Load, mode: Mode, backend: str) -> None:
    forge = load(mode, backend)
    alone = [generate(forge, text, max_tokens=60) for text in PROMPTS]
    together = generate_many(forge, PROMPTS, max_tokens=60)
    assert [done.ids for done in together] == [done.ids for done in alone]
    told, expected = ([done.logprob for done in each] for each in (together, alone))
    if backend == "fused":  # not a bit of the logits differs
        assert told == expected
    else:
        assert told == pytest.approx(expected, abs=1e-2)


@pytest.mark.parametrize(("mode", "backend"), [*EXACT, ("dynamic", "onnxruntime")])
def test_every_call_gives_the_states_behind_its_logits(
    load: Load, mode: Mode, backend: str
) -> None:
    made = load(mode, backend)._backend
    ids = [[7, 300, 12, 400], [500, 9]]
    made.reserve(2)
    expected = []
    for each in ids:
        logits = made.run(each, 0, every=True)
        states = made.hidden().copy()
        assert (logits.shape, states.shape) == ((len(each), 640), (len(each), SHAPE.dim))
        made.run(each[:-1], 0, every=False)
        stepped = made.step(each[-1], len(each) - 1).copy()
        assert made.hidden().shape == (1, SHAPE.dim)
        expected.append((stepped, made.hidden()[0].copy()))
        if mode != "dynamic":
            np.testing.assert_allclose(made.hidden()[0], states[-1], atol=1e-4)
    for slot, each in enumerate(ids):
        made.run(each[:-1], 0, every=False, slot=slot)
    together = made.step_many([each[-1] for each in ids], [len(each) - 1 for each in ids])
    for slot, (logits, states) in enumerate(expected):
        tolerance = 0.1 * logits.std() if mode == "dynamic" else 1e-3
        assert np.abs(together[slot] - logits).mean() < tolerance
        assert np.abs(made.hidden()[slot] - states).mean() < tolerance


def test_dynamic_answers_are_sound_though_not_the_same(served: Served) -> None:
    forge = Forge.load(served("dynamic"))  # the activations of a step share one scale
    ids = [forge.tokenizer.chat(text) for text in PROMPTS]
    forge.reserve(len(ids))
    alone = np.stack([forge.prefill(each).copy() for each in ids])
    for slot, each in enumerate(ids):
        forge.prefill(each[:-1], slot=slot)
    together = forge.step_many([each[-1] for each in ids])
    assert np.abs(together - alone).mean() < 0.1 * alone.std()


def test_each_sequence_has_its_own_seed(forge: Forge) -> None:
    alone = [
        generate(forge, text, max_tokens=25, sampling=each)
        for text, each in zip(PROMPTS, LIVELY, strict=True)
    ]
    together = generate_many(forge, PROMPTS, max_tokens=25, sampling=LIVELY)
    assert [done.text for done in together] == [done.text for done in alone]
    assert len({done.text for done in together}) == len(PROMPTS)


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    plan=st.lists(
        st.tuples(st.integers(0, 7), st.integers(1, 12), st.integers(0, 6)), min_size=1, max_size=12
    ),
    most=st.integers(1, 4),
)
def test_joining_and_leaving_at_any_time_changes_no_answer(
    forge: Forge, plan: list[tuple[int, int, int]], most: int
) -> None:
    """Each of the plan: a prompt, how many tokens, and how many steps pass before it wants to join."""
    waiting = [Answer(forge, PROMPTS[n], max_tokens=length) for n, length, _ in plan]
    delays = [delay for *_, delay in plan]
    batch, seats = Batch(forge, most), list[Seat]()
    while len(seats) < len(plan) or batch.size:
        batch.step()
        for seat in batch.seats():
            seat.take()
        while len(seats) < len(plan) and delays[len(seats)] <= 0 and batch.has_room():
            seats.append(batch.join(waiting[len(seats)]))
            seats[-1].take()
        if len(seats) < len(plan):
            delays[len(seats)] -= 1
        assert batch.size <= most
    for (number, length, _), seat in zip(plan, seats, strict=True):
        expected = generate(forge, PROMPTS[number], max_tokens=length)
        assert seat.completion.ids == expected.ids


def test_a_stop_string_and_a_length_end_one_answer_alone(forge: Forge) -> None:
    whole = generate(forge, "hello", max_tokens=40, sampling=LIVELY[3])
    stop = whole.text[10:13]
    batch = Batch(forge)
    asks = ({"stop": [stop], "max_tokens": 40}, {"max_tokens": 40}, {"max_tokens": 3})
    seats = [batch.join(Answer(forge, "hello", sampling=LIVELY[3], **ask)) for ask in asks]
    texts = {seat: seat.take() for seat in seats}
    while batch.step():
        for seat in batch.seats():
            texts[seat] += seat.take()
    done = [seat.completion for seat in seats]
    assert [each.reason for each in done] == ["stop", "length", "length"]
    assert [texts[seat] for seat in seats] == [each.text for each in done]
    assert done[0].text == whole.text[: whole.text.index(stop)]
    assert done[1].ids == whole.ids
    assert done[2].ids == whole.ids[:3]


def test_a_grammar_binds_its_own_sequence(forge: Forge) -> None:
    grammar = sequence(literal('{"to": '), integer(0, 99), literal("}"))
    constraint = Constraint(grammar, forge.tokenizer)
    batch = Batch(forge)
    free = batch.join(Answer(forge, "go", max_tokens=30, sampling=LIVELY[1]))
    bound = [
        batch.join(Answer(forge, "go", constraint=constraint, sampling=each)) for each in LIVELY[:3]
    ]
    for seat in batch.seats():
        seat.take()
    run_out(batch)
    assert all(grammar.accepts(seat.completion.text) for seat in bound)
    alone = generate(forge, "go", max_tokens=30, sampling=LIVELY[1])
    assert free.completion.ids == alone.ids


def test_cancelling_one_leaves_the_others(forge: Forge) -> None:
    asked = itertools.count(1)
    batch = Batch(forge)
    off = batch.join(Answer(forge, "hi", max_tokens=30, cancelled=lambda: next(asked) > 4))
    on = batch.join(Answer(forge, "turn on", max_tokens=30))
    for seat in batch.seats():
        seat.take()
    run_out(batch)
    assert (off.completion.reason, len(off.completion.ids)) == ("cancelled", 4)
    assert on.completion.ids == generate(forge, "turn on", max_tokens=30).ids


def test_a_sequence_that_fails_leaves_the_others(
    forge: Forge, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = Batch(forge)
    bad, *good = [batch.join(Answer(forge, text, max_tokens=20)) for text in PROMPTS[:4]]

    def fail(_: object) -> str:
        raise BadGrammar("nothing can follow", "use another grammar")

    monkeypatch.setattr(bad.answer, "take", fail)
    with pytest.raises(BadGrammar):
        bad.take()
    for seat in good:
        seat.take()
    run_out(batch)
    with pytest.raises(BadPrompt, match="not finished"):
        _ = bad.completion
    for seat, text in zip(good, PROMPTS[1:], strict=False):
        assert seat.completion.ids == generate(forge, text, max_tokens=20).ids


def test_a_prompt_that_cannot_be_joins_no_batch(forge: Forge) -> None:
    batch = Batch(forge)
    seat = batch.join(Answer(forge, "hi", max_tokens=9))
    answer = Answer(forge, "turn on")
    answer.prompt = [SHAPE.vocab_size]
    with pytest.raises(BadPrompt):
        batch.join(answer)
    assert batch.size == 1
    seat.take()
    run_out(batch)
    assert seat.completion.ids == generate(forge, "hi", max_tokens=9).ids


def test_a_full_context_ends_an_answer(forge: Forge) -> None:
    long = [300] * (SHAPE.context - 5)
    first, second = generate_many(forge, [long, "hi"], max_tokens=40)
    assert (first.reason, len(first.ids)) == ("length", 6)
    assert second.ids == generate(forge, "hi", max_tokens=40).ids


def test_a_system_prompt_is_computed_once_for_all(forge: Forge) -> None:
    rules = "turn on the lamp in the bedroom. " * 4
    prompts = [forge.tokenizer.chat(text, system=rules) for text in PROMPTS]
    done = generate_many(forge, prompts, max_tokens=2)
    shared = 1 + len(forge.tokenizer.encode(rules))
    assert [each.reused_tokens for each in done] == [0] + [shared] * (len(PROMPTS) - 1)


def test_the_model_is_held_while_there_are_sequences(forge: Forge) -> None:
    batch = Batch(forge, 2)
    seat = batch.join(Answer(forge, "hi"))
    with pytest.raises(Busy):
        generate(forge, "turn on")
    batch.join(Answer(forge, "hi"))
    with pytest.raises(Busy, match="2 sequences"):
        batch.join(Answer(forge, "hi"))
    batch.close()
    held = stream(forge, "turn on", max_tokens=5)
    next(iter(held))
    with pytest.raises(Busy, match="another request"):
        batch.join(Answer(forge, "hi"))
    held.close()
    seat.leave()
    assert generate(forge, "turn on", max_tokens=2).ids


def test_logits_are_taken_once_and_before_the_next_step(forge: Forge) -> None:
    batch = Batch(forge)
    seat = batch.join(Answer(forge, "hi"))
    with pytest.raises(BadPrompt, match="did not take"):
        batch.step()
    seat.take()
    with pytest.raises(BadPrompt, match="no new logits"):
        seat.take()
    assert batch.step() == 1


def test_times_are_shared_and_add_up(forge: Forge, monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = itertools.count()
    monkeypatch.setattr("engine.batching.time.perf_counter", lambda: float(next(ticks)))
    batch = Batch(forge)  # every prefill, step and choice takes a second
    seats = [batch.join(Answer(forge, text, max_tokens=2)) for text in PROMPTS[:2]]
    for seat in seats:
        seat.take()
    run_out(batch)
    for seat in seats:
        done = seat.completion
        assert (done.prefill_s, done.decode_s) == (1, 1 + 1 / 2 + 1)
        assert done.others_s == 2.5, "of the first: a prefill, a choice and half a step"
    assert batch.spent(0) == 7


def test_one_alone_waits_for_nobody(forge: Forge) -> None:
    lone = generate_many(forge, ["hi"], max_tokens=20)[0]
    assert lone.others_s == pytest.approx(0, abs=1e-12)


def test_less_memory_makes_smaller_batches(forge: Forge, monkeypatch: pytest.MonkeyPatch) -> None:
    reserve = forge._backend.reserve

    def short(slots: int) -> None:
        if slots > 3:
            raise OutOfMemory("no room", "decode fewer")
        reserve(slots)

    monkeypatch.setattr(forge._backend, "reserve", short)
    batch = Batch(forge, 8)
    for number in range(3):
        assert batch.has_room()
        batch.join(Answer(forge, PROMPTS[number]))
    assert not batch.has_room()
    batch.close()
    assert len(generate_many(forge, PROMPTS, max_tokens=5)) == len(PROMPTS)


SHORT_OF_MEMORY = """
import resource, sys
from engine.batching import generate_many
from engine.errors import OutOfMemory
from engine.runtime import Forge

forge = Forge.load(sys.argv[1])
alone = [forge.backend, *(done.ids for done in generate_many(forge, ["a", "b"], most=1, max_tokens=9))]
used = int(open("/proc/self/statm").read().split()[5]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_DATA, (used + (64 << 20),) * 2)
try:
    forge.reserve(100_000)
except OutOfMemory as fault:
    print(fault)
print(alone[1:] == [done.ids for done in generate_many(forge, ["a", "b"], max_tokens=9)])
"""


@pytest.mark.parametrize("mode", ["none", "int8"])
def test_a_real_lack_of_memory_is_named_and_changes_nothing(served: Served, mode: Mode) -> None:
    command = [sys.executable, "-c", SHORT_OF_MEMORY, str(served(mode))]
    told = subprocess.run(command, check=True, cwd=ROOT, capture_output=True, text=True).stdout
    words, same = told.splitlines()
    assert "no memory for" in words
    assert same == "True"


def test_requests_for_nothing_are_named(forge: Forge) -> None:
    assert generate_many(forge, []) == []
    for ask in (
        lambda: generate_many(forge, ["hi", ""], max_tokens=0),
        lambda: generate_many(forge, [[]]),
        lambda: generate_many(forge, ["hi", "kitchen " * 300]),
        lambda: generate_many(forge, ["hi", [SHAPE.vocab_size]]),
        lambda: generate_many(forge, ["hi"], sampling=[]),
        lambda: generate_many(forge, ["hi"], most=0),
        lambda: forge.step_many([1, 1]),
        lambda: forge.step_many([]),
    ):
        with pytest.raises(BadPrompt):
            ask()
    assert generate_many(forge, ["hi"], max_tokens=2)[0].ids

"""A loaded model: its cache may be reused, gone back in and shared in turn, never mixed up."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from engine_models import SHAPE
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine import backends
from engine.errors import BadPrompt, Busy
from engine.prefixes import Prefixes
from engine.quantisation import Mode
from engine.runtime import Forge

pytest_plugins = ["engine_fixtures"]

Served = Callable[[Mode], Path]

short = st.lists(st.integers(0, 3), min_size=1, max_size=12)


@pytest.fixture(scope="module")
def reference(served: Served) -> Forge:
    return Forge.load(served("none"))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(requests=st.lists(st.tuples(short, st.integers(0, 12), short), min_size=1, max_size=6))
def test_what_was_asked_before_changes_no_answer(
    reference: Forge, forge: Forge, requests: list[tuple[list[int], int, list[int]]]
) -> None:
    for ids, keep, answer in requests:
        got = [forge.prefill(ids, keep=min(keep, len(ids)))]
        got += [forge.step(token).copy() for token in answer]
        reference.rewind(0)
        expected = reference.extend([*ids, *answer], every=True)[len(ids) - 1 :]
        np.testing.assert_allclose(got, expected, atol=2e-3)
        forge.rewind(keep % len(ids))
        forge.extend(answer[::-1])


def test_a_kept_prefix_is_not_computed_again(forge: Forge) -> None:
    system, first, second = [5] * 100, [7, 8, 9], [10, 11]
    forge.prefill(system + first, keep=100)
    assert forge.reused == 0
    forge.prefill([300] * 120)
    assert forge.reused == 0
    forge.prefill(system + second, keep=100)
    assert forge.reused == 100
    forge.prefill(system + second)
    assert forge.reused == 101, "the last token is computed again for its logits"


def test_kept_prefixes_are_bounded(forge: Forge, monkeypatch: pytest.MonkeyPatch) -> None:
    one = SHAPE.kv_bytes(20)
    monkeypatch.setattr(forge, "_prefixes", Prefixes(2 * one))
    for token in (1, 2, 1, 3):  # 2 is the least recently used when 3 comes
        forge.prefill([token] * 20 + [4], keep=20)
    held = forge._prefixes._held
    assert list(held) == [(1,) * 20, (3,) * 20]
    assert sum(prefix.size for prefix in held.values()) == 2 * one


def test_going_back_is_as_never_having_gone(forge: Forge) -> None:
    forge.prefill([20, 21, 22])
    expected = forge.step(23).copy()
    forge.extend([30, 31, 32])
    forge.rewind(3)
    np.testing.assert_allclose(forge.step(23), expected, atol=1e-4)
    with pytest.raises(BadPrompt, match="go back"):
        forge.rewind(5)


def test_the_context_is_filled_to_its_end_and_no_further(forge: Forge) -> None:
    forge.prefill([3] * (SHAPE.context - 1))
    assert np.isfinite(forge.step(4)).all()
    assert forge.length == SHAPE.context
    with pytest.raises(BadPrompt, match="context of 256"):
        forge.step(4)
    with pytest.raises(BadPrompt, match="context of 256"):
        forge.prefill([3] * (SHAPE.context + 1))


@pytest.mark.parametrize("ids", [[], [-1], [SHAPE.vocab_size]])
def test_prompts_that_are_none_are_named(forge: Forge, ids: list[int]) -> None:
    with pytest.raises(BadPrompt):
        forge.prefill(ids)
    assert np.isfinite(forge.prefill([5])).all()


def test_one_request_at_a_time(forge: Forge) -> None:
    with forge.request(), pytest.raises(Busy), forge.request():
        pass
    with forge.request():
        pass


def test_models_do_not_share_their_cache(served: Served) -> None:
    one, other = Forge.load(served("none")), Forge.load(served("none"))
    expected = one.prefill([5, 6, 7])
    other.prefill([9, 9, 9])
    one.rewind(2)
    np.testing.assert_allclose(one.step(7), expected, atol=1e-4)


def test_serving_needs_neither_torch_nor_onnx(served: Served) -> None:
    program = f"""
import sys
import engine.decoding, engine.grammar, engine.runtime, engine.sampling
forge = engine.runtime.Forge.load({str(served("int8"))!r})
print(len(engine.decoding.generate(forge, "turn on", max_tokens=5).ids))
assert engine.decoding.classify(forge, "turn on", [0, 1]).shape == (2,)
print([name for name in ("torch", "onnx", "safetensors") if name in sys.modules])
"""
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert ran.stdout.splitlines()[-1] == "[]"


def test_onnxruntime_reports_to_nobody(served: Served, tmp_path: Path) -> None:
    """Its wheels would keep an identifier in the home folder, and send what was loaded."""
    program = f"""
import engine.runtime
print(engine.runtime.Forge.load({str(served("int4"))!r}).backend)
"""
    quiet = {"CI", "ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS", "XDG_CACHE_HOME"}
    plain = {name: value for name, value in os.environ.items() if name not in quiet}
    ran = subprocess.run(
        [sys.executable, "-c", program],
        env=plain | {"HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert ran.stdout.split() == ["onnxruntime"]
    assert list(tmp_path.iterdir()) == []


def test_a_wide_model_takes_no_more_threads_than_the_process_was_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A node gives its workers `work.threads` so; onnxruntime itself does not look."""
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(8)))
    for told, wide in (("3", 3), ("99", 8), ("0", 8), ("", 8), ("4,2", 8)):
        monkeypatch.setenv("OMP_NUM_THREADS", told)
        assert (backends.threads_for(256), backends.threads_for(320)) == (1, wide)

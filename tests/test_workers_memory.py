"""What workers of one node have in memory together: the packed weights, and one tokenizer a process."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest
from workers_bench import Bench, children

from engine.errors import BadTokenizer
from engine.fused.build import best
from engine.model_folder import ModelFolder
from engine.runtime import Forge
from engine.tokenizer import Tokenizer, train_tokenizer

MODELS = Path(__file__).resolve().parent.parent / "models"


def mapped(pid: int) -> set[int]:
    """The packed weights that a process has mapped, by their file's inode."""
    maps = Path(f"/proc/{pid}/maps").read_text("utf-8").splitlines()
    return {int(line.split()[4]) for line in maps if line.endswith(".fused")}


@pytest.mark.skipif(best() is None, reason="python -m engine.fused.build was not run")
async def test_two_workers_of_a_model_have_its_weights_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    bench = Bench(slots=2)
    for key in "ab":
        bench.submit(key, "text_generation", prompt="Once upon a time", max_tokens=200)
    await bench.ended("a")
    await bench.ended("b")
    first, second = (mapped(pid) for pid in children())
    assert first == second
    assert len(first) == 1, "both missed the file, and each wrote one"
    await bench.stop()


async def test_where_nothing_can_be_written_each_packs_for_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    bench = Bench()
    done = await bench.run("a", "text_generation", prompt="Once", max_tokens=4)
    assert (done.outcome, done.error) == ("done", "")
    assert mapped(children()[0]) == set()
    await bench.stop()


def test_models_of_one_process_share_their_tokenizer() -> None:
    router, text = (Forge.load(MODELS / name) for name in ("router", "text"))
    assert router.tokenizer is text.tokenizer
    fingerprint = text.tokenizer.fingerprint
    assert Tokenizer.is_held(fingerprint)
    assert Tokenizer.load(MODELS) is not text.tokenizer, "whoever asks without a name gets one"


def test_a_tokenizer_that_nobody_has_any_more_is_let_go(tmp_path: Path) -> None:
    made = train_tokenizer(["a tokenizer that no other test has"], 530)
    made.save(tmp_path / "tokenizer.json")
    tokenizer = Tokenizer.load(tmp_path, fingerprint=made.fingerprint)
    assert Tokenizer.is_held(made.fingerprint)
    del tokenizer
    gc.collect()
    assert not Tokenizer.is_held(made.fingerprint)


def test_the_file_counts_even_where_it_is_in_memory(tmp_path: Path) -> None:
    folder = ModelFolder.open(MODELS / "router")
    held = folder.load_tokenizer()
    damaged = tmp_path / "tokenizer.json"
    damaged.write_bytes((MODELS / "tokenizer.json").read_bytes() + b" ")
    with pytest.raises(BadTokenizer, match="was trained with"):
        Tokenizer.load(damaged, fingerprint=held.fingerprint)
    with pytest.raises(BadTokenizer, match="cannot be read"):
        Tokenizer.load(tmp_path / "nobody", fingerprint=held.fingerprint)

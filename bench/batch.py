"""Sequences decoded together against the same ones after another, by one process.

Prompts of 64 tokens, 64 new ones each, greedy, one thread, random weights of a preset's shape at int8, with
each backend that is here. A step is one token for every sequence, choosing it included, and the
median of all steps counts; the sides take turns. `answers_ratio` is over whole answers, whose prompts are
computed one by one either way.
"""

import contextlib
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.arguments import Arguments, count
from daemon.config import shipped
from engine.answer import Answer
from engine.batching import Batch
from engine.checkpoint import Checkpoint, tensor_shapes
from engine.config import PRESETS, ForgeConfig
from engine.errors import EngineError, MissingDependency
from engine.fused.build import build, here
from engine.graph import export
from engine.model_folder import ModelFolder
from engine.onnx_backend import OnnxBackend
from engine.runtime import Forge
from engine.tokenizer import Tokenizer

PROMPT = 64
NEW = 64
SIZES = (1, 2, 4, 8)
SHAPES = ("pi_4", "pi_5")


@dataclass(frozen=True, slots=True)
class Result:
    """One of the `results` of `--json`.

    Attributes:
        together: how many sequences.
        tok_s: of all of them; `ratio` is over that of one.
        drag: by how much a further sequence lengthens a step, as a part of the step of one alone;
            `daemon.lanes.DRAG` is what a node's prices assume.
        answers_ratio: time of the answers one after another over that of the answers together.
        same_tokens: whether each answer is the one that the sequence gets alone.
    """

    preset: str
    backend: str
    together: int
    tok_s: float
    ratio: float
    drag: float
    answers_ratio: float
    same_tokens: bool


@dataclass(slots=True)
class _Side:
    """What was measured of one number of sequences."""

    steps_s: list[float]
    answers_s: list[float]
    ids: list[tuple[int, ...]]


def measure(preset: str, rounds: int) -> list[Result]:
    """Every backend that is here, every number of sequences.

    Raises:
        EngineError: the model cannot be run.
    """
    with tempfile.TemporaryDirectory() as place:
        folder = _write(PRESETS[preset], Path(place))
        return [result for forge in _forges(folder) for result in _results(preset, forge, rounds)]


def main(argv: Sequence[str]) -> int:
    """`forgebus bench batch`."""
    parser = Arguments(prog="forgebus bench batch", description=__doc__)
    parser.add_argument("--preset", choices=PRESETS, action="append", help="default: pi_4 and pi_5")
    parser.add_argument("--rounds", type=count, default=15)
    parser.add_argument("--json", action="store_true", help="one object")
    given = parser.parse_args(argv)
    try:
        results = [each for name in given.preset or SHAPES for each in measure(name, given.rounds)]
    except EngineError as fault:
        print(f"forgebus bench batch: {fault}", file=sys.stderr)
        return 1
    if given.json:
        print(json.dumps({"results": [asdict(result) for result in results]}))
    else:
        _show(results)
    return 0


def _results(preset: str, forge: Forge, rounds: int) -> Iterator[Result]:
    rng = np.random.default_rng(0)
    prompts = [
        [int(n) for n in rng.integers(0, forge.config.vocab_size, PROMPT)]
        for _ in range(max(SIZES))
    ]
    sides = {size: _Side([], [], []) for size in SIZES}
    for _ in range(rounds):
        for size, side in sides.items():
            _run(forge, prompts[:size], side)
    one = statistics.median(sides[1].steps_s)
    alone = [_alone(forge, prompt) for prompt in prompts]
    for size, side in sides.items():
        step = statistics.median(side.steps_s)
        yield Result(
            preset=preset,
            backend=forge.backend,
            together=size,
            tok_s=round(size / step, 1),
            ratio=round(size * one / step, 2),
            drag=round((step / one - 1) / (size - 1), 2) if size > 1 else 0.0,
            answers_ratio=round(
                size * statistics.median(sides[1].answers_s) / statistics.median(side.answers_s), 2
            ),
            same_tokens=side.ids == alone[:size],
        )


def _run(forge: Forge, prompts: list[list[int]], side: _Side) -> None:
    """All of `prompts` together, nothing of them in the caches before."""
    batch = Batch(forge, len(prompts))
    forge.reserve(len(prompts))
    for slot in range(len(prompts)):
        forge.prefill([0], slot=slot)
    began = time.perf_counter()
    seats = [batch.join(Answer(forge, prompt, max_tokens=NEW)) for prompt in prompts]
    for seat in seats:
        seat.take()
    while batch.size:
        started, size = time.perf_counter(), batch.size
        batch.step()
        for seat in batch.seats():
            seat.take()
        if size == len(prompts):  # one may end before the others
            side.steps_s.append(time.perf_counter() - started)
    side.answers_s.append(time.perf_counter() - began)
    side.ids = [seat.completion.ids for seat in seats]


def _alone(forge: Forge, prompt: list[int]) -> tuple[int, ...]:
    side = _Side([], [], [])
    _run(forge, [prompt], side)
    return side.ids[0]


def _forges(folder: Path) -> Iterator[Forge]:
    """The model with each backend."""
    opened = ModelFolder.open(folder)
    tokenizer = Tokenizer.load(folder.parent / "tokenizer.json")
    yield Forge(OnnxBackend(opened.graph, opened.config, 1), opened, tokenizer, 1)
    if here():
        with contextlib.suppress(MissingDependency):  # without a compiler onnxruntime serves
            build(here()[0])
    quickest = Forge.load(folder, threads=1)
    if quickest.backend != "onnxruntime":
        yield quickest


def _write(config: ForgeConfig, place: Path) -> Path:
    tokenizer = Tokenizer.load(shipped("models") / "tokenizer.json")
    rng = np.random.default_rng(1)
    weights = {
        name: (rng.normal(0, 0.04, shape) + (len(shape) == 1)).astype(np.float32)
        for name, shape in tensor_shapes(config).items()
    }
    export(Checkpoint(config, weights, tokenizer.fingerprint, {}), place / "model", "int8")
    tokenizer.save(place / "tokenizer.json")
    return place / "model"


def _show(results: list[Result]) -> None:
    names = ("preset", "backend", "together", "tok/s", "ratio", "drag", "answers", "same tokens")
    table = Table(title=f"{PROMPT} + {NEW} tokens, int8, one thread")
    for name in names:
        table.add_column(name, justify="left" if name in names[:2] else "right")
    for each in results:
        figures = (each.together, each.tok_s, each.ratio, each.drag, each.answers_ratio)
        same = "yes" if each.same_tokens else "no"
        table.add_row(each.preset, each.backend, *(f"{value:g}" for value in figures), same)
    Console().print(table)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

"""Decoding of a model against a peer, in one run on one machine: same weights, prompt and threads.

Prompt of 128 tokens, 256 new ones, greedy, batch 1, random weights of a preset's shape. The two sides
are processes of their own that take turns. tok_s is from the median of all steps: on a machine that has
other work too it says what a step takes, where a sum would say how often it was interrupted. prefill_ms
is the median, cold_start_s the quickest of three from process start to the first token, RSS
that of the process after its runs. worker_rss_mb is of a node's own worker with our model in it, after
it has answered for a home.
"""

import contextlib
import importlib.util
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from rich.console import Console
from rich.table import Table

from bench.arguments import Arguments, count
from bench.engine_side import LLAMA_CPP, NEW, PROMPT
from bench.engine_worker import models_with, serve
from daemon.config import shipped
from engine.checkpoint import Checkpoint, tensor_shapes
from engine.config import PRESETS, ForgeConfig
from engine.errors import EngineError, MissingDependency
from engine.fused.build import build, here
from engine.graph import export
from engine.interchange.gguf import Kind, write_gguf
from engine.quantisation import MODES, Mode
from engine.tokenizer import Tokenizer

ROOT = Path(__file__).resolve().parent.parent
STARTS = 3
PEERS = ("onnxruntime", "llama.cpp")
PEER_KINDS: dict[Mode, Kind] = {"none": "f16", "dynamic": "q8_0", "int8": "q8_0", "int4": "q4_0"}
"""What llama.cpp is given beside each of our modes."""
LLAMA_CPP_PYTHON = "llama-cpp-python==0.3.36"


@dataclass(frozen=True, slots=True)
class Result:
    """What `--json` prints.

    Attributes:
        ratio: tok_s / peer_tok_s.
        same_tokens: of the 256, those before the first one that differs.
        worker_rss_mb: of a node's own worker, which takes the fused step where it is built.
    """

    preset: str
    mode: str
    threads: int
    backend: str
    peer: str
    tok_s: float
    peer_tok_s: float
    ratio: float
    prefill_ms: float
    peer_prefill_ms: float
    rss_mb: float
    peer_rss_mb: float
    cold_start_s: float
    peer_cold_start_s: float
    same_tokens: int
    worker_rss_mb: float


@dataclass(frozen=True, slots=True)
class Figures:
    """One side's."""

    tok_s: float
    prefill_ms: float
    rss_mb: float
    cold_start_s: float
    tokens: list[int]


def measure(
    preset: str, mode: Mode, threads: int, peer: str, rounds: int, *, fused: bool = True
) -> Result:
    """Run both sides in turns; ours without the fused step if `fused` is False.

    Raises:
        EngineError: the peer is not installed, or a side cannot run this.
    """
    config = PRESETS[preset]
    if mode == "int8" and here():
        with contextlib.suppress(MissingDependency):  # without a compiler onnxruntime serves
            build(here()[0])
    with tempfile.TemporaryDirectory() as place:
        model, peer_model = _write(config, mode, peer, Path(place))
        ours = (sys.executable, "forge" if fused else "onnxruntime", model)
        theirs = (_python(peer), peer, peer_model)
        sides = [_Process(*each, threads, config.vocab_size) for each in (ours, theirs)]
        try:
            backend = sides[0].backend
            if backend == peer:
                raise MissingDependency(
                    f"both sides are {peer} at {mode}", "compare with --vs llama.cpp"
                )
            runs = [[side.run() for side in sides] for _ in range(rounds)]
            own, other = (
                _figures(side, [each[number] for each in runs]) for number, side in enumerate(sides)
            )
        finally:
            for side in sides:
                side.stop()
        worker = serve(models_with(model, Path(place)), threads)
    return Result(
        preset=preset,
        mode=mode,
        threads=threads,
        backend=backend,
        peer=peer,
        tok_s=own.tok_s,
        peer_tok_s=other.tok_s,
        ratio=round(own.tok_s / other.tok_s, 2),
        prefill_ms=own.prefill_ms,
        peer_prefill_ms=other.prefill_ms,
        rss_mb=own.rss_mb,
        peer_rss_mb=other.rss_mb,
        cold_start_s=own.cold_start_s,
        peer_cold_start_s=other.cold_start_s,
        same_tokens=_same(own.tokens, other.tokens),
        worker_rss_mb=worker.rss_mb,
    )


def main(argv: Sequence[str]) -> int:
    """`forgebus bench engine`."""
    parser = Arguments(prog="forgebus bench engine", description=__doc__)
    parser.add_argument("--preset", choices=PRESETS, default="pi_5")
    parser.add_argument("--mode", choices=MODES, default="int8")
    parser.add_argument("--threads", type=count, default=1)
    parser.add_argument("--vs", choices=PEERS, default="onnxruntime", help="the peer")
    parser.add_argument("--without-fused", action="store_true", help="ours is onnxruntime's int8")
    parser.add_argument("--rounds", type=count, default=7)
    parser.add_argument("--install", action="store_true", help="build llama.cpp first, for minutes")
    parser.add_argument("--json", action="store_true", help="one object")
    given = parser.parse_args(argv)
    try:
        if given.install:
            _install()
        result = measure(
            *(given.preset, given.mode, given.threads, given.vs, given.rounds),
            fused=not given.without_fused,
        )
    except EngineError as fault:
        print(f"forgebus bench engine: {fault}", file=sys.stderr)
        return 1
    if given.json:
        print(json.dumps(asdict(result)))
    else:
        _show(result)
    return 0


class _Process:
    """One side; started a few times for its cold start, kept for the runs."""

    def __init__(self, python: str, name: str, model: Path, threads: int, vocab: int) -> None:
        arguments = ["-m", "bench.engine_side", name, str(model), "--threads", str(threads)]
        self._command = [python, *arguments, "--vocab", str(vocab)]
        self._process: subprocess.Popen[str] | None = None
        self.backend = ""
        self.cold_start_s = min(self._start() for _ in range(STARTS))

    def run(self) -> dict[str, Any]:
        """One prompt and its answer."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write("run\n")
        self._process.stdin.flush()
        return self._line()

    def rss_mb(self) -> float:
        """Of the process now."""
        assert self._process is not None
        return round(psutil.Process(self._process.pid).memory_info().rss / 2**20, 1)

    def stop(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.communicate()

    def _start(self) -> float:
        self.stop()
        began = time.perf_counter()
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        )
        self.backend = self._line()["backend"]
        return time.perf_counter() - began

    def _line(self) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise MissingDependency(f"{self._command[2:4]} ended", "read what it wrote above")
        told: dict[str, Any] = json.loads(line)
        return told


def _write(config: ForgeConfig, mode: Mode, peer: str, place: Path) -> tuple[Path, Path]:
    """The same random weights for both sides: our folder, and the peer's folder or file."""
    file = shipped("models") / "tokenizer.json"
    tokenizer = Tokenizer.load(file)
    rng = np.random.default_rng(1)
    weights = {
        name: (rng.normal(0, 0.04, shape) + (len(shape) == 1)).astype(np.float32)
        for name, shape in tensor_shapes(config).items()
    }
    checkpoint = Checkpoint(config, weights, tokenizer.fingerprint, {})
    folder = place / "model"
    export(checkpoint, folder, mode)
    tokenizer.save(place / "tokenizer.json")
    if peer != "llama.cpp":
        return folder, folder
    write_gguf(checkpoint, file, place / "model.gguf", PEER_KINDS[mode])
    return folder, place / "model.gguf"


def _figures(side: _Process, runs: list[dict[str, Any]]) -> Figures:
    steps = [step for run in runs for step in run["step_s"]]
    return Figures(
        tok_s=round(1 / statistics.median(steps), 1),
        prefill_ms=round(1e3 * statistics.median(run["prefill_s"] for run in runs), 2),
        rss_mb=side.rss_mb(),
        cold_start_s=round(side.cold_start_s, 3),
        tokens=runs[-1]["tokens"],
    )


def _same(ours: list[int], theirs: list[int]) -> int:
    pairs = zip(ours, theirs, strict=True)
    return next((place for place, (a, b) in enumerate(pairs) if a != b), len(ours))


def _python(peer: str) -> str:
    """The interpreter that has `peer`."""
    if peer == "onnxruntime" or importlib.util.find_spec(LLAMA_CPP):
        return sys.executable
    python = _peer_venv() / "bin" / "python"
    if not python.exists():
        raise MissingDependency(
            "llama-cpp-python is not installed", "add --install (it is built: minutes)"
        )
    return str(python)


def _install() -> None:
    """llama-cpp-python into a virtual environment of its own."""
    target = _peer_venv()
    if (target / "bin" / "python").exists() or importlib.util.find_spec(LLAMA_CPP):
        return
    made = target.with_name(f".{target.name}")
    shutil.rmtree(made, ignore_errors=True)
    try:
        subprocess.run([sys.executable, "-m", "venv", str(made)], check=True)
        pip = [str(made / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, LLAMA_CPP_PYTHON], check=True, stdout=sys.stderr)
    except subprocess.CalledProcessError as fault:
        raise MissingDependency(
            f"llama-cpp-python cannot be installed ({fault})", "install a C++ compiler and cmake"
        ) from fault
    made.rename(target)


def _peer_venv() -> Path:
    return Path.home() / ".cache" / "forgebus" / "llama.cpp"


def _show(result: Result) -> None:
    title = f"{result.preset} at {result.mode}, {PROMPT} + {NEW} tokens, threads: {result.threads}"
    table = Table(title=title)
    for column in ("", "tok/s", "prefill ms", "RSS MB", "cold start s"):
        table.add_column(column, justify="right" if column else "left")
    ours = (result.tok_s, result.prefill_ms, result.rss_mb, result.cold_start_s)
    peers = (
        result.peer_tok_s,
        result.peer_prefill_ms,
        result.peer_rss_mb,
        result.peer_cold_start_s,
    )
    table.add_row(result.backend, *(f"{value:g}" for value in ours))
    table.add_row(result.peer, *(f"{value:g}" for value in peers))
    Console().print(table)
    print(f"ratio {result.ratio:g}; the first {result.same_tokens} tokens are the same")
    print(f"a node's own worker with that model holds {result.worker_rss_mb:g} MB")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

"""Training beside nanoGPT's own step: same width, layers, heads, vocabulary, batch, context and precision.

The peer is the `model.py` of a nanoGPT checkout (github.com/karpathy/nanoGPT, MIT; not part of this
project), stepped as its train.py does: forward, backward, norm cut to 1, its own AdamW. Dropout is 0, bias
off. The two take turns, a few steps each; figures are medians of steps after warm-up. The shapes
are not quite alike: nanoGPT has learned positions and a GELU layer of 4 dim, Forge rotary positions and a
SwiGLU of about 3 dim. Both numbers of weights are told, and the ratio per operation beside that per token.
"""

import contextlib
import importlib.util
import io
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.arguments import Arguments, count
from engine.config import PRESETS, ForgeConfig
from engine.errors import EngineError, MissingDependency

NANOGPT = Path("~/.cache/forgebus/nanogpt/model.py")
WARM_UP = 3
A_TURN = 2

Step = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Job:
    """What both sides do."""

    preset: str
    threads: int
    rows: int
    context: int
    precision: str
    compiled: bool


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two: a step, its weights, and the operations of a token."""

    step: Step
    parameters: int
    flops: int


@dataclass(frozen=True, slots=True)
class Result:
    """What `--json` prints; the peer's figures are None where there is no nanoGPT.

    Attributes:
        ratio: tok_s / nanogpt_tok_s.
        ratio_by_flops: the same of operations a second.
        ratio_by_cpu: of processor time, which other programs on the machine disturb less.
    """

    preset: str
    threads: int
    rows: int
    context: int
    precision: str
    compiled: bool
    tok_s: float
    parameters: int
    nanogpt_tok_s: float | None = None
    nanogpt_parameters: int | None = None
    ratio: float | None = None
    ratio_by_flops: float | None = None
    ratio_by_cpu: float | None = None


def measure(job: Job, nanogpt: Path | None, turns: int) -> Result:
    """Step both sides in turns.

    Raises:
        EngineError: torch is not installed, or `nanogpt` is no such file.
    """
    sides = [_ours(job)] + ([_theirs(job, nanogpt)] if nanogpt else [])
    for side in sides:
        for _ in range(WARM_UP):
            side.step()
    took: list[list[tuple[float, float]]] = [[] for _ in sides]
    for _ in range(turns):
        for number, side in enumerate(sides):
            took[number] += [_seconds(side.step) for _ in range(A_TURN)]
    wall, cpu = ([statistics.median(s[n] for s in steps) for steps in took] for n in (0, 1))
    speeds = [job.rows * job.context / seconds for seconds in wall]
    told = Result(**asdict(job), tok_s=round(speeds[0], 1), parameters=sides[0].parameters)
    if len(sides) == 1:
        return told
    ratio = speeds[0] / speeds[1]
    return Result(
        **asdict(told)
        | {
            "nanogpt_tok_s": round(speeds[1], 1),
            "nanogpt_parameters": sides[1].parameters,
            "ratio": round(ratio, 3),
            "ratio_by_flops": round(ratio * sides[0].flops / sides[1].flops, 3),
            "ratio_by_cpu": round(cpu[1] / cpu[0], 3),
        }
    )


def main(argv: Sequence[str]) -> int:
    """`forgebus bench training`."""
    parser = Arguments(prog="forgebus bench training", description=__doc__)
    parser.add_argument("--preset", choices=PRESETS, default="pi_5")
    parser.add_argument("--nanogpt", type=Path, default=None, help="a checkout's model.py")
    parser.add_argument("--threads", type=count, default=1)
    parser.add_argument("--rows", type=count, default=8)
    parser.add_argument("--context", type=count, default=256)
    parser.add_argument("--precision", choices=("bf16", "fp32"), default="bf16")
    parser.add_argument("--compiled", action="store_true", help="torch.compile on both sides")
    parser.add_argument("--rounds", type=count, default=6, help="turns of two steps each")
    parser.add_argument("--json", action="store_true", help="one object")
    given = parser.parse_args(argv)
    usual = NANOGPT.expanduser()
    peer = given.nanogpt or (usual if usual.is_file() else None)
    job = Job(
        *(given.preset, given.threads, given.rows, given.context),
        *(given.precision, given.compiled),
    )
    try:
        result = measure(job, peer, given.rounds)
    except EngineError as fault:
        print(f"forgebus bench training: {fault}", file=sys.stderr)
        return 1
    if given.json:
        print(json.dumps(asdict(result)))
    else:
        _show(result)
    return 0


def _ours(job: Job) -> Side:
    try:
        import engine.training.loop  # noqa: F401 - what torch is needed for
    except ImportError as fault:
        raise MissingDependency(
            f"training needs {fault.name}", "run `pip install forgebus[train]`"
        ) from fault
    from engine.model import ForgeModel
    from engine.training.learner import (
        Learner,
        autocast,
        batch_of_noise,
        descend,
        optimiser,
        use_threads,
    )
    from engine.training.plan import TrainPlan

    use_threads(job.threads)
    config = PRESETS[job.preset]
    nowhere = Path()
    plan = TrainPlan(
        config=config, data=(), tokenizer=nowhere, out=nowhere, context=job.context, rows=job.rows
    )
    learner = Learner(ForgeModel(config), compiled=job.compiled)
    adam = optimiser(learner.model, plan)
    tokens, targets = batch_of_noise(config.vocab_size, job.rows, job.context)

    def step() -> None:
        with autocast("cpu", job.precision):
            loss = learner(tokens, targets)
        descend(loss, adam, plan.clip)

    weights = config.parameters()
    vectors = (2 * config.n_layers + 1) * config.dim
    return Side(step, weights, _flops(config, weights - vectors, job.context))


def _theirs(job: Job, file: Path) -> Side:
    from engine.training.learner import autocast, batch_of_noise

    module = _load(file)
    config = PRESETS[job.preset]
    shape = {"n_layer": config.n_layers, "n_head": config.n_heads, "n_embd": config.dim}
    more = {"block_size": job.context, "vocab_size": config.vocab_size}
    with contextlib.redirect_stdout(io.StringIO()):  # it tells its size by printing
        model = module.GPT(module.GPTConfig(**shape, **more, dropout=0.0, bias=False))
        adam = model.configure_optimizers(0.1, 1e-3, (0.9, 0.95), "cpu")
    torch = module.torch
    run = torch.compile(model) if job.compiled else model
    tokens, targets = batch_of_noise(config.vocab_size, job.rows, job.context)

    def step() -> None:
        with autocast("cpu", job.precision):
            _, loss = run(tokens, targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adam.step()
        adam.zero_grad(set_to_none=True)

    weights = sum(weight.numel() for weight in model.parameters())
    vectors = (2 * config.n_layers + 1) * config.dim
    matrices = weights - vectors - job.context * config.dim  # positions are looked up
    return Side(step, weights, _flops(config, matrices, job.context))


def _flops(config: ForgeConfig, matrices: int, context: int) -> int:
    """Operations of training on one token (Chowdhery et al. 2022, appendix B)."""
    return 6 * matrices + 12 * config.n_layers * config.dim * context


def _load(file: Path) -> Any:
    """The module in `file`, under a name of its own."""
    name = "nanogpt_model"
    spec = importlib.util.spec_from_file_location(name, file) if file.is_file() else None
    if spec is None or spec.loader is None:
        raise MissingDependency(f"{file} is no file", "give the model.py of a nanoGPT checkout")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # its dataclass looks itself up
    spec.loader.exec_module(module)
    if not hasattr(module, "GPTConfig"):
        raise MissingDependency(f"{file} has no GPTConfig", "give nanoGPT's model.py")
    return module


def _seconds(step: Step) -> tuple[float, float]:
    """A step in seconds of the clock and of the processor."""
    wall, cpu = time.perf_counter(), time.process_time()
    step()
    return time.perf_counter() - wall, time.process_time() - cpu


def _show(result: Result) -> None:
    table = Table("", "weights", "tokens/s")
    table.add_row("Forge", f"{result.parameters:,}", f"{result.tok_s:,.0f}")
    if result.nanogpt_tok_s is not None:
        table.add_row("nanoGPT", f"{result.nanogpt_parameters:,}", f"{result.nanogpt_tok_s:,.0f}")
        table.add_row("ratio", "", f"{result.ratio}")
        table.add_row("ratio per operation", "", f"{result.ratio_by_flops}")
        table.add_row("ratio of processor time", "", f"{result.ratio_by_cpu}")
    else:
        table.add_row("nanoGPT", "", f"not here: --nanogpt PATH, or {NANOGPT}")
    Console().print(table)

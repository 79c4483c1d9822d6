"""Command line of training: `forgebus train`, and `python -m engine.train` for torchrun."""

import argparse
import shlex
import shutil
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from engine.config import PRESETS
from engine.errors import BadConfig, EngineError, MissingDependency
from engine.interrupt import asked_to_stop
from engine.quantisation import MODES, Mode
from engine.tokenizer import DEFAULT_PATH
from engine.training.kinds import KINDS, Kind

if TYPE_CHECKING:
    from engine.training.plan import TrainPlan
    from engine.training.progress import TrainResult

EXIT_INTERRUPTED = 130
SERVED = "served"


def main(arguments: Sequence[str] | None = None) -> int:
    """Train as the arguments say; the exit status is 0, 1 (an error), 2 (usage) or 130."""
    try:
        return run(sys.argv[1:] if arguments is None else arguments, "python -m engine.train")
    except EngineError as fault:
        print(f"engine.train: {fault}", file=sys.stderr)  # noqa: T201 - a command line
        return 2 if isinstance(fault, BadConfig) else 1


def run(arguments: Sequence[str], program: str, tokenizer: Path = DEFAULT_PATH) -> int:
    """Train as the arguments say; the exit status is 0, or 130 where it was interrupted.

    Args:
        arguments: without the program's name.
        program: how the command is called, for its help and for how to go on.
        tokenizer: the default of --tokenizer.

    Raises:
        BadConfig: arguments that do not serve.
        EngineError: as `engine.training.loop.train` raises, and of an export.
    """
    options = _parser(program, tokenizer).parse_args(arguments)
    # After parsing, so that --help needs no torch.
    from engine.training.loop import train
    from engine.training.provenance import without_paths
    from engine.training.view import view

    plan = _plan(options)
    words = [word for word in arguments if word != "--resume"]
    more = {"licence": options.licence, "command": f"{program} {without_paths(words)}"}
    with view(as_json=options.json) as shown, asked_to_stop() as stop:
        result = train(
            plan,
            resume=options.resume,
            report=shown.show,
            warn=shown.warn,
            stop=stop,
            more=more,
        )
        if not result.leads:
            return 0 if result.finished else EXIT_INTERRUPTED
        told = _told(plan, result, shlex.join([*program.split(), *words, "--resume"]))
        served = ""
        if options.export and result.finished:
            served = str(export_served(plan.out, options.export, plan.tokenizer))
            told += f"; served form in {served}"
        shown.end(
            told, step=result.step, finished=result.finished, out=str(plan.out), served=served
        )
    return 0 if result.finished else EXIT_INTERRUPTED


def export_served(out: Path, mode: Mode, tokenizer: Path) -> Path:
    """Write the served form of the checkpoint in `out` beside it, with its use.json.

    Returns:
        The folder, which `Forge.load` takes: `out/served`, the tokenizer beside it.
    """
    from engine.checkpoint import load_checkpoint
    from engine.graph import export
    from engine.model_use import USE

    checkpoint = load_checkpoint(out)
    folder = out / SERVED
    folder.mkdir(exist_ok=True)
    shutil.copyfile(out / USE, folder / USE)
    export(checkpoint, folder, mode)
    shutil.copyfile(tokenizer, out / "tokenizer.json")
    return folder


def _plan(options: argparse.Namespace) -> "TrainPlan":
    """The plan that the options give; what they leave open is as the kind of model has it."""
    try:
        import torch

        from engine.training.plan import TrainPlan
    except ImportError as fault:
        raise MissingDependency(
            f"training needs {fault.name}", "run `pip install forgebus[train]`"
        ) from fault

    kind: Kind = KINDS[options.type]
    size = options.model_size if options.model_size != "auto" else _suitable_size()
    config = PRESETS[size]
    given = {name: value for name, value in vars(options).items() if value is not None}
    usual: dict[str, Any] = {
        "epochs": kind.epochs,
        "rows": kind.rows,
        "rate": kind.rate,
        "patience": kind.patience,
        "context": min(kind.context, config.context),
    }
    known = {field.name for field in fields(TrainPlan)}
    chosen = usual | {name: value for name, value in given.items() if name in known}
    chosen |= {
        "config": config,
        "data": tuple(options.data),
        "kind": options.type,
        "labels": tuple(filter(None, options.labels.split(","))),
        "out": options.out or Path("runs") / options.type,
    }
    if options.device == "auto":
        chosen["device"] = "cuda" if torch.cuda.is_available() else "cpu"
    return TrainPlan(**chosen)


def _suitable_size() -> str:
    from engine.hardware import detect_hardware, get_optimal_config

    return get_optimal_config(detect_hardware()).model_size


def _told(plan: "TrainPlan", result: "TrainResult", command: str) -> str:
    """How a run ended, in a line."""
    if not result.finished:
        return f"stopped after step {result.step}; go on with: {command}"
    kept = ""
    if result.validation:
        kept = f", validation {result.validation[0]:.4f} ({result.validation[1]:.1%} right)"
    why = f"no better for {plan.patience} validations, ended" if result.early else "done"
    return f"{why} at step {result.step}; the best weights are in {plan.out}{kept}"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """A wrong argument is told as every other fault is."""
        raise BadConfig(message, f"see `{self.prog} --help`")


def _parser(program: str, tokenizer: Path) -> argparse.ArgumentParser:
    parser = _Parser(
        prog=program,
        description="Train a model on files of rows: checkpoints, early stop, exact resume.",
        epilog="Rows by type: " + "; ".join(f"{n}: {k.expects}" for n, k in KINDS.items()) + ".",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    none: dict[str, Any] = {"default": None}
    add("--type", choices=KINDS, default="any", help="what the rows mean, and usual settings")
    add("--data", type=Path, nargs="+", required=True, help="files and folders")
    sizes = ("auto", *PRESETS)
    add(
        "--model-size",
        "--preset",
        choices=sizes,
        default="auto",
        help="auto: what suits this machine",
    )
    add("--out", type=Path, **none, help="folder of the checkpoint; runs/TYPE")
    add("--epochs", type=int, **none, help="how often to go through the data; usual for the type")
    add("--steps", type=int, default=0, help="optimiser steps, instead of epochs")
    add("--resume", action="store_true", help="go on from an interrupted run in --out")
    add("--initial", type=Path, **none, help="checkpoint folder to start from")
    add("--labels", default="", help="a router's labels in their order, a,b,c; else alphabetical")
    add("--licence", default="", help="of the data, where no LICENSE lies beside it")
    add("--export", choices=MODES, **none, help="afterwards write the served form to OUT/served")
    add("--tokenizer", type=Path, default=tokenizer, help="the shared tokenizer")
    add("--validation", type=float, default=0.05, help="share of the examples held out")
    add("--patience", type=int, **none, help="validations without gain that end a run; 0 never")
    add("--every", type=int, default=0, help="steps between checkpoints; 0 a twentieth of all")
    add("--rows", type=int, **none, help="rows a step; usual for the type")
    add("--context", type=int, **none, help="positions a row; examples are packed into them")
    add("--rate", type=float, **none, help="peak learning rate; usual for the type")
    add("--warmup", type=int, default=-1, help="steps of warm-up; -1 a tenth of all")
    add("--weight-decay", type=float, default=0.1, help="on matrices alone")
    add("--dropout", type=float, default=0.0, help="share of each layer's output that is left out")
    add(
        "--average",
        type=float,
        default=0.0,
        help="keep the mean of the weights over steps, with this decay, such as 0.999; 0 the last",
    )
    add("--clip", type=float, default=1.0, help="largest norm of the gradient")
    add("--seed", type=int, default=1, help="of weights, split and order")
    add("--threads", type=int, default=0, help="of torch; 0 leaves its own choice")
    add("--device", choices=("auto", "cpu", "cuda"), default="auto", help="where to train")
    add("--precision", choices=("auto", "bf16", "fp32"), default="auto", help="of the products")
    add("--compiled", action="store_true", help="use torch.compile (needs a C++ compiler)")
    add("--json", action="store_true", help="one JSON object a line on stdout")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())

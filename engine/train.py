"""Command line of training: `python -m engine.train --preset pi_5 --data FOLDER --out FOLDER`."""

import argparse
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from engine.config import PRESETS
from engine.errors import EngineError
from engine.tokenizer import DEFAULT_PATH

EXIT_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Train as the arguments say; the exit status is 0, 1 (an error) or 130 (interrupted)."""
    options = _parser().parse_args(arguments)
    # After parsing, so that --help needs no torch.
    from engine.training import TrainPlan, train

    fields = {name: value for name, value in vars(options).items() if name != "resume"}
    fields["config"] = PRESETS[fields.pop("preset")]
    fields["data"] = tuple(fields["data"])
    try:
        with _asked_to_stop() as stop:
            result = train(
                TrainPlan(**fields),
                resume=options.resume,
                report=lambda progress: print(progress, file=sys.stderr, flush=True),  # noqa: T201 - a command line
                stop=stop,
            )
    except EngineError as fault:
        print(f"engine.train: {fault}", file=sys.stderr)  # noqa: T201 - a command line
        return 1
    return 0 if result.finished else EXIT_INTERRUPTED


@contextmanager
def _asked_to_stop() -> Iterator[Callable[[], bool]]:
    """Gives what is True once Ctrl-C or SIGTERM has come; the step in hand is finished first."""
    asked: list[int] = []
    former = {
        number: signal.signal(number, lambda got, _: asked.append(got))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m engine.train",
        description="Train a model on .txt files and on .jsonl rows of prompt and answer.",
        epilog='A .jsonl line: {"prompt": "...", "answer": "..."} or {"prompt": "...", "label": 3} '
        'with optional "system" and "task" (home, route, text, code, math), or {"prompt_ids": '
        '[...], "answer_ids": [...]}. The loss is on the answer alone.',
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--preset", choices=PRESETS, required=True, help="shape of the model")
    add("--data", type=Path, nargs="+", required=True, help="folders, .txt and .jsonl files")
    add("--out", type=Path, required=True, help="folder of the checkpoint")
    add("--tokenizer", type=Path, default=DEFAULT_PATH, help="the shared tokenizer")
    add("--initial", type=Path, default=None, help="checkpoint folder to start from")
    add("--steps", type=int, default=1000, help="optimiser steps")
    add("--rows", type=int, default=16, help="rows a step")
    add("--context", type=int, default=256, help="positions a row; examples are packed into them")
    add("--rate", type=float, default=2e-3, help="peak learning rate")
    add("--warmup", type=int, default=50, help="steps of warm-up")
    add("--weight-decay", type=float, default=0.1, help="on matrices alone")
    add("--clip", type=float, default=1.0, help="largest norm of the gradient")
    add("--validation", type=float, default=0.02, help="share of the examples held out")
    add("--seed", type=int, default=1, help="of weights, split and order")
    add("--every", type=int, default=200, help="steps between validations and checkpoints")
    add("--threads", type=int, default=0, help="of torch; 0 leaves its own choice")
    add("--device", choices=("cpu", "cuda"), default="cpu", help="where to train")
    add("--compiled", action="store_true", help="use torch.compile (needs a C++ compiler)")
    add("--resume", action="store_true", help="go on from an interrupted run in --out")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())

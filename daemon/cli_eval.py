"""`forgebus eval`: what a model is worth, on public sets and on rows of one's own."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from daemon.cli_options import DONE, FAILED, USAGE, CommandError, ConfigFile, Json, settings

INTERRUPTED = 130
_EVERY_S = 10.0
_EVERY_ON_A_TERMINAL_S = 0.2


def evaluate(
    kind: Annotated[str, typer.Argument(help="home, router, math, code or text.")],
    data: Annotated[
        Path, typer.Option("--data", "-d", help="The set: a file or a folder.", metavar="PATH")
    ],
    *,
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", help="A model here, or a folder.", metavar="NAME|FOLDER"),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", help="First so many cases.", min=0)] = 0,
    part: Annotated[
        str, typer.Option("--part", help="router: test, validation or training; test if there.")
    ] = "",
    threshold: Annotated[
        float | None,
        typer.Option("--threshold", help="Instead of the model's own.", min=0.0, max=1.0),
    ] = None,
    answers: Annotated[
        Path | None,
        typer.Option("--answers", help="Score these answers, of any model.", metavar="FILE"),
    ] = None,
    questions: Annotated[
        bool, typer.Option("--questions", help="Print the cases for another model, and end.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write eval.json and eval.png there.")
    ] = None,
    json: Json = False,
    config: ConfigFile = None,
) -> int:
    """Accuracy, precision at coverage, abstention, confusion and latency of a model on a set."""
    from daemon.plain import as_json, printable

    try:
        from engine.errors import BadConfig, EngineError
        from engine.interrupt import asked_to_stop
        from evaluation import command, report
    except ImportError as fault:
        raise CommandError(f"evaluating needs {fault.name}: pip install forgebus") from None

    try:
        models = settings(config).work.models_dir
        order = command.Order(kind, data, models, model, limit, answers, part, threshold)
        if questions:
            for one in command.questions(order):
                print(as_json(one))
            return DONE
        with asked_to_stop() as asked, _progress(asked) as progress:
            told = command.evaluate(order, progress)
        if json:
            print(as_json(told))
        else:
            for line in report.lines(told):
                print(printable(line))
        if out is not None:
            for file in command.write(told, out):
                print(printable(f"wrote {file}"), file=sys.stderr)
    except EngineError as fault:
        raise CommandError(str(fault), USAGE if isinstance(fault, BadConfig) else FAILED) from None
    return DONE if told["complete"] else INTERRUPTED


@contextmanager
def _progress(asked: Callable[[], bool]) -> Iterator[Callable[[int, int, int], None]]:
    """Counts on stderr: in place on a terminal, else a line now and every ten seconds.

    Between two cases it ends the evaluation once that was `asked` for.
    """
    terminal = sys.stderr.isatty()
    started = time.monotonic()
    last = started - _EVERY_S
    shown = False

    def progress(done: int, of: int, right: int) -> None:
        nonlocal last, shown
        if asked():
            raise KeyboardInterrupt
        now = time.monotonic()
        if now - last < (_EVERY_ON_A_TERMINAL_S if terminal else _EVERY_S):
            return
        last, shown = now, True
        whole = f" of {of}" if of else ""
        share = f", {right / done:.1%} right" if of else ""
        line = f"{done}{whole}{share}, {done / (now - started):.1f} a second"
        print(
            f"\r\x1b[K{line}" if terminal else line, end="" if terminal else "\n", file=sys.stderr
        )
        sys.stderr.flush()

    try:
        yield progress
    finally:
        if terminal and shown:
            print("\r\x1b[K", end="", file=sys.stderr)

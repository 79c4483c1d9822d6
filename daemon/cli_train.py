"""`forgebus train`: the options are those of the engine's command line, which torchrun starts too."""

import typer

from daemon.cli_options import FAILED, USAGE, CommandError


def train(context: typer.Context) -> int:
    """Train a model from files of rows; `train --help` tells every option."""
    try:
        from engine.errors import BadConfig, EngineError
        from engine.train import run
    except ImportError as fault:
        raise CommandError(f"training needs {fault.name}: pip install forgebus[train]") from None
    from daemon.config import shipped

    try:
        return run(context.args, "forgebus train", shipped("models") / "tokenizer.json")
    except EngineError as fault:
        raise CommandError(str(fault), USAGE if isinstance(fault, BadConfig) else FAILED) from None
    except SystemExit as ended:  # --help
        return int(ended.code or 0)

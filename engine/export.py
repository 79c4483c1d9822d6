"""Command line of export: `python -m engine.export CHECKPOINT models/NAME --mode int8`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from engine.checkpoint import load_checkpoint
from engine.errors import EngineError
from engine.graph import MODES, export


def main(arguments: Sequence[str] | None = None) -> int:
    """Export as the arguments say; the exit status is 0 or 1."""
    parser = argparse.ArgumentParser(
        prog="python -m engine.export",
        description="Write the served form of a checkpoint: graph, config.json and SHA256SUMS.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("checkpoint", type=Path, help="folder that engine.train wrote")
    parser.add_argument("folder", type=Path, help="models/<name>")
    parser.add_argument("--mode", choices=MODES, default="int8", help="how weights are kept")
    options = parser.parse_args(arguments)
    try:
        file = export(load_checkpoint(options.checkpoint), options.folder, options.mode)
    except EngineError as fault:
        print(f"engine.export: {fault}", file=sys.stderr)  # noqa: T201 - a command line
        return 1
    print(f"{file}  {file.stat().st_size:,} bytes")  # noqa: T201 - a command line
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

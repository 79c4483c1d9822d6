"""Command line of export: `python -m engine.export CHECKPOINT models/NAME --mode int8`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from engine.checkpoint import Checkpoint, load_checkpoint
from engine.errors import EngineError
from engine.graph import write_served
from engine.quantisation import MODES
from engine.quantisation.quantise import GROUP_SIZES, QuantizationConfig, quantise_checkpoint


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
    parser.add_argument(
        "--group-size", type=int, choices=GROUP_SIZES, help="inputs that share a scale"
    )
    parser.add_argument(
        "--calibrate", type=int, default=0, metavar="N", help="int4: over N batches of 8 x 256"
    )
    parser.add_argument(
        "--texts", type=Path, nargs="+", help="to calibrate by; default: what the model writes"
    )
    options = parser.parse_args(arguments)
    try:
        checkpoint = load_checkpoint(options.checkpoint)
        config = QuantizationConfig(options.mode, options.group_size, options.calibrate)
        texts = _ids(options.texts, options.checkpoint, checkpoint) if options.texts else None
        file = write_served(quantise_checkpoint(checkpoint, config, texts), options.folder)
    except EngineError as fault:
        print(f"engine.export: {fault}", file=sys.stderr)  # noqa: T201 - a command line
        return 1
    print(f"{file}  {file.stat().st_size:,} bytes")  # noqa: T201 - a command line
    return 0


def _ids(paths: Sequence[Path], folder: Path, checkpoint: Checkpoint) -> list[list[int]]:
    from engine.pretrained import find_tokenizer
    from engine.training.data import load_corpus

    tokenizer = find_tokenizer(folder, checkpoint.tokenizer)
    corpus = load_corpus(tuple(paths), tokenizer, checkpoint.config.context)
    return [example.ids.tolist() for example in corpus.examples]


if __name__ == "__main__":
    raise SystemExit(main())

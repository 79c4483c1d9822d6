"""One model in every mode beside fp32: size on disk, memory, perplexity, agreement, speed.

    forgebus bench modes --model models/text --text data/held_out/story.txt

Everything is measured on what a node would serve: the folder is written, loaded and asked through
`Forge`. The text should be none that the model was made or calibrated with; of a .jsonl file only the
answers count. Memory is that of a fresh process after its runs, speed the median step of 256 greedy
tokens after a prompt of 128, one thread.
"""

import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import psutil
from rich.console import Console
from rich.table import Table

from bench.arguments import Arguments
from daemon.config import shipped
from engine.checkpoint import WEIGHTS, Checkpoint, load_checkpoint
from engine.errors import BadData, EngineError
from engine.graph import write_served
from engine.pretrained import find_tokenizer
from engine.quantisation import QuantizationConfig, quantise_checkpoint
from engine.runtime import Forge
from engine.served import load_served_weights
from engine.tokenizer import Tokenizer
from engine.training.data import Example, load_corpus

ROOT = Path(__file__).resolve().parent.parent
HELD_OUT = ROOT / "data" / "held_out"
CONTEXT = 256
"""Positions of a piece of text: each is read on its own, as in training."""
BATCHES = 16
RUNS = 3

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Row:
    """One mode.

    Attributes:
        calibrated: by "texts" or by the model's "own texts"; "" is plain rounding.
        disk_mb: of the graph and what lies beside it (MB of 10**6 bytes).
        rss_mb: of a fresh process that has served (MiB).
        perplexity: a token of the text.
        over_fp32: share by which that is above fp32's, in percent.
        divergence: Kullback-Leibler, mean nats a token from fp32.
        agreement: share of tokens at which the likeliest next one is fp32's.
    """

    mode: str
    calibrated: str
    disk_mb: float
    rss_mb: float
    perplexity: float
    over_fp32: float
    divergence: float
    agreement: float
    tok_s: float
    backend: str


def measure(model: Path, text: Path, calibration: Path | None) -> Iterator[Row]:
    """Each mode in its turn, fp32 first.

    Args:
        model: folder of a checkpoint, or a served model's; its fp32 is that of its weights as
            they are.
        text: held-out .txt or .jsonl.
        calibration: texts for int4; None lets the model write its own.

    Raises:
        EngineError: the model or a text cannot be read.
    """
    checkpoint = _checkpoint(model)
    tokenizer = find_tokenizer(model, checkpoint.tokenizer)
    examples = _examples(text, tokenizer, checkpoint)
    ids = None if calibration is None else _ids(calibration, tokenizer, checkpoint)
    with tempfile.TemporaryDirectory() as place:
        tokenizer.save(Path(place) / "tokenizer.json")
        reference: Forge | None = None
        for config in _CONFIGS:
            folder = Path(place) / f"{config.mode}-{config.calibration_batches}"
            given = ids if config.calibration_batches else None
            write_served(quantise_checkpoint(checkpoint, config, given), folder)
            forge = Forge.load(folder, tokenizer=tokenizer, threads=1)
            reference = reference or forge
            name = ("texts" if ids else "own texts") if config.calibration_batches else ""
            yield _row(forge, reference, folder, examples, (config.mode, name))


_CONFIGS = (
    QuantizationConfig("none"),
    QuantizationConfig("dynamic"),
    QuantizationConfig("int8"),
    QuantizationConfig("int4"),
    QuantizationConfig("int4", None, BATCHES),
)


def main(argv: Sequence[str]) -> int:
    """`forgebus bench modes`."""
    parser = Arguments(prog="forgebus bench modes", description=__doc__)
    parser.add_argument("--model", type=Path, default=shipped("models") / "text")
    parser.add_argument("--text", type=Path, default=HELD_OUT / "story.txt")
    parser.add_argument("--calibration", type=Path, default=HELD_OUT / "calibration.txt")
    parser.add_argument("--own", action="store_true", help="calibrate by the model's own texts")
    parser.add_argument("--json", action="store_true", help="one object")
    given = parser.parse_args(argv)
    try:
        rows = list(measure(given.model, given.text, None if given.own else given.calibration))
    except EngineError as fault:
        print(f"forgebus bench modes: {fault}", file=sys.stderr)
        return 1
    if given.json:
        told = {"model": given.model.name, "text": given.text.name}
        print(json.dumps(told | {"modes": [asdict(row) for row in rows]}))
    else:
        _show(rows, f"{given.model.name} on {given.text.name}")
    return 0


def _checkpoint(folder: Path) -> Checkpoint:
    return load_checkpoint(folder) if (folder / WEIGHTS).exists() else load_served_weights(folder)


def _examples(file: Path, tokenizer: Tokenizer, checkpoint: Checkpoint) -> tuple[Example, ...]:
    return load_corpus((file,), tokenizer, min(CONTEXT, checkpoint.config.context)).examples


def _ids(file: Path, tokenizer: Tokenizer, checkpoint: Checkpoint) -> list[list[int]]:
    return [example.ids.tolist() for example in _examples(file, tokenizer, checkpoint)]


def _row(
    forge: Forge,
    reference: Forge,
    folder: Path,
    examples: Sequence[Example],
    named: tuple[str, str],
) -> Row:
    """What `folder`, loaded as `forge`, gives on `examples` beside `reference`."""
    loss = loss_fp32 = divergence = agreed = 0.0
    count = 0
    for example in examples:
        ids, first = example.ids.tolist(), max(example.prompt - 1, 0)
        q, p = (_log_shares(each, ids[:-1], first) for each in (forge, reference))
        place = np.arange(len(q))
        loss -= q[place, ids[first + 1 :]].sum()
        loss_fp32 -= p[place, ids[first + 1 :]].sum()
        divergence += float((np.exp(p) * (p - q)).sum())
        agreed += float((p.argmax(1) == q.argmax(1)).sum())
        count += len(q)
    if not count:
        raise BadData("the text has no token to predict", "give a longer one")
    rss, rate, backend = _served(folder, forge.config.vocab_size)
    return Row(
        mode=named[0],
        calibrated=named[1],
        disk_mb=round(sum(file.stat().st_size for file in folder.glob("model.*")) / 1e6, 2),
        rss_mb=rss,
        perplexity=round(math.exp(loss / count), 4),
        over_fp32=round(100 * math.expm1((loss - loss_fp32) / count), 3),
        divergence=round(divergence / count, 6),
        agreement=round(agreed / count, 4),
        tok_s=rate,
        backend=backend,
    )


def _log_shares(forge: Forge, ids: list[int], first: int) -> Floats:
    """Log-probabilities (S - first, V) of the token after each of `ids` from number `first` on."""
    forge.rewind(0)
    logits = forge.extend(ids, every=True)[first:].astype(np.float64)
    logits -= logits.max(1, keepdims=True)
    shares: Floats = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    return shares


def _served(folder: Path, vocab: int) -> tuple[float, float, str]:
    """RSS in MiB, tokens a second and backend of a fresh process that serves `folder`."""
    arguments = ["forge", str(folder), "--threads", "1", "--vocab", str(vocab)]
    with subprocess.Popen(
        [sys.executable, "-m", "bench.engine_side", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        backend: str = json.loads(process.stdout.readline())["backend"]
        steps: list[float] = []
        for _ in range(RUNS):
            process.stdin.write("run\n")
            process.stdin.flush()
            told: dict[str, Any] = json.loads(process.stdout.readline())
            steps += told["step_s"]
        rss = psutil.Process(process.pid).memory_info().rss / 2**20
        process.stdin.close()
    return round(rss, 1), round(1 / statistics.median(steps), 1), backend


def _show(rows: Sequence[Row], title: str) -> None:
    table = Table(title=title)
    names = "mode, MB, RSS, perplexity, over fp32, KL, same, tok/s, by"
    for number, name in enumerate(names.split(", ")):
        table.add_column(name, justify="right" if number else "left")
    for row in rows:
        mode = f"{row.mode}, {row.calibrated}" if row.calibrated else row.mode
        table.add_row(
            mode,
            f"{row.disk_mb:.1f}",
            f"{row.rss_mb:.0f}",
            f"{row.perplexity:.2f}",
            f"{row.over_fp32:+.2f} %",
            f"{row.divergence:.1e}",
            f"{row.agreement:.1%}",
            f"{row.tok_s:,.0f}",
            "fused" if row.backend == "fused" else "ort",
        )
    Console().print(table)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

"""What a decode step takes on the five devices of the design: measured here, and estimated for the Pis.

An estimate is made of two times. Computing: the instructions of a step, which were counted under an
emulator (`bench.device_counts`, exact), over clock and instructions per cycle of the core. Fetching: the
bytes of a step over the bandwidth that the board's memory was seen to give. A core that computes while it
fetches takes the longer of the two, one that waits takes both: the estimate is that range. Sources of clock,
rate and bandwidth: docs/devices.md.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from rich.console import Console
from rich.table import Table

from bench.arguments import Arguments, count
from bench.device_counts import AT, COUNTS
from bench.engine import measure
from engine.config import PRESETS, ForgeConfig
from engine.errors import EngineError

Kind = Literal["measured", "estimate", "not served"]


@dataclass(frozen=True, slots=True)
class Board:
    """A device that nobody here has.

    Attributes:
        level: the build of the fused step that its core runs.
        instructions_per_cycle: of the loops that take most of a step, by LLVM's model of the core.
        bytes_per_s: seen by others.
        preset: what is meant for it.
        claim: tok/s that the design expects.
    """

    name: str
    core: str
    level: str
    hertz: float
    instructions_per_cycle: float
    bytes_per_s: float
    preset: str
    claim: str


BOARDS = (
    Board("Pi Zero 2 W", "Cortex-A53", "neon", 1.0e9, 0.83, 2.6e9, "pi_zero", "2 to 5"),
    Board("Pi 4", "Cortex-A72", "neon", 1.5e9, 1.81, 5.5e9, "pi_4", "10 to 20"),
    Board("Pi 5", "Cortex-A76", "dotprod", 2.4e9, 1.58, 10.0e9, "pi_5", "30 to 50"),
)
_WIDTH = 110
MEASURED = ("pi_zero", "pi_4", "pi_5", "small")


@dataclass(frozen=True, slots=True)
class Row:
    """One device with one model.

    Attributes:
        backend: fused or onnxruntime; "" where nothing serves.
        instructions: of a step; None where nobody counted them.
        bytes: that a step reads: weights, and the cache at position 256.
        least, most: tok/s; the same where measured, None where there is no figure.
        claim: of the design, for what it means for the device.
    """

    device: str
    preset: str
    mode: str
    backend: str
    kind: Kind
    instructions: int | None
    bytes: int | None
    least: float | None
    most: float | None
    claim: str = ""


def step_bytes(shape: ForgeConfig, position: int = AT) -> int:
    """Bytes that a decode step of the fused int8 model reads: each weight once, the cache so far.

    A code a weight and an fp16 scale for 64 of them; keys and values are fp16.
    """
    cache = 2 * 2 * shape.n_layers * shape.kv_dim * position
    return int(shape.parameters() * (1 + 2 / 64)) + cache


def estimate(board: Board, preset: str) -> Row:
    """The fused step with one thread.

    Raises:
        KeyError: nobody counted the instructions of this preset on the board's level.
    """
    instructions, size = COUNTS[board.level, preset], step_bytes(PRESETS[preset])
    computing = instructions / (board.hertz * board.instructions_per_cycle)
    fetching = size / board.bytes_per_s
    return Row(
        device=board.name,
        preset=preset,
        mode="int8",
        backend="fused",
        kind="estimate",
        instructions=instructions,
        bytes=size,
        least=_two_digits(1 / (computing + fetching)),
        most=_two_digits(1 / max(computing, fetching)),
        claim=board.claim if preset == board.preset else "",
    )


def rows(presets: Sequence[str], rounds: int) -> Iterator[Row]:
    """The table: the Pis, this machine, and the card that serves nothing.

    Raises:
        EngineError: this machine cannot run a side.
    """
    for board in BOARDS:
        for preset in presets:
            if (board.level, preset) in COUNTS:
                yield estimate(board, preset)
    for preset in presets:
        found = measure(preset, "int8", 1, "onnxruntime", rounds)
        size = step_bytes(PRESETS[preset])
        for backend, rate in ((found.backend, found.tok_s), (found.peer, found.peer_tok_s)):
            read = size if backend == "fused" else None
            yield Row("this CPU", preset, "int8", backend, "measured", None, read, rate, rate)
    yield Row("GPU", "", "", "", "not served", None, None, None, None)


def main(argv: Sequence[str]) -> int:
    """`forgebus bench devices`."""
    parser = Arguments(prog="forgebus bench devices", description=__doc__)
    parser.add_argument("--preset", choices=MEASURED, help="this one alone")
    parser.add_argument("--rounds", type=count, default=5, help="of what is measured")
    parser.add_argument("--json", action="store_true", help="one object")
    given = parser.parse_args(argv)
    try:
        found = list(rows([given.preset] if given.preset else MEASURED, given.rounds))
    except EngineError as fault:
        print(f"forgebus bench devices: {fault}", file=sys.stderr)
        return 1
    if given.json:
        print(json.dumps({"rows": [asdict(row) for row in found]}))
    else:
        _show(found)
    return 0


def _two_digits(value: float) -> float:
    """An estimate has no more."""
    return float(f"{value:.2g}")


def _show(found: Sequence[Row]) -> None:
    table = Table(title="int8, decoding after 256 tokens, batch 1, one thread")
    names = ("device", "model", "by", "instructions", "bytes", "tok/s", "kind", "design")
    for name in names:
        table.add_column(name, justify="right" if name in names[3:6] else "left")
    for row in found:
        rate = "" if row.least is None else f"{row.least:,.0f}"
        if row.most != row.least:
            rate += f" to {row.most:,.0f}"
        counted = "" if row.instructions is None else f"{row.instructions / 1e6:.2f} M"
        size = "" if row.bytes is None else f"{row.bytes / 1e6:.2f} MB"
        table.add_row(row.device, row.preset, row.backend, counted, size, rate, row.kind, row.claim)
    # A pipe counts as 80 columns wide, which would break every row.
    Console(width=max(_WIDTH, Console().width)).print(table)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

"""One model in a process of its own: it loads, answers once, then on request.

    python -m bench.model_side MODELS NAME CAPABILITY

With a capability its handler answers, as in a worker of a node; with "" the engine does. The first line
on standard output comes after the first answer. Each line on standard input then asks for something, and
gets one line of JSON back: "rounds N" for as many rounds of the typical requests, "speed" for the engine alone.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

REQUESTS = Path(__file__).with_name("typical_requests.json")
CLASSIFIER, OTHER = "a classifier without a capability", "a model without a capability"
MOST_TOKENS = 512
PROMPT, NEW = 128, 64

Answer = Callable[[Any], None]


class Call:
    """A handler's call that nobody listens to."""

    def __init__(self) -> None:
        from handlers.protocol import Usage

        self.max_tokens = MOST_TOKENS
        self.usage = Usage()

    def emit(self, text: str) -> None:
        """Nobody listens."""

    def cancelled(self) -> bool:
        """Never."""
        return False

    def progress(self, fraction: float) -> None:
        """Nobody listens."""

    def abstain(self, reason: str, probability: float) -> None:
        """There is nobody else to ask."""


def typical_requests() -> dict[str, list[Any]]:
    """What is asked, by capability or by one of the two kinds without."""
    told: dict[str, list[Any]] = json.loads(REQUESTS.read_text("utf-8"))
    return told


def by_handler(models: Path, capability: str) -> Answer:
    """What answers as a node would."""
    from handlers.catalog import build

    handler = build(capability, models)
    handler.load()

    def answer(content: Any) -> None:
        handler.run(json.dumps(content).encode(), Call())

    return answer


def by_engine(folder: Path) -> tuple[str, Answer]:
    """What answers for a model that no capability serves, and the kind of its requests."""
    from engine.decoding import classify, generate
    from engine.model_use import read_use
    from engine.runtime import Forge

    forge, use = Forge.load(folder, threads=1), read_use(folder)
    if use.labels:
        labels = range(len(use.labels))
        return CLASSIFIER, lambda text: void(
            classify(forge, use.ids(forge.tokenizer, text), labels)
        )
    return OTHER, lambda text: void(generate(forge, use.ids(forge.tokenizer, text), max_tokens=NEW))


def void(_answer: object) -> None:
    """Nobody looks at what was answered."""


def speed(folder: Path) -> dict[str, float]:
    """Tokens a second of the engine: a prompt of up to 128, then up to 64 steps."""
    import numpy as np

    from engine.runtime import Forge

    forge = Forge.load(folder, threads=1)
    room = forge.config.context
    length, new = min(PROMPT, room // 2), min(NEW, room // 4)
    ids = [int(n) for n in np.random.default_rng(0).integers(300, forge.config.vocab_size, length)]
    prefills, steps = [], []
    for _ in range(7):
        forge.rewind(0)
        started = time.perf_counter()
        logits = forge.extend(ids)[-1]
        prefills.append(time.perf_counter() - started)
        for _ in range(new):
            started = time.perf_counter()
            logits = forge.step(int(logits.argmax()))
            steps.append(time.perf_counter() - started)
    return {
        "prefill_tok_s": round(length / statistics.median(prefills)),
        "decode_tok_s": round(1 / statistics.median(steps)),
    }


def rounds(answer: Answer, requests: list[Any], count: int) -> dict[str, Any]:
    """So many rounds of the requests, each timed, and the size of the process after them."""
    taken = []
    for _ in range(count):
        for request in requests:
            started = time.perf_counter()
            answer(request)
            taken.append(1000 * (time.perf_counter() - started))
    return {"ms": taken, "rss_mb": psutil.Process().memory_info().rss / 2**20}


def main() -> None:
    """Serve until standard input ends."""
    models, name, capability = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    if capability:
        kind, answer = capability, by_handler(models, capability)
    else:
        kind, answer = by_engine(models / name)
    requests = typical_requests()[kind]
    answer(requests[0])
    print(json.dumps({"requests": len(requests)}), flush=True)
    for line in sys.stdin:
        what, _, number = line.strip().partition(" ")
        told = speed(models / name) if what == "speed" else rounds(answer, requests, int(number))
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()

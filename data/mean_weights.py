"""The mean of the weights of several runs that began from one another, as a checkpoint.

    python -m data.mean_weights run/m/c5 run/m/c6 --out run/m/mean

A mean of models fine-tuned from the same weights is often better than each (Wortsman et al. 2022).
"""

import argparse
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np

from engine.checkpoint import load_checkpoint, save_checkpoint
from engine.errors import BadModel
from engine.model_use import USE


def main() -> None:
    """Write the checkpoint, with the use.json and the training.json of the last run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    mean(given.runs, given.out)
    print(given.out)


def mean(runs: list[Path], out: Path) -> None:
    """Write the mean of `runs` to the new folder `out`.

    Raises:
        BadModel: their shapes or labels differ.
    """
    found = [load_checkpoint(run) for run in runs]
    last = found[-1]
    uses = {(run / USE).read_bytes() for run in runs}
    if len(uses) > 1 or any(one.config != last.config for one in found):
        raise BadModel("the runs have different shapes or labels", "give runs of one model")
    weights = {
        name: np.stack([one.weights[name] for one in found]).mean(0, dtype=np.float32)
        for name in last.weights
    }
    save_checkpoint(out, replace(last, weights=weights))
    shutil.copyfile(runs[-1] / USE, out / USE)


if __name__ == "__main__":
    main()

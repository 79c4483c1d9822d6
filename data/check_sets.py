"""Hold a folder of public sets against the sha256 of what the models were made from.

    python -m data.check_sets SETS             # every set that is there
    python -m data.check_sets SETS snips gsm8k # these, and they must be there
    python -m data.check_sets SETS --write     # write data/public_sets.sums anew

``data/public_sets.sums`` has a line for each file, "sha256 bytes path". Of two sets of very many files
it has a line for each folder instead, its path ending in a slash: the sha256 over the lines
"sha256  name" of the folder's own files, sorted by name. docs/data.md tells how to get each set.
"""

import argparse
import hashlib
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

SUMS = Path(__file__).with_name("public_sets.sums")


@dataclass(frozen=True, slots=True)
class PublicSet:
    """A set that models were made from.

    Attributes:
        name: of its folder.
        source: its public home.
        licence: as a card names it.
        taken: which part of it these files are.
        by_folder: it has so many files that a line stands for a folder.
    """

    name: str
    source: str
    licence: str
    taken: str
    by_folder: bool = False


SETS = (
    PublicSet(
        "banking77",
        "https://github.com/PolyAI-LDN/task-specific-datasets",
        "CC BY 4.0",
        "banking_data/train.csv and categories.json, not test.csv",
    ),
    PublicSet("books", "https://standardebooks.org", "CC0 1.0", "20 books as plain text"),
    PublicSet(
        "chatterbot_corpus",
        "https://github.com/gunthercox/chatterbot-corpus",
        "BSD-3-Clause",
        "chatterbot_corpus/data of four languages",
    ),
    PublicSet(
        "clinc150",
        "https://github.com/clinc/oos-eval",
        "CC BY 3.0",
        "data/data_full.json without its test and oos_test",
    ),
    PublicSet(
        "gsm8k",
        "https://github.com/openai/grade-school-math",
        "MIT",
        "grade_school_math/data/train.jsonl, not test.jsonl",
    ),
    PublicSet(
        "home_assistant_datasets_train",
        "https://github.com/allenporter/home-assistant-datasets",
        "Apache-2.0",
        "datasets/device-actions and device-actions-v2, without what assist and assist-mini have too",
        by_folder=True,
    ),
    PublicSet(
        "home_assistant_intents",
        "https://github.com/home-assistant/intents",
        "CC BY 4.0",
        "intents.yaml and sentences/, not tests/",
        by_folder=True,
    ),
    PublicSet(
        "home_llm_piles",
        "https://github.com/acon96/home-llm",
        "MIT",
        "data/piles, without a held-out 15 of 100 rows of actions and status requests",
    ),
    PublicSet(
        "hwu64",
        "https://github.com/xliuhw/NLU-Evaluation-Data",
        "CC BY 4.0",
        "DialoGLUE's train, train_5, train_10 and valid, not test",
    ),
    PublicSet(
        "mawps",
        "https://github.com/arkilpatel/SVAMP",
        "MIT",
        "data/cv_mawps/fold0/train.csv, not dev.csv",
    ),
    PublicSet(
        "mbpp",
        "https://github.com/google-research/google-research/tree/master/mbpp",
        "CC BY 4.0",
        "rows 601 to 974 of mbpp.jsonl",
    ),
    PublicSet(
        "self_instruct",
        "https://github.com/yizhongw/self-instruct",
        "Apache-2.0",
        "data/seed_tasks.jsonl",
    ),
    PublicSet(
        "snips",
        "https://github.com/MiuLab/SlotGated-SLU",
        "CC0 1.0",
        "data/snips/train and valid, not test",
    ),
)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the list: a file, or a folder whose path ends in a slash."""

    path: str
    sha256: str
    size: int


def main() -> int:
    """Print a line for each set; 0 if all that was asked for is as listed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", type=Path, help="the folder that the sets' folders lie in")
    parser.add_argument("names", nargs="*", help="of sets; without, those that are there")
    parser.add_argument("--write", action="store_true", help="write the list anew from SETS")
    given = parser.parse_args()
    known = {each.name: each for each in SETS}
    if unknown := sorted(set(given.names) - known.keys()):
        parser.error(f"no set {', '.join(unknown)}; there are {', '.join(known)}")
    if not given.sets.is_dir():
        parser.error(f"{given.sets} is no folder")
    if given.write:
        write_list(given.sets)
        return 0
    wrong = 0
    for each in SETS:
        if given.names and each.name not in given.names:
            continue
        faults = check(given.sets, each)
        if faults is None and not given.names:
            print(f"{each.name}: not there; {each.source} ({each.licence}), see docs/data.md")
            continue
        faults = [f"{given.sets / each.name} is not there"] if faults is None else faults
        wrong += bool(faults)
        print(f"{each.name}: {'as listed' if not faults else 'not as listed'} ({each.licence})")
        for fault in faults:
            print(f"  {fault}")
    stray = sorted(path.name for path in given.sets.iterdir() if path.is_dir())
    for name in stray:
        if name not in known:
            print(f"{name}: no set that a model here was made from")
    return 1 if wrong else 0


def check(sets: Path, public: PublicSet, listed: Iterable[Line] | None = None) -> list[str] | None:
    """What is wrong with the copy of a set in ``sets``; None where it is not there at all.

    Args:
        sets: the folder that the sets' folders lie in.
        public: the set.
        listed: the list to hold it against; by default that of the project.
    """
    if not (sets / public.name).is_dir():
        return None
    lines = read_list() if listed is None else listed
    want = {line.path: line for line in lines if line.path.startswith(f"{public.name}/")}
    have = {line.path: line for line in lines_of(sets, public)}
    faults = [f"{path} is missing" for path in sorted(want.keys() - have.keys())]
    faults += [f"{path} is not known" for path in sorted(have.keys() - want.keys())]
    for path in sorted(want.keys() & have.keys()):
        if want[path].sha256 != have[path].sha256:
            faults.append(_difference(want[path], have[path]))
    return faults


def read_list() -> list[Line]:
    """The list of the project."""
    rows = (line.split(" ", 2) for line in SUMS.read_text("utf-8").splitlines())
    return [Line(path, digest, int(size)) for digest, size, path in rows]


def write_list(sets: Path) -> None:
    """Write the list of the project from the sets in ``sets``, all of which must be there."""
    lines = [line for public in SETS for line in lines_of(sets, public)]
    absent = [public.name for public in SETS if not (sets / public.name).is_dir()]
    if absent:
        raise SystemExit(f"{', '.join(absent)}: not in {sets}, and the list is of all sets")
    SUMS.write_text("".join(f"{at.sha256} {at.size} {at.path}\n" for at in lines), "utf-8")


def lines_of(sets: Path, public: PublicSet) -> Iterator[Line]:
    """The lines that a list of this copy would have, in order of their paths."""
    files = sorted(path for path in (sets / public.name).rglob("*") if path.is_file())
    if not public.by_folder:
        for file in files:
            content = file.read_bytes()
            digest = hashlib.sha256(content).hexdigest()
            yield Line(file.relative_to(sets).as_posix(), digest, len(content))
        return
    for folder in sorted({file.parent for file in files}):
        own = [(file.name, file.read_bytes()) for file in files if file.parent == folder]
        sums = "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in own)
        size = sum(len(content) for _, content in own)
        path = f"{folder.relative_to(sets).as_posix()}/"
        yield Line(path, hashlib.sha256(sums.encode()).hexdigest(), size)


def _difference(want: Line, have: Line) -> str:
    what = "a file of this folder is another one" if want.path.endswith("/") else "another file"
    if want.size != have.size:
        return f"{want.path}: {what}, {have.size} bytes instead of {want.size}"
    return f"{want.path}: {what} of the same size"


if __name__ == "__main__":
    sys.exit(main())

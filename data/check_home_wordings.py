"""What is wrong with the wordings of ``data/seeds/home``, and how many there are.

python -m data.check_home_wordings [FILE ...]        # switching, for data/seeds/home/switching.txt
"""

import random
import re
import sys
from collections import Counter
from functools import lru_cache

from data.home_german_phrases import PHRASES as GERMAN
from data.home_wordings import FOLDER, UNSEEN, wordings
from data.phrasing import expand

_GERMAN = "german"
_ONLY_IN_TRAINING = {
    **dict.fromkeys(("not_home", "joint", "beside", "before", "after"), frozenset("n")),
    **dict.fromkeys(("which_on", "which_open", "which_locked"), frozenset("u")),
    "on_light": frozenset("x"),
    "opposite": frozenset("xynm"),
    "then": frozenset("xnc"),
}


def topics(file: str = "") -> dict[str, frozenset[str]]:
    """The slots that each topic is given; those of German are its own."""
    german = file == _GERMAN
    found = {} if german else dict(_ONLY_IN_TRAINING)
    for table in GERMAN.values() if german else (wordings(UNSEEN),):
        for topic, templates in table.items():
            slots = re.findall(r"\{(\w+)\}", " ".join(templates))
            found[topic] = found.get(topic, frozenset()) | frozenset(slots)
    return found


def pattern(template: str) -> re.Pattern[str]:
    """A line that a template can write, its slots left open as ``<x>``."""
    escaped = re.escape(re.sub(r"\{(\w)\}", r"<\1>", template))
    for mark, meant in (("[", "(?:"), ("]", ")?"), ("(", "(?:"), (")", ")"), ("|", "|")):
        escaped = escaped.replace(re.escape(mark), meant)
    return re.compile("^ *" + escaped.replace("\\ ", " *") + " *$", re.MULTILINE)


@lru_cache
def reserved(file: str = "") -> str:
    """Sentences of validation, one a line, slots left open: what no template for training may write."""
    slots = {name: f"<{name}>" for name in "cdeilnmopqrstuwxy"}
    held = GERMAN["validation"] if file == _GERMAN else wordings(UNSEEN)
    templates = [t for found in held.values() for t in found]
    written = {expand(t, random.Random(seed), **slots) for t in templates for seed in range(4)}
    return "\n".join(sorted(written))


def faults(file: str) -> list[str]:
    """What is wrong with a file.

    That is: headings that no topic has, slots that it is not given, repetitions, brackets without
    their like, and sentences that are kept for validation.
    """
    found = []
    known = topics(file)
    for heading, templates in wordings(file).items():
        where = f"{file}.txt [{heading}]"
        given = known.get(heading.partition(" ")[0])
        if given is None:
            found.append(f"{where} is no topic")
            continue
        for template, times in Counter(templates).items():
            slots = set(re.findall(r"\{(\w+)\}", template))
            if times > 1:
                found.append(f"{where}: {times} times {template!r}")
            if template != template.lower():
                found.append(f"{where}: not in lower case: {template!r}")
            if slots - given:
                found.append(f"{where}: has no slot {sorted(slots - given)}: {template!r}")
                continue
            written = expand(template, random.Random(0), **dict.fromkeys(slots, "it"))
            if re.search(r"[\[\](){}|]", written):
                found.append(f"{where}: brackets do not match, or a slot is unknown: {template!r}")
            elif pattern(template).search(reserved(file)):
                found.append(f"{where}: kept for validation, leave it out: {template!r}")
    return found


def main() -> int:
    """Print counts and faults; 1 if there is a fault."""
    files = sys.argv[1:] or sorted(file.stem for file in FOLDER.glob("*.txt"))
    wrong = [fault for file in files for fault in faults(file)]
    for file in files:
        held = wordings(file)
        print(f"{file}: {sum(map(len, held.values()))} templates in {len(held)} topics")
    print("\n".join(wrong) or "nothing wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

"""Files of phrasings in `data/seeds`: templates under labels, and the words that fill their slots."""

import random
from dataclasses import dataclass
from pathlib import Path

from data.phrasing import expand

SEEDS = Path(__file__).parent / "seeds"


@dataclass(frozen=True, slots=True)
class Phrasebook:
    """What a file of phrasings holds.

    Attributes:
        subjects: what may stand in a slot, by its name.
        templates: by label; "" where a file has none.
    """

    subjects: dict[str, list[str]]
    templates: dict[str, list[str]]

    def say(self, template: str, rng: random.Random) -> str:
        """One random sentence of a template; each slot is filled anew."""
        for name, values in self.subjects.items():
            while "{" + name + "}" in template:
                template = template.replace("{" + name + "}", rng.choice(values), 1)
        return expand(template, rng)


def read_phrasebook(name: str) -> Phrasebook:
    """The phrasings of `data/seeds/NAME.txt`.

    `= slot: a;b` names what may stand in a slot, `: template` a phrasing without a label; any other
    line is a label where it is one word, and a phrasing of the label before it where it is not.
    """
    subjects: dict[str, list[str]] = {}
    templates: dict[str, list[str]] = {}
    label = ""
    for line in (SEEDS / f"{name}.txt").read_text("utf-8").splitlines():
        if line.startswith("#") or not line.strip():
            continue
        if line.startswith("= "):
            slot, _, values = line[2:].partition(":")
            subjects[slot] = [value.strip() for value in values.split(";")]
        elif line.replace("_", "").isalnum():
            label = line
        else:
            templates.setdefault(label, []).append(line.removeprefix(": "))
    return Phrasebook(subjects, templates)

"""What the sentence itself says against what the model would do."""

import math

from handlers.home_actions import ASKING, COLORS, INTENTS, TEXTS, parse, resolve
from handlers.home_lexicon import COMMON, PLACE_WORDS
from handlers.home_names import ALL_KINDS, FILLERS
from handlers.home_scene import Scene
from handlers.home_speech import COLOR_NAMES, asks_for_state, stem_of
from handlers.home_view import View

_NEVER = math.log(0.01)
"""What is left of the probability of what is never right."""


def doubt_of(line: str, scene: Scene, shown: View) -> float:
    """What the sentence itself says against a line, as a logarithm to add to its probability's.

    Of lines that left something out that was surely named, one in four was right on scenes for
    development; a question taken for a command, or a command that reaches nothing, never is.
    """
    actions = parse(line)
    if asks_for_state(shown.sentence) and any(a.intent not in ASKING for a in actions):
        return _NEVER
    if any(INTENTS[a.intent] and not resolve(a, scene, shown, 1.0).entities for a in actions):
        return _NEVER
    doubt = math.log(0.3) if _said_of_elsewhere(line, shown) else 0.0
    read = shown.prompt.partition("\n")[0].split(" ")
    named = {word for word in read if word in shown.entities or word in shown.places}
    named |= {word for word in read if word in shown.numbers or word in COLORS}
    if named.difference(line.replace(";", "").split(" ")) - {"white"}:
        doubt += math.log(0.5)
    return doubt


def kind_of(line: str) -> str:
    """Of which kind a line is, as far as it matters for how sure it is; "" for an abstention."""
    match parse(line):
        case []:
            return ""
        case [action]:
            pass
        case _:
            return "several"
    if any(name in TEXTS for name, _ in action.slots):
        return "text"
    if "Timer" in action.intent:
        return "timer"
    if action.intent in ASKING:
        return "question"
    return "group" if action.domain else "thing"


def _said_of_elsewhere(line: str, shown: View) -> bool:
    """Whether a thing of the line stands right behind a room that is not its own.

    That room is not of this home, or it would have become a letter: "the observatory blinds".
    """
    meant = line.replace(";", "").split(" ")
    told = [("", ""), *shown.told]
    runs = zip(told, told[1:], told[2:], strict=False)
    return any(
        (letter := read.split(" ")[-1].removeprefix("~")) in shown.entities
        and letter in meant
        and before_read == before
        and _may_be_room(stem_of(before), stem_of(article))
        for (_, article), (before_read, before), (read, _) in runs
    )


def _may_be_room(stem: str, before: str) -> bool:
    """Whether a word is one for a room, or behind an article one that nobody knows."""
    known = stem in COMMON or stem in ALL_KINDS or stem in FILLERS or stem in _COLORS
    unknown = len(stem) > 3 and stem.isalpha() and not known
    return stem in _ROOMS or (unknown and before in FILLERS)


_COLORS = frozenset((*COLORS, *COLOR_NAMES))
_ROOMS = PLACE_WORDS - FILLERS

"""Makers of sentences with two or three commands in one."""

import random
from collections.abc import Sequence

from data.home_mentions import SWITCHED, Goal, Made, either
from data.home_nouns import GENERIC
from data.home_wider import step, wish
from data.home_wishes import (
    climate,
    covers,
    lights,
    locks,
    media,
    scene,
    switch,
    switch_group,
    timer,
    vacuum,
)
from data.home_wordings import say, worded
from data.homes import Home
from data.phrasing import expand, numeral
from handlers.home_actions import COLORS
from handlers.home_scene import Entity

_PAIRED = (
    *(switch, switch, switch_group, switch_group, lights, lights, covers, locks, media, climate),
    *(step, vacuum, scene, timer, wish),
)
_JOINTS = {
    "train": (
        " and ",
        " and ",
        " and ",
        " and then ",
        ", then ",
        " and also ",
        ", ",
        " then ",
        ". ",
    ),
    "validation": (" and ", " and ", ", and ", " and after that ", "; ", ", also "),
}


def several(home: Home, part: str, rng: random.Random, others: Sequence[str]) -> Made | None:
    """Two or three commands: apart, or with a verb or a value in common."""
    roll = rng.random()
    if roll < 0.28:
        return _shared_verb(home, part, rng)
    if roll < 0.4:
        return _shared_value(home, part, rng)
    if roll < 0.52:
        return _opposite(home, part, rng)
    if roll < 0.6:
        return _then_more(home, part, rng)
    made: list[Made | None] = []
    for _ in range(rng.choice((2, 2, 2, 3))):
        if part == "train" and made and rng.random() < 0.25:
            before = made[-1]
            made.append(_continued(home, before[1] if before else (), rng))
        else:
            made.append(rng.choice(_PAIRED)(home, part, rng, others))
    texts: list[str] = []
    goals: list[Goal] = []
    for one in made:
        if one is None or one[2] or any(goal in goals for goal in one[1]):
            return None
        texts.append(one[0])
        goals += one[1]
    text = texts[0]
    for other in texts[1:]:
        text += _joint(part, rng) + other
    return text, tuple(goals), ""


def _joint(part: str, rng: random.Random) -> str:
    """What stands between two commands."""
    joint = worded("joint", rng) if part == "train" else ""
    return joint.replace("_", " ") or rng.choice(_JOINTS[part])


_SWITCHED = ("light", "fan", "switch")
_BRIEFLY = (
    (_SWITCHED, "HassTurnOn", ("{x} on", "on with {x}", "{x} can go on", "{x} back on")),
    (_SWITCHED, "HassTurnOff", ("{x} off", "off with {x}", "{x} can go off")),
    (("cover",), "HassTurnOn", ("{x} open", "{x} up", "{x} should be open")),
    (("cover",), "HassTurnOff", ("{x} (closed|shut)", "{x} down", "{x} should be closed")),
    (("lock",), "HassTurnOn", ("{x} locked", "{x} should be locked")),
    (("lock",), "HassTurnOff", ("{x} unlocked", "{x} should be unlocked")),
    (("light",), "brightness", ("{x} (to|at) {n} [percent]", "{x} {n} percent", "{n} for {x}")),
    (("light",), "color", ("{x} [to|in] {c}", "{c} for {x}")),
)
"""Domains, what is done, and how it is said where a command before tells that this is one."""
_ALIKE = (
    *("{x} (too|as well|also|likewise)", "{x} (too|as well)", "[do] the same (for|with|to) {x}"),
    *("likewise {x}", "ditto {x}", "so (should|must) {x}", "same (for|with) {x}"),
)


def _continued(home: Home, before: Sequence[Goal], rng: random.Random) -> Made | None:
    """A command in short after another: its own, or the same of a second thing."""
    if rng.random() < 0.4:
        return _likewise(home, before, rng)
    domains, done, templates = rng.choice(_BRIEFLY)
    found = _targets(home, domains, 1, rng)
    if found is None:
        return None
    target, mention = found[0]
    color, number = rng.choice(COLORS), rng.randint(1, 100)
    if done == "color" and color in mention:
        return None
    text = expand(rng.choice(templates), rng, x=mention, n=numeral(number, rng), c=color)
    match done:
        case "brightness" | "color":
            value = str(number) if done == "brightness" else color
            return text, (Goal("HassLightSet", *target, ((done, value),)),), ""
        case _:
            return text, (Goal(done, *target),), ""


def _likewise(home: Home, before: Sequence[Goal], rng: random.Random) -> Made | None:
    """The same of another thing of the kind, where a single thing or a room came before."""
    if len(before) != 1 or before[0].without or before[0].target in ("all", "-"):
        return None
    goal = before[0]
    domain = goal.target.kind() if isinstance(goal.target, Entity) else goal.domain
    if goal.intent not in ("HassTurnOn", "HassTurnOff", "HassLightSet"):
        return None
    found = _targets(home, (domain,), 1, rng) if domain in (*_SWITCHED, "cover", "lock") else None
    if found is None or found[0][0][0] == goal.target:
        return None
    target, mention = found[0]
    if any(value in mention for _, value in goal.slots):
        return None
    text = expand(rng.choice(_ALIKE), rng, x=mention)
    return text, (Goal(goal.intent, *target, goal.slots),), ""


_Target = tuple[tuple[Entity | str, str], str]


def _targets(
    home: Home, domains: Sequence[str], count: int, rng: random.Random
) -> list[_Target] | None:
    """That many different targets, each of one of the domains, with their mentions."""
    found: list[_Target] = []
    for _ in range(count):
        domain = rng.choice(domains)
        among = SWITCHED if domain in SWITCHED else tuple(GENERIC)
        target = either(home, domain, rng, among)
        if target is None or any(target[0][0] == other[0][0] for other in found):
            return None
        found.append(target)
    return found


def _listed(mentions: Sequence[str], rng: random.Random) -> str:
    if len(mentions) == 2:
        return rng.choice((" and ", " and ", " and also ", " as well as ", " plus ")).join(mentions)
    return ", ".join(mentions[:-1]) + rng.choice((" and ", ", and ")) + mentions[-1]


_VERBS = (
    (("light", "fan", "switch"), (("on", "HassTurnOn"), ("off", "HassTurnOff"))),
    (("light", "fan", "switch"), (("on", "HassTurnOn"), ("off", "HassTurnOff"))),
    (SWITCHED, (("on", "HassTurnOn"), ("off", "HassTurnOff"))),
    (("cover",), (("open", "HassTurnOn"), ("close", "HassTurnOff"))),
    (("lock",), (("lock", "HassTurnOn"), ("unlock", "HassTurnOff"))),
)


def _shared_verb(home: Home, part: str, rng: random.Random) -> Made | None:
    domains, ways = rng.choice(_VERBS)
    found = _targets(home, domains, rng.choice((2, 2, 2, 3)), rng)
    if found is None:
        return None
    topic, intent = rng.choice(ways)
    kind = domains[0] if len(domains) == 1 else ""
    text = say(topic, part, rng, kind, x=_listed([mention for _, mention in found], rng))
    return text, tuple(Goal(intent, *target) for target, _ in found), ""


def _shared_value(home: Home, part: str, rng: random.Random) -> Made | None:
    found = _targets(home, ("light",), 2, rng)
    if found is None:
        return None
    number, color = str(rng.randint(1, 100)), rng.choice(COLORS)
    topic, slots = rng.choice(
        (("brightness", (("brightness", number),)), ("color", (("color", color),)))
    )
    if any(color in mention for _, mention in found):
        return None
    mentions = _listed([mention for _, mention in found], rng)
    text = say(topic, part, rng, x=mentions, n=numeral(int(number), rng), c=color)
    return text, tuple(Goal("HassLightSet", *target, slots) for target, _ in found), ""


_OPPOSITES = {
    "train": {
        "switch": (
            "(turn|switch) on {x} and (turn|switch) off {y}",
            "(turn|switch) {x} on and {y} off",
            "{x} on(,| and) {y} off",
            "(turn|switch) on {x} but (turn|switch) {y} off",
            "(turn|switch) on {x} and off {y}",
        ),
        "cover": ("open {x} and close {y}", "raise {x} and lower {y}", "{x} up, {y} down"),
        "lock": ("lock {x} and unlock {y}", "lock {x} but unlock {y}"),
        "light": (
            "(set|dim|turn) {x} to {n} [percent] and {y} to {m} [percent]",
            "{x} to {n} percent, {y} to {m} percent",
            "(set|dim) {x} to {n} percent and (set|dim) {y} to {m} percent",
        ),
    },
    "validation": {
        "switch": ("i want {x} on and {y} off", "{x} should be on but {y} off"),
        "cover": ("get {x} open and {y} closed",),
        "lock": ("{x} should be locked and {y} unlocked",),
        "light": ("bring {x} to {n} percent and {y} to {m} percent",),
    },
}
_BOTH_WAYS = ("HassTurnOn", "HassTurnOff")


def _opposite(home: Home, part: str, rng: random.Random) -> Made | None:
    kind = rng.choice(("switch", "switch", "cover", "lock", "light"))
    domains = ("light", "fan", "switch", "media_player") if kind == "switch" else (kind,)
    found = _targets(home, domains, 2, rng)
    if found is None:
        return None
    (one, x), (other, y) = found
    n, m = rng.sample(range(1, 100), 2)
    slots = {"x": x, "y": y, "n": numeral(n, rng), "m": numeral(m, rng)}
    template = worded("opposite", rng, kind) if part == "train" else ""
    template = template or rng.choice(_OPPOSITES[part][kind])
    text = expand(template, rng, **slots)
    if kind == "light":
        goals = [
            Goal("HassLightSet", *target, (("brightness", str(value)),))
            for target, value in ((one, n), (other, m))
        ]
    else:
        goals = [Goal(i, *target) for i, target in zip(_BOTH_WAYS, (one, other), strict=True)]
    if template.index("{y}") < template.index("{x}"):
        goals.reverse()
    return text, tuple(goals), ""


_THEN = {
    "train": (
        "(turn|switch) on {x} and (set|dim) (it|them) to {n} percent",
        "(turn|switch) {x} on and (make|set|turn) (it|them) [to] {c}",
        "(turn|switch) on {x} and (make|turn) (it|them) {c}",
        "(turn|switch) {x} on, {n} percent [brightness]",
    ),
    "validation": ("put {x} on and give it {n} percent", "have {x} on and let it glow {c}"),
}


def _then_more(home: Home, part: str, rng: random.Random) -> Made | None:
    target = either(home, "light", rng)
    value = rng.choice(("brightness", "color")) if part == "train" else ""
    template = (worded("then", rng, value) if value else "") or rng.choice(_THEN[part])
    color, number = rng.choice(COLORS), rng.randint(1, 100)
    if target is None or color in target[1]:
        return None
    text = expand(template, rng, x=target[1], n=numeral(number, rng), c=color)
    slots = (("color", color),) if "{c}" in template else (("brightness", str(number)),)
    goals = (Goal("HassTurnOn", *target[0]), Goal("HassLightSet", *target[0], slots))
    return text, goals, ""


SEVERAL = {"several": (several, 30.0)}
"""Topic -> maker and how often, by weight."""

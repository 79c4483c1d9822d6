"""Corrections as rows of training and as cases of an evaluation.

A correction is said over again with a word of courtesy, and in homes that have fewer other things,
so that the model learns the phrasing and not the home. Names need no change: the model reads letters
in their place (docs/home_model.md).
"""

import hashlib
import random
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from engine.routing import prompt_of
from evaluation.home_cases import HomeTask, intended
from evaluation.intents import Sentence
from handlers.corrections_home import line_of
from handlers.corrections_store import Correction
from handlers.home_scene import Scene, located
from handlers.home_view import view
from handlers.intent_classification import Sentence as Asked
from handlers.protocol import BadInput, read_content

Row = dict[str, Any]
_COURTESY = ("{} please", "please {}", "{} now", "could you {}", "hey, {}", "{} thanks", "ok {}")
_HELD_OUT_OF = 5


def split(found: Sequence[Correction]) -> tuple[list[Correction], list[Correction]]:
    """What is trained on, and every fifth that is held out; none of fewer than five."""
    mixed = sorted(found, key=lambda one: hashlib.sha256(one.id.encode()).digest())
    held = len(mixed) // _HELD_OUT_OF
    return mixed[held:], mixed[:held]


def learnable(found: Sequence[Correction]) -> list[Correction]:
    """Those that can still be the model's answer; what it reads may have changed since."""
    return [one for one in found if next(_plain_rows(one), None) is not None]


def rows_of(one: Correction, copies: int, seed: int) -> list[Row]:
    """`copies` rows for `engine.training`: half of them as it was said, half said differently."""
    rng = random.Random(f"{one.id} {seed}")
    plain = next(_plain_rows(one))
    varied = [_varied(one, rng) or plain for _ in range(copies // 2)]
    return [plain] * (copies - len(varied)) + varied


def home_task(one: Correction) -> HomeTask:
    """A correction of `home_control` as a case."""
    scene = _scene(one)
    wanted = tuple(intended(i.name, i.slots, list(i.entities)) for i in one.right.intents)
    return HomeTask(
        one.id, "corrections", scene.text, intents=wanted, scene=msgspec.to_builtins(scene)
    )


def sentence(one: Correction) -> Sentence:
    """A correction of `intent_classification` as a case."""
    return Sentence(one.id, _text(one), one.right.label)


def _plain_rows(one: Correction) -> Iterator[Row]:
    """The row of a correction as it was said, if there is one."""
    try:
        if one.right.label:
            yield _labelled(_text(one), one.right.label)
        else:
            yield _commanded(_scene(one), one)
    except BadInput:
        return


def _varied(one: Correction, rng: random.Random) -> Row | None:
    frame = rng.choice(_COURTESY)
    if one.right.label:
        return _labelled(frame.format(_text(one)), one.right.label)
    scene = _scene(one)
    meant = {entity for intent in one.right.intents for entity in intent.entities}
    share = rng.uniform(0.3, 1.0)
    kept = tuple(e for e in scene.entities if e.entity_id in meant or rng.random() < share)
    text = frame.format(scene.text) if rng.random() < 0.5 else scene.text
    try:
        return _commanded(msgspec.structs.replace(scene, text=text[:500], entities=kept), one)
    except BadInput:
        return None


def _commanded(scene: Scene, one: Correction) -> Row:
    line = line_of(scene, one.right.intents)
    return {"prompt": view(located(scene)).prompt, "answer": line, "task": "home"}


def _labelled(text: str, label: str) -> Row:
    return {"prompt": prompt_of(text), "label": label, "task": "route"}


def _scene(one: Correction) -> Scene:
    return read_content(bytes(one.content), Scene, "text")


def _text(one: Correction) -> str:
    return read_content(bytes(one.content), Asked, "text").text

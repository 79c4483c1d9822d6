"""Our own rows about homes: `.jsonl` of scenes with the right intents."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from engine.errors import BadData
from evaluation.home_cases import HomeTask, Intended, intended

_EXPECTED = (
    'write {"text": ..., "entities": [...], "areas": [...], "intents": [...]} on each line, or '
    "what `python -m data.home_commands` writes as validation.jsonl"
)


def row_tasks(file: Path) -> Iterator[HomeTask]:
    """The task of each line.

    Raises:
        BadData: a line that is no row; names file and line.
    """
    with file.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            place = f"{file}:{number}"
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as fault:
                raise BadData(f"{place} is no JSON ({fault})", _EXPECTED) from fault
            case = f"{file.name}:{number}"
            match row:
                case {"scene": dict(scene), "line": str() | None as wanted}:
                    yield HomeTask(
                        case,
                        str(row.get("topic") or "rows"),
                        str(scene.get("text", "")),
                        intents=_of_line(scene, wanted, place),
                        scene=scene,
                    )
                case {"text": str(text), "intents": [*intents]}:
                    scene = {k: row[k] for k in row.keys() - {"intents", "topic", "id"}}
                    yield HomeTask(
                        str(row.get("id", case)),
                        str(row.get("topic") or "rows"),
                        text,
                        intents=tuple(_intent(one, place) for one in intents),
                        scene=scene,
                    )
                case _:
                    raise BadData(f"{place} is no scene with its intents", _EXPECTED)


def _of_line(scene: Mapping[str, Any], line: str | None, place: str) -> tuple[Intended, ...]:
    """What the expected line of the home model means in this scene."""
    from handlers.home_actions import parse, resolve
    from handlers.home_scene import Scene, located
    from handlers.home_view import view

    if line is None:
        # Its target is not among what the model is shown: no answer can be right, silence neither.
        return (Intended("out of view", frozenset(), ()),)
    try:
        read = located(msgspec.convert(dict(scene), Scene))
        shown = view(read)
        found = [resolve(action, read, shown, 1.0) for action in parse(line)]
    except (ValueError, msgspec.ValidationError) as fault:
        raise BadData(f"{place} is no scene with its line ({fault})", _EXPECTED) from fault
    return tuple(intended(one.name, one.slots, list(one.entities)) for one in found)


def _intent(told: object, place: str) -> Intended:
    match told:
        case {"name": str(name), **more}:
            slots, entities = more.get("slots", {}), more.get("entities", [])
            if isinstance(slots, dict) and isinstance(entities, list):
                return intended(name, slots, [str(one) for one in entities])
    raise BadData(f"{place} has an intent without a name", _EXPECTED)

"""Which models there are, and what each name means for the bus.

auto                the router chooses the capability, the bus the node
local               as auto, but private: to the home and the nodes that it trusts with private content
fastest, best       as auto, by the least time, or the best quality
<capability>        that capability, wherever it is done best
<node>/<capability> that node and no other
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec

from bus_topics.messages import Preference, Privacy
from daemon.roster import NodeView
from doors.openai_errors import ApiError

_PREFERENCES: dict[str, dict[str, Any]] = {
    "auto": {},
    "local": {"privacy": Privacy.PRIVATE, "preference": Preference.LOCAL_FIRST},
    "fastest": {"preference": Preference.FASTEST},
    "best": {"preference": Preference.QUALITY_FIRST},
}
_NO_MODEL = frozenset({"correction"})
"""Capabilities that answer no question."""


class Skill(msgspec.Struct, frozen=True):
    """What one node says of one capability."""

    node: str
    model: str
    quality: float


class Chosen(msgspec.Struct, frozen=True):
    """What a model's name comes to: one capability, or None where the router decides; options of the task."""

    capability: str | None
    options: Mapping[str, Any]


class Offered(msgspec.Struct, frozen=True):
    """What is on the bus now: capability -> who offers it."""

    skills: Mapping[str, Sequence[Skill]]

    def can(self, capability: str, node: str | None = None) -> bool:
        """Whether somebody does, or this node."""
        return any(node in {None, one.node} for one in self.skills.get(capability, ()))


def offered_by(views: Sequence[NodeView]) -> Offered:
    """What the live nodes offer."""
    skills: dict[str, list[Skill]] = {}
    for view in views:
        if view.online and view.card is not None:
            for one in view.card.skills:
                skill = Skill(view.id, one.model, one.quality)
                skills.setdefault(one.capability, []).append(skill)
    return Offered({name: tuple(skills[name]) for name in sorted(skills) if name not in _NO_MODEL})


def chosen(model: str, offered: Offered) -> Chosen:
    """What a model's name means. Raises ApiError (404) where there is no such model now."""
    if model in _PREFERENCES:
        return Chosen(None, _PREFERENCES[model])
    node, _, capability = model.rpartition("/")
    if offered.can(capability, node or None):
        return Chosen(capability, {"node": node} if node else {})
    there = ", ".join((*_PREFERENCES, *offered.skills))
    raise ApiError(
        HTTPStatus.NOT_FOUND,
        f"there is no model {model!r} on the bus now; there are {there}, and <node>/<one of these>",
        param="model",
        code="model_not_found",
    )


def listed(offered: Offered, created: int) -> list[dict[str, Any]]:
    """The models as /v1/models lists them, those first that everybody wants; none without a node."""
    if not offered.skills:
        return []
    models = [_model(name, created, "forgebus") for name in _PREFERENCES]
    for capability, skills in offered.skills.items():
        names = sorted({one.model for one in skills if one.model})
        models.append(_model(capability, created, "forgebus", models=names))
    for capability, skills in offered.skills.items():
        for one in skills:
            more = {"models": [one.model] if one.model else [], "quality": one.quality}
            models.append(_model(f"{one.node}/{capability}", created, one.node, **more))
    return models


def _model(id_: str, created: int, owner: str, **more: Any) -> dict[str, Any]:
    told = {"id": id_, "object": "model", "created": created, "owned_by": owner}
    return told | ({"forgebus": more} if more else {})

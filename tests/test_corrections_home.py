"""A corrected command as the line that the home model should have written."""

import random

import msgspec
import pytest

from data.home_commands import _allowed, expected, sample
from evaluation.home_cases import intended
from handlers.corrections_home import NOTHING, Wanted, line_of
from handlers.home_actions import INTENTS, choices, parse, resolve
from handlers.home_scene import Entity, Scene, located
from handlers.home_view import view
from handlers.protocol import BadInput

HOME = (
    Entity("light.k1", "Ceiling Light", "Kitchen"),
    Entity("light.k2", "Counter Strip", "Kitchen"),
    Entity("cover.k", "Blinds", "Kitchen"),
    Entity("light.b", "Zorvan", "Bedroom"),
    Entity("fan.b", "Breeze", "Bedroom"),
)


def line(text: str, *wanted: Wanted) -> str:
    return line_of(Scene(text, HOME, ("Kitchen", "Bedroom")), wanted)


@pytest.mark.parametrize(
    ("text", "wanted", "written"),
    [
        ("murder zorvan", Wanted("HassTurnOff", ("light.b",)), "HassTurnOff A"),
        (
            "make zorvan glow at 30",
            Wanted("HassLightSet", ("light.b",), {"brightness": 30}),
            "HassLightSet A brightness N",
        ),
        (
            "nuke the kitchen lights",
            Wanted("HassTurnOff", ("light.k2", "light.k1"), {"area": "Kitchen"}),
            "HassTurnOff R light",
        ),
        (
            "kill all lights but the counter strip",
            Wanted("HassTurnOff", ("light.k1", "light.b")),
            "HassTurnOff all light except A",
        ),
        (
            "zorvan deserves more",
            Wanted("HassLightSet", ("light.b",), {"brightness_step": 15.0}, 0.4),
            "HassLightSet A change up",
        ),
    ],
)
def test_a_command_becomes_its_line(text: str, wanted: Wanted, written: str) -> None:
    assert line(text, wanted) == written


def test_nothing_and_several_commands_have_lines() -> None:
    off, on = Wanted("HassTurnOff", ("light.b",)), Wanted("HassTurnOn", ("fan.b",))
    assert line("kill zorvan and let breeze blow", off, on) == "HassTurnOff A; HassTurnOn B"
    assert line("zorvan is a silly name") == NOTHING
    with pytest.raises(BadInput, match="at most 3 commands"):
        line("kill zorvan and let breeze blow", off, on, off, on)


@pytest.mark.parametrize(
    ("text", "wanted", "why"),
    [
        ("it is stuffy", Wanted("HassTurnOn", ("fan.b",)), "names nothing of this home"),
        ("kill zorvan", Wanted("HassTurnOn", ("fan.b",)), "names A = light.b"),
        ("kill zorvan", Wanted("HassTurnOff", ("light.attic",)), "is not in the home"),
        ("kill zorvan", Wanted("rm -rf", ("light.b",)), "no intent 'rm -rf' is known"),
        ("dim zorvan", Wanted("HassSetPosition", ("cover.k",), {"position": 5}), "says no value"),
        (
            "zorvan at 30",
            Wanted("HassLightSet", ("light.b",), {"brightness": 40}),
            "cannot be learned from this sentence",
        ),
        (
            "zorvan at 30",
            Wanted("HassLightSet", ("light.b",), {"brightness": float("nan")}),
            "cannot be learned from this sentence",
        ),
    ],
)
def test_what_the_model_could_not_say_is_refused_with_the_reason(
    text: str, wanted: Wanted, why: str
) -> None:
    with pytest.raises(BadInput, match=why):
        line(text, wanted)


def test_whatever_the_generator_asks_for_can_be_corrected_to() -> None:
    """Every right answer that training has is a correction that is taken, and means the same."""
    rng = random.Random(11)
    seen = 0
    while seen < 120:
        one = sample("train", rng)
        shown = view(located(one.scene))
        answer = one.line(shown)
        if answer is None or one.reason or not _allowed(answer, choices(shown)):
            continue
        goals = expected(one)["intents"]
        if any(INTENTS[goal["name"]] and not goal["entities"] for goal in goals):
            continue  # all but the only one there is: nobody would correct to that
        wanted = [msgspec.convert(goal, Wanted) for goal in goals]
        written = line_of(one.scene, wanted)
        done = [resolve(a, located(one.scene), shown, 1.0) for a in parse(written)]
        assert {intended(i.name, i.slots, list(i.entities)) for i in done} == {
            intended(goal["name"], goal["slots"], goal["entities"]) for goal in goals
        }, (one.scene.text, written)
        seen += 1

"""What `forgebus top` makes of what it hears, and how that fits a small terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from bus_topics import messages as m
from bus_topics.messages import Outcome
from daemon.board import UNCONFIRMED_S, WINDOW_S, Board, Frame
from daemon.board_view import draw
from daemon.roster import NodeView

EVIL = "\x1b[b]x\n\x07"


def card(node: str, **more: object) -> m.Card:
    skill = m.Skill(capability="math", decode_tok_s=310.0, warm=True)
    return m.Card(node=node, boot="0" * 16, version="1", slots=2, skills=(skill,))


def view(node: str, *, online: bool = True) -> NodeView:
    return NodeView(node, card(node), online=online, age=3.0)


def event(task: str, kind: str, node: str | None = "attic", attempt: int = 1) -> m.Event:
    return m.Event(task=task, kind=kind, at_ms=12.0, node=node, attempt=attempt)


def record(task: str, state: str, **more: object) -> m.TaskRecord:
    told = {"capability": "math", "node": "attic", "attempts": 1, "age_ms": 5000.0} | more
    return m.TaskRecord(task=task, state=state, **told)  # type: ignore[arg-type]


def drawn(frame: Frame, width: int = 80, height: int = 24) -> list[str]:
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=True, color_system=None)
    console.print(draw(frame, width, height, "q leaves"))
    return out.getvalue().splitlines()


def test_events_make_what_runs_and_the_rates() -> None:
    board = Board(100.0)
    board.nodes([view("attic"), view("desk")])
    for number in range(4):
        board.event(event(f"cli/{number}", "awarded"), 101.0)
    board.event(event("cli/0", "done"), 102.0)
    board.event(event("cli/1", "failed", None), 103.0)
    frame = board.frame(110.0, linked=True)
    assert [one.task for one in frame.running] == ["cli/2", "cli/3"]
    assert {(one.node, one.attempt, one.age_s) for one in frame.running} == {("attic", 1, 9.0)}
    assert frame.rates["done"] == frame.rates["failed"] == pytest.approx(0.1)
    assert frame.rates["awarded"] == pytest.approx(0.4)
    assert [(node.id, node.running, node.slots) for node in frame.nodes] == [
        ("attic", 2, 2),
        ("desk", 0, 2),
    ]
    assert frame.nodes[0].done_per_s == pytest.approx(0.1)
    assert [one.kind for one in frame.events[:2]] == ["failed", "done"], "newest first"
    later = board.frame(103.0 + WINDOW_S + 1, linked=True)
    assert set(later.rates.values()) == {0.0}


def test_a_handed_on_task_runs_once_where_it_went() -> None:
    board = Board(0.0)
    board.nodes([view("attic"), view("desk")])
    board.event(event("cli/a", "awarded"), 1.0)
    board.report("home", [record("cli/a", "running")], 2.0)
    board.event(event("cli/a", "awarded", "desk", 2), 3.0)
    (one,) = board.frame(4.0, linked=True).running
    assert (one.node, one.attempt, one.home, one.capability) == ("desk", 2, "home", "math")


def test_reports_tell_what_waits_and_what_ran_before() -> None:
    board = Board(100.0)
    board.nodes([view("home"), view("attic")])
    ended = record("cli/z", "closed", outcome=Outcome.DONE)
    told = [record("cli/a", "queued"), record("cli/b", "offered"), record("cli/c", "running")]
    board.report("home", [*told, ended], 100.0)
    frame = board.frame(101.0, linked=True)
    assert (frame.queued, [node.queued for node in frame.nodes]) == (2, [2, 0])
    (one,) = frame.running
    assert (one.task, one.node, one.home, one.age_s) == ("cli/c", "attic", "home", 6.0)
    board.report("home", [record("cli/c", "closed", outcome=Outcome.DONE)], 102.0)
    frame = board.frame(102.0, linked=True)
    assert (frame.queued, frame.running) == (0, ())


def test_what_nobody_can_know_any_more_is_not_shown() -> None:
    """An end that was not heard, a node that is gone, a home that is silent."""
    board = Board(0.0)
    board.nodes([view("attic"), view("desk"), view("home")])
    board.event(event("cli/a", "awarded"), 1.0)
    board.event(event("cli/b", "awarded", "desk"), 1.0)
    board.report("home", [record("cli/q", "queued", node=None)], 1.0)
    board.nodes([view("attic"), view("desk", online=False), view("home")])
    board.silent("home")
    frame = board.frame(2.0, linked=True)
    assert [one.task for one in frame.running] == ["cli/a"]
    assert (frame.queued, frame.silent) == (0, ("home",))
    assert board.frame(2.0 + UNCONFIRMED_S, linked=True).running == ()


@pytest.mark.parametrize(("nodes", "tasks", "events"), [(0, 0, 0), (1, 1, 1), (3, 40, 60)])
@pytest.mark.parametrize("many", [1, 30])
def test_a_frame_fits_80_columns_and_24_lines(
    nodes: int, tasks: int, events: int, many: int
) -> None:
    board = Board(0.0)
    names = [f"node-with-a-long-name-{number:08}" for number in range(nodes * many)]
    board.nodes([view(name) for name in names])
    for number in range(tasks):
        board.event(event(f"a-requester/{number:040}", "awarded", names[number % nodes]), 1.0)
    for number in range(events):
        board.event(event(f"a-requester/other-{number}", "done", names[0]), 2.0)
    lines = drawn(board.frame(3.0, linked=True))
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    assert ("more" in " ".join(lines)) == (tasks > 20 or nodes * many > 20)
    if events:
        assert any("done" in line and "other-" in line for line in lines), "room for events is left"


def test_an_old_picture_says_so_and_others_text_is_text() -> None:
    board = Board(0.0)
    evil = m.TaskRecord(task="cli/a", capability="math", state="running", node="attic", attempts=1)
    board.nodes([view("attic")])
    board.report("home", [evil], 1.0)
    board.event(m.Event(task="cli/x", kind=EVIL, at_ms=1.0), 1.0)
    text = "\n".join(drawn(board.frame(2.0, linked=False), 120))
    assert "no broker" in text
    assert "\x07" not in text
    assert "\x1b" not in text
    assert "[b]x" in text

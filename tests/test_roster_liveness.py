"""The roster as a value: cards and statuses in, who is live and capable out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus_topics.messages import Card, Skill, Status
from daemon.roster import FORGET_S, MAX_NODES, SILENCE_S, Roster


def card(node: str, boot: str = "0a0a0a0a", *, hub: bool = False, can: str = "chat") -> Card:
    return Card(
        node=node, boot=boot, version="1", hub=hub, skills=(Skill(capability=can, model="m"),)
    )


def online(*nodes: str, at: float = 0.0, hub: bool = False) -> Roster:
    roster = Roster()
    for node in nodes:
        roster.on_card(node, card(node, hub=hub), at)
        roster.on_status(node, Status.ONLINE, at)
    return roster


def test_a_card_alone_makes_nobody_live() -> None:
    roster = Roster()
    assert roster.on_card("pi", card("pi"), 0.0)
    assert not roster.is_live("pi", 0.0)
    assert roster.capable("chat", 0.0) == ()


def test_a_card_of_another_node_is_ignored() -> None:
    roster = online("pi")
    assert not roster.on_card("thief", card("pi", "ffffffff"), 1.0)
    assert roster.boot("pi") == "0a0a0a0a"
    assert [view.id for view in roster.nodes(1.0)] == ["pi"]


def test_on_card_tells_a_new_boot_from_a_refresh() -> None:
    roster = Roster()
    assert roster.on_card("pi", card("pi", "aaaaaaaa"), 0.0)
    assert not roster.on_card("pi", card("pi", "aaaaaaaa"), 20.0)
    assert roster.on_card("pi", card("pi", "bbbbbbbb"), 40.0)
    assert roster.boot("pi") == "bbbbbbbb"


def test_a_node_known_by_status_alone_is_new_at_its_first_card() -> None:
    roster = Roster()
    roster.on_status("pi", Status.ONLINE, 0.0)
    assert roster.boot("pi") is None
    assert roster.on_card("pi", card("pi"), 0.1)


def test_on_status_tells_when_liveness_changed() -> None:
    roster = Roster()
    assert roster.on_status("pi", Status.ONLINE, 0.0)
    assert not roster.on_status("pi", Status.ONLINE, 20.0)
    assert roster.on_status("pi", Status.OFFLINE, 30.0)
    assert not roster.on_status("pi", Status.CONFLICT, 31.0)
    assert roster.on_status("pi", Status.ONLINE, 32.0)
    assert roster.on_status("pi", Status.ONLINE, 32.0 + SILENCE_S + 1.0)


@pytest.mark.parametrize("status", [Status.OFFLINE, Status.CONFLICT])
def test_a_beat_does_not_bring_back_who_said_goodbye(status: Status) -> None:
    roster = online("pi")
    roster.on_status("pi", status, 1.0)
    roster.heard("pi", 2.0)
    assert not roster.is_live("pi", 2.0)


def test_silence_ends_life_and_any_sign_renews_it() -> None:
    roster = online("pi")
    assert roster.is_live("pi", SILENCE_S)
    assert not roster.is_live("pi", SILENCE_S + 0.1)
    roster.heard("pi", 60.0)
    assert roster.is_live("pi", 60.0 + SILENCE_S)
    roster.on_card("pi", card("pi"), 120.0)
    assert roster.is_live("pi", 120.0 + SILENCE_S)


def test_a_sign_that_comes_late_does_not_age_a_node() -> None:
    roster = online("pi", at=100.0)
    roster.heard("pi", 40.0)
    assert roster.is_live("pi", 100.0 + SILENCE_S)


def test_a_beat_of_a_stranger_enrols_nobody() -> None:
    roster = Roster()
    roster.heard("app", 0.0)
    assert roster.nodes(0.0) == []


def test_capable_is_sorted_live_and_narrowed() -> None:
    roster = online("c", "a", "b")
    roster.on_card("d", card("d", can="draw"), 0.0)
    roster.on_status("d", Status.ONLINE, 0.0)
    roster.on_status("b", Status.OFFLINE, 0.0)
    assert roster.capable("chat", 1.0) == ("a", "c")
    assert roster.capable("draw", 1.0) == ("d",)
    assert roster.capable("chat", 1.0, only={"c", "zz"}) == ("c",)
    assert roster.capable("chat", SILENCE_S + 1.0) == ()


@given(
    st.lists(
        st.tuples(
            st.sampled_from("abcd"),
            st.sampled_from(["card chat", "card code", *Status, "a day passes"]),
        ),
        max_size=20,
    ),
    st.sets(st.sampled_from("abcd")),
    st.sets(st.sampled_from("abcd")),
)
def test_somebody_is_awaited_while_one_who_is_capable_has_not_answered(
    story: list[tuple[str, str]], answered: set[str], only: set[str]
) -> None:
    roster, now = Roster(), 0.0
    for node, event in story:
        now += 1.0 if event != "a day passes" else FORGET_S + 1.0
        match event.split():
            case ["card", can]:
                roster.on_card(node, card(node, can=can), now)
            case [status]:
                roster.on_status(node, Status(status), now)
            case _:
                roster.on_status(f"new-{now:.0f}", Status.OFFLINE, now)  # the others are forgotten
        for can in ("chat", "code"):
            plain = {
                view.id
                for view in roster.nodes(now)
                if view.online and view.card and view.card.skills[0].capability == can
            }
            asked = {node for node in plain if not only or node in only}
            assert roster.capable(can, now, only) == tuple(sorted(asked))
            assert roster.awaited(can, now, answered, only) == (not asked <= answered)


def test_quality_is_what_the_card_says() -> None:
    roster = Roster()
    skills = (Skill(capability="chat", quality=0.4), Skill(capability="chat", quality=0.7))
    roster.on_card("pi", Card(node="pi", boot="0a0a0a0a", version="1", skills=skills), 0.0)
    told = [roster.quality(node, can) for node in ("pi", "nobody") for can in ("chat", "code")]
    assert told == [0.7, 0.0, 0.0, 0.0]


def test_nodes_are_listed_with_their_age() -> None:
    roster = online("b", "a")
    roster.heard("a", 10.0)
    assert [(v.id, v.online, v.age) for v in roster.nodes(12.0)] == [
        ("a", True, 2.0),
        ("b", True, 12.0),
    ]
    assert [v.age for v in roster.nodes()] == [0.0, 10.0]


def test_the_hubs_of_a_key_are_live_hubs_in_a_stable_order() -> None:
    roster = online("a", "b", "c", hub=True)
    roster.on_card("d", card("d"), 0.0)
    roster.on_status("d", Status.ONLINE, 0.0)
    order = roster.hubs("ask/1", 1.0)
    assert sorted(order) == ["a", "b", "c"]
    assert online("c", "a", "b", hub=True).hubs("ask/1", 1.0) == order
    roster.on_status(order[0], Status.OFFLINE, 1.0)
    assert roster.hubs("ask/1", 1.0) == order[1:]


def test_no_hub_when_none_is_live() -> None:
    assert Roster().hubs("k", 0.0) == []
    assert online("a", hub=True).hubs("k", SILENCE_S + 1.0) == []


def test_keys_spread_over_the_hubs_and_only_a_lost_hubs_keys_move() -> None:
    roster = online("a", "b", "c", "d", hub=True)
    keys = [f"app/{i}" for i in range(400)]
    before = {key: roster.hubs(key, 0.0)[0] for key in keys}
    counts = [list(before.values()).count(node) for node in "abcd"]
    assert min(counts) > 60
    roster.on_status("b", Status.OFFLINE, 1.0)
    moved = {key for key in keys if roster.hubs(key, 1.0)[0] != before[key]}
    assert moved == {key for key in keys if before[key] == "b"}


def test_a_full_roster_forgets_the_longest_silent_and_never_the_live() -> None:
    roster = Roster()
    for i in range(MAX_NODES):
        roster.on_status(f"n{i}", Status.OFFLINE if i in (5, 7) else Status.ONLINE, float(i) / 1e3)
    roster.heard("n5", 2.0)
    assert roster.on_card("new", card("new"), 3.0)
    ids = {view.id for view in roster.nodes(3.0)}
    assert len(ids) == MAX_NODES
    assert "n7" not in ids
    assert "n5" in ids
    assert roster.on_card("new2", card("new2"), 4.0)
    assert "n5" not in {view.id for view in roster.nodes(4.0)}


def test_a_roster_full_of_live_nodes_takes_no_newcomer() -> None:
    roster = Roster()
    for i in range(MAX_NODES):
        roster.on_status(f"n{i}", Status.ONLINE, 0.0)
    assert not roster.on_card("new", card("new"), 1.0)
    assert not roster.on_status("new", Status.ONLINE, 1.0)
    assert roster.card("new") is None
    assert len(roster.nodes(1.0)) == MAX_NODES


def test_who_was_silent_for_a_day_is_forgotten_when_somebody_new_comes() -> None:
    roster = online("old", "older")
    roster.heard("old", 10.0)
    roster.on_card("new", card("new"), FORGET_S + 5.0)
    assert [view.id for view in roster.nodes(FORGET_S + 5.0)] == ["new", "old"]

"""A second node under our id: told from a card that we left ourselves in a life before."""

from __future__ import annotations

import pytest

from bus_topics import codec
from bus_topics import messages as m
from bus_topics.errors import WrongShape
from bus_topics.messages import Status
from daemon.config import load
from daemon.presence import LEFTOVERS, Change, Presence
from daemon.roster import Roster

OURS, OTHER, OLDER = "aaaaaaaa", "bbbbbbbb", "cccccccc"


def presence() -> Presence:
    config = load(env={"HOME": "/nowhere"}, overrides={"node.id": "twin"})
    return Presence(config, OURS, Roster(), m.Hardware())


def card(boot: str, node: str = "twin") -> bytes:
    return codec.encode(m.Card(node=node, boot=boot, version="1"))


def test_our_own_card_comes_back_and_means_nothing() -> None:
    one = presence()
    for live in (True, False) * LEFTOVERS:
        assert one.hear_card("twin", card(OURS), 1.0, live=live) is None


def test_a_live_card_of_another_process_is_a_conflict_at_once() -> None:
    one = presence()
    assert one.hear_card("twin", card(OTHER), 1.0, live=True) == Change("twin", OTHER)


def test_a_leftover_of_our_own_past_is_none_though_a_broker_brings_it_back() -> None:
    one = presence()
    for boot in (OTHER, OLDER):
        for _ in range(LEFTOVERS - 1):
            assert one.hear_card("twin", card(boot), 1.0, live=False) is None


def test_a_card_that_is_found_again_and_again_has_been_written_again() -> None:
    one = presence()
    told = [one.hear_card("twin", card(OTHER), 1.0, live=False) for _ in range(LEFTOVERS)]
    assert told == [None] * (LEFTOVERS - 1) + [Change("twin", OTHER)]
    one.status = Status.CONFLICT
    assert one.hear_card("twin", card(OTHER), 1.0, live=False) is None, "it is known by now"


def test_a_card_under_another_name_is_refused() -> None:
    with pytest.raises(WrongShape, match="under the name of"):
        presence().hear_card("other", card(OTHER), 1.0, live=True)

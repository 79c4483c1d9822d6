"""The list of topics is the contract: `build` and `parse` are inverse, and nothing else is a topic."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wire_values import KINDS, names

from bus_topics import messages as m
from bus_topics.errors import UnknownTopic
from bus_topics.topics import BY_MESSAGE, BY_NAME, DEFAULT_BASE, TOPICS, Topic, build, parse

rows = st.sampled_from(TOPICS)
nodes = names(m.NODE_PATTERN)
capabilities = names(m.CAPABILITY_PATTERN)
bases = st.sampled_from([DEFAULT_BASE, "f", "home/attic/forgebus/v1", "in", "node/in"])

# As the protocol has it: path below the base, QoS, retained, expiry in seconds.
PROMISED = {
    "status": ("node/<from>/status", 1, True, 60),
    "card": ("node/<from>/card", 1, True, 60),
    "state": ("node/<from>/state", 0, True, 60),
    "offer": ("offer/<capability>/<from>", 0, False, 2),
    "submit": ("in/<to>/<from>/submit", 1, False, 60),
    "get": ("in/<to>/<from>/get", 1, False, 60),
    "cancel": ("in/<to>/<from>/cancel", 1, False, 60),
    "final_ack": ("in/<to>/<from>/final_ack", 1, False, 3600),
    "accepted": ("in/<to>/<from>/accepted", 1, False, 60),
    "rejected": ("in/<to>/<from>/rejected", 1, False, 60),
    "progress": ("in/<to>/<from>/progress", 0, False, 60),
    "final": ("in/<to>/<from>/final", 1, False, 3600),
    "report": ("in/<to>/<from>/report", 1, False, 60),
    "bid": ("in/<to>/<from>/bid", 0, False, 5),
    "award": ("in/<to>/<from>/award", 1, False, 15),
    "started": ("in/<to>/<from>/started", 1, False, 60),
    "refuse": ("in/<to>/<from>/refuse", 1, False, 60),
    "beat": ("in/<to>/<from>/beat", 0, False, 15),
    "claim": ("in/<to>/<from>/claim", 1, False, 60),
    "go": ("in/<to>/<from>/go", 1, False, 15),
    "stop": ("in/<to>/<from>/stop", 1, False, 60),
    "result": ("in/<to>/<from>/result", 1, False, 3600),
    "verdict": ("in/<to>/<from>/verdict", 1, False, 3600),
    "models": ("in/<to>/<from>/models", 1, False, 60),
    "loaded": ("in/<to>/<from>/loaded", 1, False, 60),
    "set": ("in/<to>/<from>/set", 1, False, 60),
    "ask": ("ask/<from>/<capability>", 1, False, 60),
    "answer": ("answer/<to>/<capability>", 1, False, 3600),
    "taken": ("taken/<from>", 1, False, 60),
    "event": ("event/<from>", 0, False, None),
}


def test_the_rows_are_as_promised() -> None:
    assert {row.name: (row.path, row.qos, row.retain, row.expiry_s) for row in TOPICS} == PROMISED


def test_a_row_has_one_name_and_a_message_one_row() -> None:
    assert len(BY_NAME) == len(TOPICS) == len({row.path for row in TOPICS})
    assert len(KINDS) == len(set(KINDS)) == len(BY_MESSAGE)
    assert [row.name for row in TOPICS if row.message is None] == ["status"]


def test_every_message_type_stands_on_a_topic() -> None:
    assert set(m.Message.__subclasses__()) == set(KINDS)


def test_what_is_retained_expires_and_nothing_is_sent_at_qos_2() -> None:
    """A killed broker sends no wills and brings retained messages back: only expiry removes them."""
    assert all(row.expiry_s for row in TOPICS if row.retain)
    assert {row.qos for row in TOPICS} == {0, 1}


@given(base=bases, row=rows, sender=nodes, to=nodes, capability=capabilities)
@settings(deadline=None)
def test_parse_reads_what_build_wrote(
    base: str, row: Topic, sender: str, to: str, capability: str
) -> None:
    topic = build(base, row.name, sender=sender, to=to, capability=capability)
    assert topic.startswith(base + "/")
    assert re.fullmatch(r"[a-z0-9_/-]+", topic)
    address = parse(base, topic)
    assert address.topic is row
    assert address.sender == (sender if "<from>" in row.path else "")
    assert address.to == (to if "<to>" in row.path else "")
    assert address.capability == (capability if "<capability>" in row.path else "")


@given(base=bases, segments=st.lists(st.sampled_from(["in", "node", "a", "submit", "card", "x"])))
@settings(deadline=None)
def test_build_writes_what_parse_read(base: str, segments: list[str]) -> None:
    topic = "/".join([base, *segments])
    try:
        row, sender, to, capability = parse(base, topic)
    except UnknownTopic:
        return
    assert build(base, row.name, sender=sender, to=to, capability=capability) == topic


@given(base=bases, topic=st.text(max_size=60))
@settings(deadline=None)
def test_any_text_is_a_topic_or_unknown(base: str, topic: str) -> None:
    for candidate in (
        topic,
        f"{base}/{topic}",
        f"{base}/in/a/{topic}",
        f"{base}/node/{topic}/card",
    ):
        try:
            address = parse(base, candidate)
        except UnknownTopic:
            continue
        assert re.fullmatch(r"[a-z0-9_/-]+", candidate)
        assert address.topic in TOPICS


HOSTILE_NAMES = [
    *("", "+", "#", "$SYS", "A", "a b", "a\n", "\n", "a/b", "a+", "a\x00", "-a", "_", ".", ".."),
    *("\u0430", "\uff41", "\u0661", "a\u200b", "a" * 32, "<from>", "<to>", "<capability>", "%2b"),
]


@pytest.mark.parametrize("row", TOPICS, ids=lambda row: row.name)
@pytest.mark.parametrize("hostile", HOSTILE_NAMES, ids=ascii)
def test_a_hostile_name_is_refused_wherever_it_stands(row: Topic, hostile: str) -> None:
    pattern = row.path.split("/")
    for at, segment in enumerate(pattern):
        parts = ["a" if part.startswith("<") else part for part in pattern]
        assert parse("b", "b/" + "/".join(parts)).topic is row
        parts[at] = hostile
        with pytest.raises(UnknownTopic):
            parse("b", "b/" + "/".join(parts))
        if not segment.startswith("<") or hostile == "+":
            continue
        given_names = {"<from>": "a", "<to>": "a", "<capability>": "a", segment: hostile}
        with pytest.raises(UnknownTopic):
            build(
                "b",
                row.name,
                sender=given_names["<from>"],
                to=given_names["<to>"],
                capability=given_names["<capability>"],
            )


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "/",
        "forgebus/v1",
        "forgebus/v1/",
        "forgebus/v1/in",
        "forgebus/v1/in/a/b",
        "forgebus/v1/in/a/b/",
        "forgebus/v1/in/a/b/submit/",
        "forgebus/v1/in/a/b/submit/x",
        "forgebus/v1//in/a/b/submit",
        "/forgebus/v1/in/a/b/submit",
        "forgebus/v1/in//b/submit",
        "forgebus/v1/in/a//submit",
        "forgebus/v1/in/a/b/status",
        "forgebus/v1/in/a/b/offer",
        "forgebus/v1/in/a/b/SUBMIT",
        "forgebus/v1/in/a/b/submit\n",
        "forgebus/v1/in/a/b/#",
        "forgebus/v1/in/+/+/submit",
        "forgebus/v1/#",
        "forgebus/v1/node/a",
        "forgebus/v1/node/a/event",
        "forgebus/v1/node/a/submit",
        "forgebus/v1/node/a/ask",
        "forgebus/v1/node/a/answer",
        "forgebus/v1/node/chat/offer",
        "forgebus/v1/node/a/b/card",
        "forgebus/v1/submit/a/b",
        "forgebus/v1/status/a",
        "forgebus/v1/offer/chat",
        "forgebus/v1/event",
        "forgebus/v1/event/a/b",
        "forgebus/v2/in/a/b/submit",
        "forgebus/v10/in/a/b/submit",
        "Forgebus/v1/in/a/b/submit",
        "other/forgebus/v1/in/a/b/submit",
        "$SYS/broker/version",
        "$share/g/forgebus/v1/in/a/b/submit",
        "$forgebus/v1/in/a/b/submit",
        "homeassistant/status",
    ],
)
def test_what_is_no_topic_of_ours(topic: str) -> None:
    with pytest.raises(UnknownTopic):
        parse(DEFAULT_BASE, topic)


def test_a_wildcard_leaves_build_only_where_it_was_given() -> None:
    assert build("b", "offer", sender="+", capability="chat") == "b/offer/chat/+"
    assert build("b", "submit", sender="+", to="a") == "b/in/a/+/submit"
    assert build("b", "status", sender="+") == "b/node/+/status"
    with pytest.raises(UnknownTopic):
        build("b", "status", sender="#")


@pytest.mark.parametrize("row", TOPICS, ids=lambda row: row.name)
def test_a_name_that_is_missing_is_said(row: Topic) -> None:
    for missing in ("<from>", "<to>", "<capability>"):
        if missing not in row.path:
            continue
        with pytest.raises(UnknownTopic, match=missing):
            build(
                "b",
                row.name,
                sender="" if missing == "<from>" else "a",
                to="" if missing == "<to>" else "a",
                capability="" if missing == "<capability>" else "a",
            )


def test_a_row_that_does_not_exist_is_said() -> None:
    with pytest.raises(UnknownTopic, match="no topic is called 'bids'"):
        build("b", "bids", sender="a", to="a")

"""docs/concepts.md names what there is: preferences, ends of a task, parts of a bid, figures."""

import re

from cli_call import ROOT

from bus_topics.messages import Outcome, Preference
from daemon.config import AuctionConfig

PAGE = (ROOT / "docs" / "concepts.md").read_text("utf-8")
WORDS = " ".join(PAGE.split())


def test_preferences_and_ends_are_those_of_the_protocol() -> None:
    told = {each.value for each in Preference if f"`{each.value}`" in PAGE}
    assert told == {each.value for each in Preference}
    final = re.search(r"^## Final\n(.*?)^## ", PAGE, re.MULTILINE | re.DOTALL)
    assert final
    ends = set(re.findall(r"`(\w+)`", final[1])) - {"once"}
    assert ends == {each.value for each in Outcome}


def test_the_figures_are_the_defaults() -> None:
    auction = AuctionConfig()
    assert f"(every {auction.beat_s:.0f} s)" in WORDS
    assert f"within a window of {auction.window_ms} ms" in WORDS
    assert f"task is kept ({auction.keep_days} days)" in WORDS
    assert auction.private_nodes == ()
    assert "`auction.private_nodes`" in PAGE


def test_the_example_adds_up() -> None:
    rows = re.findall(r"^[> ] (desk|pi5) +([\d.]+)  warm +(.*)$", PAGE, re.MULTILINE)
    assert len(rows) == 2
    for _, wait, rest in rows:
        prefill, decode, overhead, eta = map(float, rest.split()[:4])
        assert abs(float(wait) + prefill + decode + overhead - eta) < 2

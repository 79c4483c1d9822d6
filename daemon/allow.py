"""The allow-lists of one home: which login may submit what, and which node may be given what.

A rule is `login:capability`, and `*` stands for any: `camera:vision`, `nodered:*`, `*:math`. An empty list
allows everything; one that is not empty allows what it names, and nothing else. Pure.
"""

from collections.abc import Collection

ANY = "*"


def submit_refusal(rules: Collection[str], own: str, sender: str, capability: str) -> str:
    """Why this login may not have that done here; "" when it may."""
    if not rules or _matches(rules, sender, capability):
        return ""
    may = sorted({what for who, what in map(_split, rules) if who in {ANY, sender}})
    has = f"it may ask for {', '.join(may)}" if may else f"{sender} may ask for nothing"
    return (
        f"{sender} may not have {capability} done by {own}: {has};"
        f' an operator of {own} can add "{sender}:{capability}" to [auction] may_submit'
    )[:500]


def runners(rules: Collection[str], own: str, capability: str) -> frozenset[str] | None:
    """The nodes that may be given such a task; None is every node. The home itself always may."""
    named = {who for who, what in map(_split, rules) if what in {ANY, capability}}
    return None if not rules or ANY in named else frozenset({own, *named})


def _matches(rules: Collection[str], who: str, what: str) -> bool:
    return any(f"{a}:{b}" in rules for a in (who, ANY) for b in (what, ANY))


def _split(rule: str) -> tuple[str, str]:
    who, _, what = rule.partition(":")
    return who, what

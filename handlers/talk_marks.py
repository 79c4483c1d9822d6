"""Names and animals that were told in a talk: marks for the model, words again on the way out.

As with the cast of a story (:mod:`handlers.story_cast`), the text model never reads or writes the word
itself: "my otter is called Arlo" is read as "my #1 is called #5", and what is written, "Your #1 is called
#5.", gets its words back. So a name that no talk of training had is no harder than another.

A word that is taken for a name and is none does little harm, as it comes back wherever it is said again.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial

from handlers.story_cast import alive

KINDS = ("#1", "#2", "#3", "#4")
NAMES = ("#5", "#6", "#7", "#8", "#9", "#0")
"""Marks in the order in which they are given away; what is told beyond them stays as it is."""

_ANYBODY = "friend"
_WORD = r"[^\W\d_](?:[\w'-]*\w)?"
_NAME = rf"(?P<name>{_WORD})"
_KIND = r"(?P<kind>[^\W\d_](?:[\w-]*\w)?)"
_PROPER = r"[A-ZÀ-ÖØ-Þ][^\W\d_]*[a-zß-öø-ÿ][\w-]*"

_NAMED = (
    re.compile(
        rf"\bmy (?:first |full |real )?name(?:'s| is| was)(?: called)? {_NAME}", re.IGNORECASE
    ),
    re.compile(rf"\bthe name(?:'s| is) {_NAME}", re.IGNORECASE),
    re.compile(rf"\b(?:call|calls|named|name) (?:me|him|her|it) {_NAME}", re.IGNORECASE),
    re.compile(rf"\b(?:called|named|(?:whose|its|his|her) name is) {_NAME}", re.IGNORECASE),
    re.compile(rf"\bi (?:go by|answer to|listen to)(?: the name(?: of)?)? {_NAME}", re.IGNORECASE),
    re.compile(rf"^{_NAME} (?:is|was) (?:my|what|how|who|the|our|me)\b", re.IGNORECASE),
    re.compile(rf"^{_NAME} (?:here|speaking)\b", re.IGNORECASE),
)
"""How a name is told, whatever its letters."""
_CAPITAL = re.compile(rf"(?<=[\w,;:] )(?P<name>{_PROPER}(?: {_PROPER})*)")
"""A name, or several words of one, that stands within a sentence."""

_TWO = rf"{_KIND}(?: (?P<second>[^\W\d_](?:[\w-]*\w)?))?"
_OWNED = (
    re.compile(rf"\b(?:my|our) {_TWO}", re.IGNORECASE),
    re.compile(rf"\b(?:have|got|keep|own|adopted|bought|found) (?:an?|this) {_TWO}", re.IGNORECASE),
)
"""What is somebody's, perhaps after an adjective: an animal or a person, or of no interest."""
_CALLED = (
    re.compile(
        rf"\b(?:my|our|an?|the) {_KIND}(?:, | is | was | who is | )(?:called|named)\b",
        re.IGNORECASE,
    ),
    re.compile(rf"\b(?:my|our) {_KIND}'s name\b", re.IGNORECASE),
    re.compile(rf"\bname of (?:my|our) {_KIND}\b", re.IGNORECASE),
)
_MARK = re.compile(r"#\d")
_NO_NAMES = frozenset(
    """a about again all also am an and any are as at back bad be because been but by call called calling
    can come could day dear did do does done down else ever every everybody everyone everything fine for
    forge forgebus from get glad go going good great had happy has have he hello help her here hey hi his
    home hope how i if im important in is it its just know last later let life like love made many maybe
    me mine more most much music my name named names never new nice no nobody not nothing now of off ok
    okay old on one only or other our out over people please right sad said same say see she should so
    some somebody someone something still sure talk tell than thank thanks that the their them then there
    these they thing things this those time tired to today tomorrow tonight too two up very was we well
    were what when where which who whose why will wish with work would wrong yes yesterday yet you your
    yours christmas easter monday tuesday wednesday thursday friday saturday sunday january february march
    april may june july august september october november december english german french spanish dutch
    italian american british god mum mom dad mr mrs ms dr tv ai pc python java secret long short written
    spelled spelt difficult hard funny short nice pretty easy called after
    morning afternoon evening night mate friend pal sir madam buddy boss""".split()
)
"""Words that are no names, though a capital or a phrase may make them look so."""


@dataclass(frozen=True, slots=True)
class Told:
    """What was told: each word with its mark. With none, texts stay as they are."""

    marks: dict[str, str] = field(default_factory=dict)

    @property
    def words(self) -> dict[str, str]:
        """Mark -> word, for :class:`handlers.story_cast.Filling`; a mark of nobody becomes "friend"."""
        known = {mark: word for word, mark in self.marks.items()}
        return {mark: known.get(mark, _ANYBODY) for mark in (*KINDS, *NAMES)}

    def marked(self, text: str) -> str:
        """A text of the talk as the model reads it."""
        for word in sorted(self.marks, key=len, reverse=True):
            pattern = rf"\b(?:([Aa])n? )?(?:{re.escape(word)}|{re.escape(word.lower())})\b"
            text = re.sub(pattern, partial(_mark, self.marks[word]), text)
        return text


NOTHING = Told()


def told_in(said: Iterable[str]) -> Told | None:
    """What the user told in the turns of a talk, in their order; None where marks stand in it already."""
    texts = tuple(said)
    if any(_MARK.search(text) for text in texts):
        return None
    marks: dict[str, str] = {}
    known: set[str] = set()
    kinds, names = iter(KINDS), iter(NAMES)
    for text in texts:
        for kind in _kinds(text):
            if kind not in known and (mark := next(kinds, "")):
                marks[kind] = mark
                known.add(kind)
        for name in _names(text):
            if name.lower() not in known and (mark := next(names, "")):
                marks[name] = mark
                known.add(name.lower())
    return Told(marks)


def _mark(mark: str, found: re.Match[str]) -> str:
    return f"{found[1]} {mark}" if found[1] else mark


def _kinds(text: str) -> list[str]:
    """Animals and people that are somebody's, and whatever has a name, as they stand in a text."""
    owned = (match for pattern in _OWNED for match in pattern.finditer(text))
    called = (match for pattern in _CALLED for match in pattern.finditer(text))
    found = []
    for one in owned:
        nouns = [noun.lower() for noun in (one["kind"], one["second"]) if noun]
        found += [(one.start(), noun) for noun in nouns if alive(noun)][:1]
    found += [(one.start(), one["kind"].lower()) for one in called]
    return [kind for _, kind in sorted(found) if kind not in _NO_NAMES]


def _names(text: str) -> list[str]:
    """Names as they stand in a text, with a capital."""
    found = {
        match.start("name"): match["name"] for pattern in _NAMED for match in pattern.finditer(text)
    }
    if not _is_title(text):
        # Of what stands at the same place, the longer name.
        found |= {match.start("name"): match["name"] for match in _CAPITAL.finditer(text)}
    return [
        name[0].upper() + name[1:]
        for _, name in sorted(found.items())
        if name.split()[0].lower() not in _NO_NAMES and not alive(name.lower())
    ]


def _is_title(text: str) -> bool:
    """Whether all words have capitals, which then tell nothing."""
    after = re.findall(_WORD, text)[1:]
    return len(after) > 2 and all(word[0].isupper() for word in after)

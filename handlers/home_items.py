"""Words of a sentence that are handed on as they are: list items, names of timers, what to play."""

from collections.abc import Iterator, Sequence

from handlers.home_lexicon import COMMON
from handlers.home_speech import stem_of
from handlers.home_view import View


def items(shown: View) -> dict[str, str]:
    """What a text may be, as the model reads it -> as it was said.

    A run of at most six pieces that goes as far as it can: what stands before and after it is a word
    of the request itself ("put", "to", "list") or a mark, and it neither begins nor ends with one.
    A run that begins with everyday words may also begin after them ("appreciate | oat milk").
    """
    told = shown.told
    before = ("", *(said for _, said in told))
    asks = [_is_asking(read, said, last) for (read, said), last in zip(told, before, strict=False)]
    found: dict[str, str] = {}
    covered = 0
    for start in range(len(told)):
        end = 0 if asks[start] else _item_end(told, asks, start)
        if end > covered:
            covered = end
            for at in _beginnings(told, asks, start, end):
                run = told[at:end]
                read = " ".join(one for one, _ in run)
                found.setdefault(read, " ".join(said for _, said in run))
    return found


def _beginnings(
    told: Sequence[tuple[str, str]], asks: Sequence[bool], start: int, end: int
) -> Iterator[int]:
    """Where the item of a run may begin: with it, or after everyday words in it."""
    yield start
    for at in range(start + 1, end):
        if asks[at] or stem_of(told[at - 1][1]) not in COMMON:
            return
        yield at


_MOST_PIECES = 6
_NO_TEXT = ("todo", "media_player")
_PLACES = ("room", "floor")
_BEFORE_NUMBER = ("for", "to", "by", "at")
_LINKS = ("in", "at", "to", "from", "for", "on", "the")


def _item_end(told: Sequence[tuple[str, str]], asks: Sequence[bool], start: int) -> int:
    """Where the longest item from ``start`` on ends."""
    end = start
    for at in range(start, min(start + _MOST_PIECES, len(told))):
        if not asks[at]:
            end = at + 1
        elif told[at][1] not in _WITHIN:
            break
    return end


_WITHIN = frozenset("and of the with for a to up in".split())
_ASKING = frozenset(
    """a an the some any more my our your this that these those it them i we you me us he she they
    to on in onto into for from at of off out up down by with as than and or but so then also too
    is are am was were be been being do does did has have had having will would could can should
    must may might shall need needs needed want wants wanted like liked lack lacks lacking missing
    let lets make makes made sure get gets got getting go goes gone going put puts putting add adds
    added adding write writes writing written note noted noting jot jotted save saved enter append
    include included insert log record recorded scribble pen pencil mark file keep remember reminder
    remind forget forgotten don't not never no none left remaining all every each both much many
    buy buying bought bring pick fetch order grab purchase shop shopping store supermarket market
    grocery groceries list liste lists todo item items entry please kindly just now today tomorrow
    you're they're he's she's who's tell told says think last tonight soon again already next time when while if because since next new another one there
    here hey hi ok okay well thanks thank mind minding favor favour run running ran used use uses
    using empty finished ate eaten low short almost nearly still only home house way week weekend
    what who which how let's i'd i'm i've i'll we're we've we'd we'll it's there's there're that's
    auf die der das den dem ein eine einen meine mein zur zum bitte setze setz füge schreib schreibe
    hinzu kaufen einkaufen einkauf einkaufsliste brauche brauchen wir ich noch und stick throw
    right come comes few little type somebody someone great quietly quickly really maybe
    cheers immediately once drop place take takes mind stock goes belongs contain contains say says update extend
    timer timers minute minutes hour hours second seconds called named cancel pause resume stop start
    started paused countdown alarm check tick cross strike ticked crossed checked struck removed played see remove delete clear complete completed
    done finish erase set reduce shorten extend increase decrease lengthen subtract
    time status over through long until freeze anymore hold clock search find play playing plays listen listening hear music song songs album artist track
    playlist podcast put throw longer shorter extra reset how minuten minute stunden sekunden
    streiche spiele spiel musik isn't aren't shouldn't haven't doesn't didn't mustn't can't couldn't gonna gotta
    wanna pls oh ought phew yay yo asap urgently completely barely hardly totally finally sooner sorted
    purchased marked scratch whack chuck bung sling lob fancy gimme blast broadcast stream serenade entertain
    scrap restock restocked replenish replace drank grabbed trolley basket cart cupboard weekly mate mum dad
    husband wife everyone's appreciate tack register suspend prolong additional deduct shave trim fewer shortened
    stretch raise bump push delay obsolete useless pointless quit dropped ditch ringing warn halt unpause
    continue wait possible give behind heard boss remembered thought mistake wonder knock lose went slap obviously""".split()
) | frozenset(
    """setzt setzen schreiben schreibt schreibs notiere notier notieren tu tun tue packe packen merk
    merke trag trage eintragen aufnehmen nimm nehmen hinzufügen dazu drauf füg ergänze ergänzen
    erweitere einkaufszettel besorgen besorge kauf kaufe brauch bräuchte bräuchten braucht fehlt fehlen
    muss müssen soll sollen will wollen möchte möchten kannst könntest können könnten würdest magst
    mogst du sie dir mir uns wir kein keine keinen mehr alle leer aus es mal jetzt danke gern für um
    beim dran denk vergiss nicht kommt kommen gehört gehören neuer weiterer eintrag unsere unserer
    meiner damit haben wieder ist sind""".split()
)


def _is_cue(said: str) -> bool:
    """Whether a word asks for an item, as it is or with -ing: "crossing", "putting"."""
    stem = said.removesuffix("ing")
    return said in _ASKING or (
        stem != said and not {stem, f"{stem}e", stem[:-1]}.isdisjoint(_ASKING)
    )


def _is_asking(read: str, said: str, last: str) -> bool:
    """Whether a piece is part of how an item is asked for, and not of the item."""
    if _is_cue(said) or not said[:1].isalnum() or (said.isdigit() and last in _BEFORE_NUMBER):
        return True
    kind = read.split(" ", maxsplit=1)[0]
    return kind in _NO_TEXT or (kind in _PLACES and last in _LINKS)

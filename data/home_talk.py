"""What people say around a command: reasons, courtesies, asides, second thoughts. For training only.

A command means the same with and without; the model has to learn that from many ways.
"""

import random

from data.home_wordings import worded
from data.phrasing import expand, imperative

_BESIDE = (
    "(computer|assistant|alexa|jarvis|google|robot|siri|my friend|buddy|dear)[,]",
    "(hey|hi|hello|ok|okay|yo|listen|so|well|um|uh|er|right|alright)[,]",
    "(quick|quickly|now|first|next|then|again|finally|today|tonight|real quick)[,]",
    "(please|kindly|just|simply|maybe|perhaps|actually|also)",
    "(when you get a chance|when you can|if possible|if you don't mind|if you would)[,]",
    "(i'm home|i am home|we are home|i'm leaving|we're leaving|i'm off|guests are coming)[,]",
    "(i'm tired|i'm going to sleep|good night|good morning|it's late|it's early)[,]",
    "(i'm cooking|i'm reading|i'm working|we're watching a film|the baby sleeps|the kids are home)[,]",
    "(it's getting late|the sun is up|the sun is gone|it is raining|winter is here), so",
    "(for the party|for dinner|for the guests|for the night|for now)[,]",
    "(sorry|excuse me|pardon|one more thing|by the way|oh|wait)[,]",
    "(question|a question|listen|look|guess what|you know)[,|:]",
)
_BEFORE = (
    *_BESIDE,
    "(could|can|would|will) you [please|kindly|just|maybe|quickly] (go and|go ahead and|)",
    "(be a dear|be so good|be nice|be kind|help me out) and",
    "(i was wondering if|i wonder if|i was hoping) you could",
    "(would it be possible|is it possible|is there a way) to",
    "(it would be great|it'd be nice|it would be lovely|i'd be happy|i'd be glad) if you (could|would)",
    "(i want|i'd like|i need|i would ask|i'm asking) you to",
    "(i think|i guess|i believe|i suppose|i'd say|maybe) (you|we) (should|could|can)",
    "(i'd be happier|we would be better off|it would suit me) if you (could|would)",
    "(you should|you have to|you need to|you may|you might as well|it's time to|time to|let's)",
    "(i forgot to|i always forget to|i need you to|remember to|don't forget to|make sure to|be sure to)",
)
_AFTER = (
    "(please|thanks|thank you|cheers|ok|okay|will you|would you|right away|at once|immediately)",
    "(now|right now|for now|for a while|for the night|tonight|today|again|already|soon)",
    "(for me|for us|for the kids|for the guests|for everybody)",
    "(if you can|if possible|when you can|if that's ok|if you would)",
    "(before i leave|before dinner|before bed|because i am tired|since we are leaving)",
    "(as fast as you can|quickly|quietly|real quick|this instant)",
    "(i am cold|i'm tired|i can't sleep|i need it|we need it|that would be great|that'd be nice)",
)
_WITHIN = "just really kindly quickly maybe actually um uh like please now then also right".split()


def talked(sentence: str, rng: random.Random) -> str:
    """The sentence with something around it, or a word too many."""
    roll = rng.random()
    if roll < 0.6:
        sentence = f"{expand(_before(sentence, rng), rng)} {sentence}"
    if roll > 0.45:
        after = worded("after", rng) or rng.choice(_AFTER)
        sentence = f"{sentence}{rng.choice((' ', ' ', ', '))}{expand(after, rng)}"
    if rng.random() < 0.15:
        words = sentence.split()
        words.insert(rng.randrange(2), rng.choice(_WITHIN))  # never inside a name
        sentence = " ".join(words)
    return sentence


def _before(sentence: str, rng: random.Random) -> str:
    """What comes first; before a verb that commands also what leads over to it, or both."""
    if not imperative(sentence):
        return worded("beside", rng) or rng.choice(_BESIDE)
    beside = worded("beside", rng) if rng.random() < 0.5 else ""
    opener = worded("before", rng) if not beside or rng.random() < 0.3 else ""
    return f"{beside} {opener}".strip() or rng.choice(_BEFORE)

"""The words around a sum that ask for its result: "hey, what is", "please", "equals what"."""

import re

from handlers.math_numbers import Token


def without_asking(found: list[Token]) -> list[Token]:
    """The tokens without the words that ask for the result."""
    said = " ".join("#" if one.value is not None else one.text.lower() for one in found) + " "
    lead = _LEAD.match(said)
    start = said[: lead.end()].count(" ") if lead else 0
    rest = said[lead.end() if lead else 0 :].rstrip()
    trail = _TRAIL.search(" " + rest)
    end = len(found) - (trail[0].count(" ") if trail else 0)
    return found[start:end]


_LEAD = re.compile(
    r"(?:(?:hey|hi|ok|so|now|,|please|and|well|forgebus|can you|could you|would you|will you|tell me|give me|"
    r"i want to know|do you know|let me know|let 's|we need|quick question|just|quickly) )*"
    r"(?:(?:what's|what 's|what is|what are|what does|what do you get (?:if|when|for) you|what do i get (?:if|when) i|"
    r"what|whats|how much is|how much are|how much does|how much do|how many is|how many are|calculate|"
    r"compute|evaluate|work out|solve|find|figure out|determine|simplify|do|is) )?"
    r"(?:the (?:value|result|answer|solution|total) (?:of|to|for|when) )?(?:you )?"
)
_TRAIL = re.compile(
    r"(?: (?:please|equal|equals|equal to|make|makes|come to|give|thanks|for me|in total|altogether|is what|is|"
    r"what is it|what is that|what|\?|=|\.|,|:|(?<=[a-z] )!))+$"
)

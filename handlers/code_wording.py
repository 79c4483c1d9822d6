"""One wording for what is asked in many: "tells if", "check whether" and "return true when" are "whether".

The model reads what is left, so that it need not learn how people ask, only what for. It is trained on
lines that have been through here, and rough edges do no harm as long as they are the same in both.
"""

import re

_WHETHER = re.compile(
    r"(?:(?:checks?|tells?|determines?|tests?|sees?|finds? out|finds?|verify|verifies|says?|decides?|"
    r"returns?|know|detects?|evaluates?)(?: me| us)? (?:whether(?: or not)?|if|that)|"
    r"(?:(?:returns?|gives?|is) )?(?:a |the )?(?:boolean |bool )?true (?:if|when|whenever|iff|only if|exactly when)|"
    r"is it true that|whether(?: or not)?) "
)
_IS = re.compile(
    r"(?:is|are) ((?:(?:a|an|the|this|that|these|given|my|[A-Z]) )*(?:number|integer|string|text|word|sentence|"
    r"list|array|tuple|dictionary|dict|year|matrix|character|letter|[nxA-Z])) (?!of\b|in\b|from\b|that\b|which\b)"
)
_FALSE = re.compile(
    r"[,;]? (?:and |or )?(?:(?:otherwise|else),? (?:it )?(?:returns? )?false|(?:returns? )?false(?: otherwise| if not| else)?|"
    r"or not|otherwise)$"
)
_THING = re.compile(
    r"(?:finds?|returns?|gets?|computes?|calculates?|gives?|determines?|works? out|tells?|shows?|what is|"
    r"what's|what are|which is|which are|obtains?|fetch(?:es)?|retrieves?|produces?|outputs?|prints?|"
    r"hands?|delivers?|reports?|yields?|identify|identifies|extracts?|collects?|looks? for|search(?:es)? for)"
    r"(?: me| back| out)? (?!rid\b)"
)
_COUNT = re.compile(
    r"(?:counts? how many|counts?|how many)(?: of)?(?: the| all)*(?: number of)? (?!down\b|how\b|each\b|every\b)"
)
_DOES = re.compile(
    r"(?!is )(\w+?)(?<!ss)(es|s) (?=(?:a|an|the|each|every|all|any|both|two|three|given|only|up|together|[A-Z])\b)"
)
_PHRASES = (
    *(
        (said, "remove")
        for said in (
            "get rid of",
            "filters out",
            "filter out",
            "throw away",
            "take out",
            "leave out",
        )
    ),
    *(("upper case", "uppercase"), ("upper-case", "uppercase"), ("capital letters", "uppercase")),
    *(("lower case", "lowercase"), ("lower-case", "lowercase"), ("small letters", "lowercase")),
    *(("keep only", "keep"), ("arithmetic mean", "average"), ("add up", "add"), ("sum up", "add")),
    *(("greater than or equal to", "at least"), ("less than or equal to", "at most")),
    *(
        ("not less than", "at least"),
        ("no smaller than", "at least"),
        ("not greater than", "at most"),
    ),
    *(("n'th", "nth"), ("n-th", "nth"), ("k'th", "kth"), ("k-th", "kth"), ("whose ", "with ")),
    *(
        ("most frequent", "most common"),
        ("least frequent", "least common"),
        ("more than", "larger than"),
    ),
    *(("fewer than", "smaller than"), ("two-dimensional list", "matrix"), ("2d list", "matrix")),
    *(
        ("list of lists", "matrix"),
        ("nested list", "matrix"),
        ("in python", ""),
        ("comma-separated", "commas"),
    ),
)
_SAME = {
    "": "the a an given following some please",
    "largest": "biggest maximum greatest highest max",
    "smallest": "minimum lowest least min",
    "larger": "greater bigger higher",
    "smaller": "less lower fewer",
    "larger than": "above over exceeding",
    "smaller than": "below under",
    "distinct": "unique different",
    "average": "mean",
    "remove": "removes delete deletes drop drops discard discards eliminate exclude strips",
    "convert": "converts turn turns change changes transform transforms translate make makes",
    "join": "joins concatenate concatenates combine combines merge merges",
    "keep": "keeps select selects pick picks",
    "sort": "sorts arrange arranges",
    "replace": "replaces substitute substitutes",
    "add": "adds",
    "multiply": "multiplies",
    "reverse": "reverses",
    "split": "splits divide partition separate separates breaks",
    "group": "groups",
    "number": "integer int",
    "numbers": "integers ints",
    "list": "array",
    "lists": "arrays",
    "element": "item",
    "elements": "items entries",
    "dictionary": "dict mapping",
    "dictionaries": "dicts mappings",
    "string": "text sentence",
    "strings": "texts sentences",
    "character": "char",
    "characters": "chars",
    "index": "position",
    "indices": "indexes positions",
    "occurs": "appears",
    "occur": "appear",
    "start": "starts starting begin begins beginning",
    "end": "ends ending",
    "contain": "contains containing includes include",
    "each": "every",
    "total": "sum",
    "capitalize": "capitalise capitalizes",
}
_USUAL = {word: usual for usual, words in _SAME.items() for word in words.split()}
_ES = ("ss", "sh", "ch", "x")
_SPARE = re.compile(r"(?:the|a|an|some) ")


def plain(line: str) -> str:
    """A line of lower-case words and capital slots, in the usual wording.

    >>> plain("checks if an integer is even")
    'whether number is even'
    >>> plain("returns the biggest of the items of A")
    'largest of elements of A'
    """
    line = _asked(line)
    for said, usual in _PHRASES:
        line = line.replace(said, usual)
    words = [_USUAL.get(word, word) for word in line.split(" ")]
    return " ".join(word for word in words if word) or line


def _asked(line: str) -> str:
    """Without the verb that asks for a thing."""
    if found := _WHETHER.match(line):
        return f"whether {_FALSE.sub('', line[found.end() :])}"
    if (found := _IS.match(line)) and found.end() < len(line):
        return f"whether {found[1]} is {_FALSE.sub('', line[found.end() :])}"
    if (found := _COUNT.match(line)) and found.end() < len(line):
        rest = line[found.end() :].replace(" there are ", " ").replace(" are there ", " ")
        return f"number of {_without_article(rest)}"
    if (found := _THING.match(line)) and found.end() < len(line):
        rest = _without_article(line[found.end() :])
        return _asked(rest) if _COUNT.match(rest) else rest
    if _SPARE.match(line):
        return _without_article(line)
    if found := _DOES.match(line):
        return f"{_base(found[1], found[2])} {line[found.end() :]}"
    return line


def _without_article(line: str) -> str:
    found = _SPARE.match(line)
    return line[found.end() :] if found else line


def _base(stem: str, ending: str) -> str:
    """The verb itself: "reverse" of "reverses", "search" of "searches", "multiply" of "multiplies"."""
    if ending == "es":
        if stem.endswith("i"):
            return f"{stem[:-1]}y"
        return stem if stem.endswith(_ES) else f"{stem}e"
    return stem

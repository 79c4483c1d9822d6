"""A login's settings taken into a forgebus.toml that is there already, line by line.

Only what still has its default is changed: whoever set a key meant it. Comments, other keys and their
order stay. Text in, text out; nothing is read or written here.
"""

import copy
import re
import tomllib
from dataclasses import dataclass
from typing import Any

import msgspec

from daemon.config import BrokerConfig, NodeConfig

_SECTIONS: dict[str, type[msgspec.Struct]] = {"node": NodeConfig, "broker": BrokerConfig}
_HEADER = re.compile(r"\s*\[\s*([A-Za-z0-9_-]+)\s*\]\s*(?:#.*)?$")
_KEY = re.compile(r"\s*([A-Za-z0-9_-]+)\s*=")
_VALUE = re.compile(
    r"""(\s*[A-Za-z0-9_-]+\s*=\s*)(?:"[^"\\]*"|'[^']*'|[0-9_]+|\[[^\[\]#]*\])(\s*(?:\#.*)?)$"""
)
"""One key with its value in one line, as each default is written: what is before it, and behind it."""

_Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Merged:
    """What became of it.

    Attributes:
        text: the whole file; as it was when something differs.
        changed: keys that have another value now, as "broker.host".
        differs: why it is left alone, a line each.
    """

    text: str
    changed: tuple[str, ...] = ()
    differs: tuple[str, ...] = ()


def merge(there: str, login: str) -> Merged:
    """Both are the text of a forgebus.toml that can be loaded; `login` has a key a line and no comments behind."""
    old, wanted = tomllib.loads(there), tomllib.loads(login)
    newline = "\r\n" if "\r\n" in there else "\n"
    lines, given = there.split(newline), login.split("\n")
    places, meant = _places(lines), _places(given)
    changed: list[_Key] = []
    differs: list[str] = []
    expected = copy.deepcopy(old)
    asked = [(section, key, value) for section in wanted for key, value in wanted[section].items()]
    for section, key, value in asked:
        default = _default(section, key)
        said = old.get(section, {}).get(key, default)
        if said == value:
            continue
        if said == default:
            changed.append((section, key))
            expected.setdefault(section, {})[key] = value
        else:
            at = places.get((section, key))
            where = "" if at is None else f"line {at + 1}: "
            shown = given[meant[section, key]]
            differs.append(f"{where}[{section}] {key} is {said!r}, the login has {shown}")
    if differs:
        return Merged(there, differs=tuple(differs))
    new = newline.join(_changed(lines, {one: given[meant[one]] for one in changed}))
    if not _says(new, expected):
        return Merged(there, differs=("its lines are not one key each, as forgebus writes them",))
    return Merged(new, tuple(".".join(one) for one in changed))


def _default(section: str, key: str) -> object:
    """As a file says it: nothing is an empty text there, and what depends on the machine, too."""
    fields = msgspec.structs.fields(_SECTIONS[section])
    default = next(field.default for field in fields if field.name == key)
    if default is None or default is msgspec.NODEFAULT:
        return ""
    return list(default) if isinstance(default, tuple) else default


def _places(lines: list[str]) -> dict[_Key, int]:
    """The line of each key; under ("broker", "") the last line of that section that says something."""
    found: dict[_Key, int] = {}
    section = ""
    for number, line in enumerate(lines):
        if header := _HEADER.match(line):
            section = header[1]
        elif key := _KEY.match(line):
            found[section, key[1]] = number
        if line.strip() and not line.lstrip().startswith("#"):
            found[section, ""] = number
    return found


def _changed(lines: list[str], wanted: dict[_Key, str]) -> list[str]:
    """With these keys: in their line, else at the end of their section, else in one of their own."""
    places, new = _places(lines), list(lines)
    more: dict[str, list[str]] = {}
    for (section, key), line in wanted.items():
        if (section, key) not in places:
            more.setdefault(section, []).append(line)
        elif parts := _VALUE.match(lines[places[section, key]]):
            new[places[section, key]] = f"{parts[1]}{line.partition(' = ')[2]}{parts[2]}"
    at_end = [section for section in more if (section, "") not in places]
    last_first = sorted(set(more) - set(at_end), key=lambda one: places[one, ""], reverse=True)
    for section in last_first:
        after = places[section, ""] + 1
        new[after:after] = more[section]
    for section in at_end:
        while new and not new[-1].strip():
            new.pop()
        new += [*([""] if new else []), f"[{section}]", *more[section], ""]
    return new


def _says(text: str, expected: dict[str, Any]) -> bool:
    try:
        return tomllib.loads(text) == expected
    except tomllib.TOMLDecodeError:
        return False

"""The documents hang together: each page is on the site, each link leads somewhere, each command line parses."""

from __future__ import annotations

import os
import re
import shlex
from collections import Counter
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import pytest
import typer
import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token
from msgspec import structs
from typer.main import get_command

from daemon.cli import app
from daemon.cli_local import BENCHMARKS
from daemon.config import Config
from engine.train import _parser as training_options
from tools.site_pages import _LOADED, _uri, slug

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
CARDS = sorted((ROOT / "models").glob("*/CARD.md"))
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md")), *CARDS]
READER = MarkdownIt("commonmark").enable("table")
COMMANDS = get_command(app)


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@cache
def tokens(page: Path) -> list[Token]:
    """All tokens of a page, those within a line too."""
    found: list[Token] = []
    for token in READER.parse(page.read_text("utf-8")):
        found += [token, *(token.children or [])]
    return found


# --- the site --------------------------------------------------------------------------------------


def leaves(nav: Any) -> Iterator[str]:
    match nav:
        case str():
            yield nav
        case dict():
            for below in nav.values():
                yield from leaves(below)
        case list():
            for below in nav:
                yield from leaves(below)


def test_every_page_is_in_the_navigation_once() -> None:
    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))["nav"]
    pages = {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")}
    assert Counter(leaves(nav)) == Counter(pages | {name(card) for card in CARDS})


def test_decisions_are_numbered_in_the_order_of_their_list() -> None:
    records = sorted(page.name for page in (DOCS / "decisions").glob("0*.md"))
    assert [record[:4] for record in records] == [f"{n + 1:04}" for n in range(len(records))]
    listed = re.findall(
        r"^\| \[\d+\]\((\S+)\)", (DOCS / "decisions/README.md").read_text("utf-8"), re.MULTILINE
    )
    assert listed == records
    for record in records:
        assert (DOCS / "decisions" / record).read_text("utf-8").startswith(f"# {record[:4]} ")


def test_every_picture_is_shown_and_small() -> None:
    shown = {target for page in PAGES for target, _ in targets(page)}
    for picture in DOCS.glob("images/*"):
        assert picture in shown, f"no page shows {name(picture)}"
        assert picture.stat().st_size < 300_000, name(picture)


def test_a_file_outside_of_the_documents_has_a_page_of_its_own() -> None:
    outside = {name(target) for page in PAGES for target, _ in targets(page)}
    outside = {path for path in outside if not path.startswith("docs") and path != "README.md"}
    uris = [_uri(path) for path in sorted(outside) if (ROOT / path).is_file()]
    assert len(uris) > 50
    assert len(set(uris)) == len(uris)
    assert not {uri for uri in uris if (DOCS / uri).exists()}
    assert _uri("docs/decisions") == "decisions/README.md"
    assert _uri("README.md") == "index.md"


def test_what_a_page_would_load_from_elsewhere_is_seen() -> None:
    page = (
        '<a href="https://a.org/x"><script src="https://b.org/x.js"><link rel=icon href=//c.org/i>'
    )
    assert _LOADED.findall(page) == ["https://b.org/x.js", "//c.org/i"]
    assert not _LOADED.findall('<img src="images/top.png"><script src="assets/x.js">')


# --- one Markdown for two readers -------------------------------------------------------------------


LISTS = {"bullet_list_open", "ordered_list_open", "table_open"}


def misread(page: Path) -> list[str]:
    """Blocks that the site's Markdown takes for something else than the repository's does.

    The site wants an empty line before a list and a table, and what belongs to an item of a list four
    columns further in than the list.
    """
    lines = [re.sub(r"^<!--.*-->$", "", line) for line in page.read_text("utf-8").splitlines()]
    found, depth, first, blocks = [], 0, False, 0
    for token in READER.parse(page.read_text("utf-8")):
        if token.type == "list_item_open" and token.map:
            if blocks > 1 and lines[token.map[0] - 1].strip():
                found.append(
                    f"line {token.map[0] + 1}: no empty line behind an item of several blocks"
                )
            depth, first, blocks = depth + 1, True, 0
        elif token.type == "list_item_close":
            depth -= 1
        elif token.map and token.nesting >= 0 and token.level == 2 * depth:
            at = token.map[0]
            within = len(lines[at]) - len(lines[at].lstrip())
            wanted = 4 * (depth + (token.type == "code_block")) if depth else 0
            if within < wanted and not first:
                found.append(f"line {at + 1}: {within} columns in, not {wanted}")
            if not depth and token.type in LISTS and at and lines[at - 1].strip():
                found.append(f"line {at + 1}: no empty line before it")
            first, blocks = False, blocks + 1 if depth else 0
    return found


@pytest.mark.parametrize("page", PAGES[2:], ids=name)
def test_both_kinds_of_markdown_read_a_page_alike(page: Path) -> None:
    assert misread(page) == []


def test_what_would_be_misread_is_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "Text\n- item\n\n1. one\n\n   more\n\n2. two\n\n       code\n3. three\n\n<!-- note -->\n| a |\n|---|\n"
    )
    assert misread(page) == [
        "line 2: no empty line before it",
        "line 6: 3 columns in, not 4",
        "line 10: 7 columns in, not 8",
        "line 11: no empty line behind an item of several blocks",
    ]


# --- links -----------------------------------------------------------------------------------------


@cache
def anchors(page: Path) -> set[str]:
    found: Counter[str] = Counter()
    result = set()
    parsed = READER.parse(page.read_text("utf-8"))
    for opened, inline in pairwise(parsed):
        if opened.type == "heading_open":
            words = (part.content for part in inline.children or [] if part.type != "link_open")
            anchor = slug("".join(words))
            # A second heading of one name gets another anchor on each site: it is not one to link to.
            result.add(anchor if not found[anchor] else "")
            found[anchor] += 1
    return result


def targets(page: Path) -> Iterator[tuple[Path, str]]:
    """Files and anchors that a page links to or shows."""
    for token in tokens(page):
        link = str(token.attrs.get("href") or token.attrs.get("src") or "")
        if link and not re.match(r"[a-z]+:", link):
            path, _, anchor = link.partition("#")
            yield Path(os.path.normpath(page.parent / path)) if path else page, anchor


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target, anchor in targets(page):
        assert target.exists(), target
        assert target.is_relative_to(ROOT), target
        if anchor:
            assert anchor in anchors(target), f"{name(target)} has no heading #{anchor}"


def test_an_anchor_is_made_of_words_code_and_links_alike(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("## `forgebus top`, *live*: [a](b.md) / c\n\n## Twice\n\n## Twice\n")
    assert anchors(page) == {"forgebus-top-live-a--c", "twice", ""}


# --- command lines ---------------------------------------------------------------------------------


SHELL = {"", "sh", "bash", "console", "text"}
PROGRAM = re.compile(r"(?:\$ |# )?(?:sudo )?(?:[A-Z_]+=\S+ )*(?:\S*/)?forgebus(?= [a-z-])(.*)")
PLACEHOLDER = re.compile(r"[A-Z_]{2,}|\.\.\.|…")


def command_lines(page: Path) -> Iterator[tuple[list[str], bool]]:
    """The words behind `forgebus`, and whether the line stands in a block and so is whole."""
    for token in tokens(page):
        if token.type == "code_inline":
            yield from ((words, False) for words in after_program(token.content))
        elif token.type == "code_block" or (token.type == "fence" and token.info in SHELL):
            lines = whole_lines(token.content)
            asked = [line for line in lines if line.startswith("$ ")]
            # An error is the last that a command says; what stands behind it is the rest of it.
            told = next(
                (at for at, line in enumerate(lines) if line.startswith("forgebus: ")), None
            )
            for line in asked or lines[:told]:
                yield from ((words, True) for words in after_program(line))


def whole_lines(block: str) -> list[str]:
    """Lines as a shell reads them: one that ends with a backslash or within quotes goes on."""
    lines = [""]
    for line in block.replace("\\\n", " ").splitlines():
        lines[-1] = f"{lines[-1]} {line}".strip()
        if PROGRAM.fullmatch(lines[-1]) is None or lines[-1].count("'") % 2 == 0:
            lines.append("")
    return lines


def after_program(line: str) -> Iterator[list[str]]:
    found = PROGRAM.fullmatch(line)
    if found:
        lexer = shlex.shlex(found[1], posix=True, punctuation_chars="|&;<>")
        lexer.whitespace_split = True
        words = []
        for word in lexer:
            if set(word) <= set("|&;<>"):
                break
            words.append(word)
        yield words


def fault(words: list[str], *, whole: bool) -> str:
    """What the real command line says against these words; "" for nothing."""
    command: Any = COMMANDS
    given = [word for word in words if word not in {"-h", "--help"}]
    try:
        context = command.make_context("forgebus", given)
        while hasattr(command, "resolve_command"):
            rest = [*context._protected_args, *context.args]
            if not rest:
                return ""
            called, command, rest = command.resolve_command(context, rest)
            if called == "train":
                return training_fault(rest)
            if called == "bench" and rest and rest[0] not in {*BENCHMARKS, "NAME"}:
                return f"no benchmark {rest[0]}"
            context = command.make_context(called, rest, parent=context)
    except _UsageError as error:
        unknown = type(error).__name__ in {"NoSuchOption", "UsageError"}
        mere_name = not whole or any(PLACEHOLDER.search(word) for word in words)
        return "" if mere_name and not unknown else str(error.format_message())
    return ""


# typer keeps its own copy of click, so the class has no public name of its own.
_UsageError = cast("type[typer.BadParameter]", typer.BadParameter.__bases__[0])


def training_fault(words: list[str]) -> str:
    known = training_options("forgebus train", Path())._option_string_actions
    return ", ".join(word for word in words if word[:2] == "--" and word not in known)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_command_line_is_one(page: Path) -> None:
    for words, whole in command_lines(page):
        assert not fault(words, whole=whole), f"forgebus {' '.join(words)}"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("ask math 'one and one' --why", ""),
        ("ask math x --wy", "--wy"),
        ("ask", "Missing"),
        ("askk math", "askk"),
        ("models frobnicate", "frobnicate"),
        ("train --type chat --data rows --eppochs 3", "--eppochs"),
        ("bench everything", "everything"),
        ("ask math x --deadline soon", "--deadline"),
        ("ask CAPABILITY x --deadline SECONDS", ""),
    ],
)
def test_a_wrong_command_line_is_seen(words: str, said: str) -> None:
    (split,) = after_program(f"$ sudo .venv/bin/forgebus {words} | head")
    told = fault(split, whole=True)
    assert said in told
    assert bool(told) == bool(said)


def test_command_lines_are_found() -> None:
    assert sum(whole for page in PAGES for _, whole in command_lines(page)) > 60


# --- other names -----------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_target_of_make_is_one(page: Path) -> None:
    known = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    for token in tokens(page):
        if token.type in {"code_inline", "code_block", "fence"}:
            for target in re.findall(
                r"^ *(?:\$ )?make ([a-z]+)(?= *$| +[A-Z#]|  )", token.content, re.MULTILINE
            ):
                assert target in known, f"make {target}"


# A file may be called like a section: node.py, auction.md.
ENDINGS = {"md", "py", "toml"}
SECTIONS = {
    field.name: {key.name for key in structs.fields(field.type)} for field in structs.fields(Config)
}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_key_of_the_configuration_is_one(page: Path) -> None:
    for token in tokens(page):
        section, dot, key = token.content.partition(".")
        if token.type == "code_inline" and dot and section in SECTIONS:
            known = SECTIONS[section] | ENDINGS
            assert re.split(r"\W", key)[0] in known, token.content

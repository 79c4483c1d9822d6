"""What mkdocs.yml needs besides: links out of docs/, anchors as in the repository, nothing from other hosts.

Pages link to files beside docs/ (`../models/home/CARD.md`, `../configs/forgebus.toml`), because that is where
a reader of the repository finds them. On the site docs/ is laid over the root of the repository: a file that
some page links to becomes a page at its own path, Markdown as it is and anything else as a listing.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import File, Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
_LINK = re.compile(r"\]\((?P<path>[^)\s#:]+)(?P<anchor>#[^)\s]*)?\)")
_COMMENT = re.compile(r"^<!--.*?-->\n", re.MULTILINE | re.DOTALL)
# What a browser loads by itself, from another host; a link that a reader may follow is none of these.
_LOADED = re.compile(
    r"""<(?:script|link|img|iframe|source)\b[^>]*\b(?:src|href)=["']?((?:https?:)?//[^"'\s>]+)"""
)
_LANGUAGES = {".py": "python", ".toml": "toml", ".sh": "sh", ".json": "json", ".yaml": "yaml"}
_UNSEARCHED = "---\nsearch:\n  exclude: true\n---\n\n"


def slug(heading: str, separator: str = "-") -> str:
    """The anchor of a heading as the repository's pages have it: a sign that is dropped leaves no hyphen."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", separator)


def on_config(config: MkDocsConfig) -> None:
    """Let one anchor serve the repository and the site."""
    config.mdx_configs.setdefault("toc", {})["slugify"] = slug


def on_files(files: Files, config: MkDocsConfig) -> None:
    """Add a page for every file outside docs/ that a page links to, and for those that these link to."""
    from mkdocs.structure.files import File, InclusionLevel  # noqa: PLC0415 - the test of the links has no mkdocs

    waiting = [(_folder(file), file.content_string) for file in files.documentation_pages()]
    while waiting:
        folder, text = waiting.pop()
        for path in list(_linked(folder, text)):
            uri = _uri(path)
            if files.get_file_from_path(uri) is None and not path.startswith("docs/"):
                text = _content(path)
                made = File.generated(
                    config, uri, content=text, inclusion=InclusionLevel.NOT_IN_NAV
                )
                files.append(made)
                if path.endswith(".md"):
                    waiting.append((posixpath.dirname(path), text))


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point links to where the files are on the site. Comments go: a table behind one would be no table."""
    folder = _folder(page.file)

    def moved(match: re.Match[str]) -> str:
        uri = _uri(posixpath.normpath(posixpath.join(folder, match["path"])))
        if files.get_file_from_path(uri) is None:
            return match[0]  # mkdocs tells what is wrong with it
        there = posixpath.relpath(uri, posixpath.dirname(page.file.src_uri) or ".")
        return f"]({there}{match['anchor'] or ''})"

    return _LINK.sub(moved, _COMMENT.sub("", markdown))


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> None:
    """Refuse a page that loads something from another host."""
    from mkdocs.exceptions import PluginError  # noqa: PLC0415 - likewise

    if loaded := _LOADED.findall(output):
        raise PluginError(f"{page.file.src_uri} loads from elsewhere: {', '.join(loaded)}")


def _folder(file: File) -> str:
    """Where in the repository the links of a page start."""
    folder = posixpath.dirname(file.src_uri)
    return folder if file.generated_by else posixpath.join("docs", folder)


def _linked(folder: str, text: str) -> Iterator[str]:
    """Files of the repository that a text links to, as paths from its root."""
    for match in _LINK.finditer(text):
        path = posixpath.normpath(posixpath.join(folder, match["path"]))
        if not path.startswith("..") and (ROOT / path).exists():
            yield path


def _uri(path: str) -> str:
    """The source of a file's page on the site, from its path in the repository."""
    if path == "README.md":
        return "index.md"  # the front page; mkdocs would write both to one place
    if (ROOT / path / "README.md").is_file():
        path = f"{path}/README.md"
    inside = path.removeprefix("docs/")
    if path != inside or path.endswith(".md"):
        return inside
    return f"{path}.md"


def _content(path: str) -> str:
    """A file or folder of the repository as a page."""
    file = ROOT / path
    if file.suffix == ".md":
        return file.read_text(encoding="utf-8")
    if file.is_dir():
        listing = "\n".join(
            sorted(each.name for each in file.iterdir() if each.name[0] not in "._")
        )
    else:
        listing = file.read_text(encoding="utf-8").rstrip("\n")
    language = _LANGUAGES.get(file.suffix, "text")
    return f"{_UNSEARCHED}# {path}\n\n~~~~~~ {language}\n{listing}\n~~~~~~\n"

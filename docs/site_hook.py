"""What mkdocs.yml cannot say: pages that are documents elsewhere, and the list of decisions.

A document's links are those of the repository, so that they also work there. Here they become
links between pages; one that leads to no page stays as it is, and `strict` refuses it.
"""

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

_ROOT = Path(__file__).parents[1]
# Page: document, and of the README one section alone.
_PAGES = {
    "changelog.md": "CHANGELOG.md",
    "clients.md": "clients/README.md",
    "typescript.md": "clients/typescript/README.md",
    "limits.md": "README.md#Limits",
    "model-cards/farsight-xs.md": "weights/farsight-xs/MODEL_CARD.md",
    "model-cards/farsight-xxs.md": "weights/farsight-xxs/MODEL_CARD.md",
    "responsible-use.md": "README.md#Responsible use",
    "settings.md": "README.md#Settings",
    "weights-licence.md": "weights/LICENSE.md",
}
_PAGE_OF = {document.lower().replace(" ", "-"): page for page, document in _PAGES.items()} | {
    "readme.md": "index.md"
}
_FENCE = re.compile(r"(^```.*?^```$)", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\((?!\w+:|#)([^)#\s]+)(#[^)\s]*)?\)")
# Python-Markdown wants an empty line between a paragraph and its list, GitHub does not.
_LIST_AFTER_TEXT = re.compile(r"^(?![-#|>\s]|\* |\d+\. )(.+)\n(?=- |1\. )", re.MULTILINE)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Lists every decision record."""
    assert config.nav is not None
    (decisions,) = [entry for entry in config.nav if "Decisions" in entry]
    found = sorted((_ROOT / "docs" / "decisions").glob("*.md"))
    decisions["Decisions"] = [f"decisions/{path.name}" for path in found]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages that are documents elsewhere."""
    for page, source in _PAGES.items():
        name, _, heading = source.partition("#")
        text = (_ROOT / name).read_text(encoding="utf-8")
        if heading:
            (section,) = re.findall(
                rf"^## {heading}\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE
            )
            text = f"# {heading}\n\n{section}"
        files.append(File.generated(config, page, content=_for_site(text, name, page)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Makes a document of docs/ a page."""
    path = page.file.src_uri
    return markdown if path in _PAGES else _for_site(markdown, f"docs/{path}", path)


def _for_site(text: str, document: str, page: str) -> str:
    """Links as between pages, and lists as Python-Markdown wants them; code stays as it is."""

    def linked(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(document), link[1]))
        anchor = link[2] or ""
        if section := _PAGE_OF.get(f"{target}{anchor}".lower()):
            found, anchor = section, ""
        elif other := _PAGE_OF.get(target.lower()):
            found = other
        elif target.startswith("docs/"):
            found = target.removeprefix("docs/")
        else:
            return link[0]
        return f"]({posixpath.relpath(found, posixpath.dirname(page) or '.')}{anchor})"

    parts = _FENCE.split(text)
    parts[::2] = [_LIST_AFTER_TEXT.sub(r"\1\n\n", _LINK.sub(linked, prose)) for prose in parts[::2]]
    return "".join(parts)

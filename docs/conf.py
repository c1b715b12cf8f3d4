"""How Sphinx makes a site of these pages: `python3 make.py docs`.

The pages are plain Markdown, which must also read well in the repository. So they hold no directive. What a site needs
in addition is added here while the pages are read: the tables of contents, and addresses for links out of this folder.
"""

import re
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.util.logging import getLogger

project = "tap-dtm"
copyright = "the tap-dtm authors"  # noqa: A001  the name that Sphinx reads
extensions = ["myst_parser"]
html_theme = "alabaster"  # it comes with Sphinx
html_theme_options = {
    "description": "DTM data, exactly and on time",
    "page_width": "1120px",
    "body_max_width": "auto",
    "font_family": "sans-serif",
    "head_font_family": "sans-serif",
    "font_size": "16px",
}
html_show_sphinx = False
myst_heading_anchors = 3  # as GitHub names them
nitpicky = True
linkcheck_ignore = [r"https://raw\.githubusercontent\.com/tap-dtm/.*", r"https://github\.com/tap-dtm/.*"]

_FOLDER = Path(__file__).parent
_REPOSITORY = "https://github.com/tap-dtm/tap-dtm/blob/main/"
_OUTSIDE = re.compile(r"(?<=\]\()\.\./([^)#\s]*)(?=[)#])")
_SECTION = re.compile(r"^## (.+)\n([^#]*)", re.MULTILINE)
_LINKED = re.compile(r"\]\(([\w-]+)\.md\)")


def prepare(_app: Sphinx, name: str, content: list[str]) -> None:
    """Add tables of contents to the index, from its sections; make addresses of links that leave this folder."""
    text = content[0]
    for path in _OUTSIDE.findall(text):
        if not (_FOLDER.parent / path).exists():
            getLogger(__name__).warning("the link ../%s leads to no file", path, location=name)
    text = _OUTSIDE.sub(rf"{_REPOSITORY}\1", text)
    if name == "index":
        for caption, section in _SECTION.findall(text):
            pages = "\n".join(dict.fromkeys(_LINKED.findall(section)))
            text += f"\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{pages}\n```\n"
    content[0] = text


def setup(app: Sphinx) -> None:
    """Prepare each page that Sphinx reads."""
    app.connect("source-read", prepare)

"""A Markdown document as one HTML page, with an anchor for each of its headings.

    python -m contrib.html docs/runbook.md docs/runbook.html        (`make html`)

The anchors are those of GitHub, so `notes_url` and the links of the other documents fit both.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import markdown
from markdown.extensions.toc import TocExtension

PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ max-width: 50em; margin: 0 auto; padding: 1em; font: 1em/1.5 sans-serif; }}
h1, h2 {{ border-bottom: 1px solid #aaa; }}
pre {{ background: #f3f3f3; color: #111; padding: .7em; overflow-x: auto; }}
code {{ background: #f3f3f3; color: #111; }}
table {{ border-collapse: collapse; }}
th, td {{ border: 1px solid #aaa; padding: .2em .5em; text-align: left; vertical-align: top; }}
.toc ul {{ columns: 14em; list-style: none; padding-left: 0; }}
:target {{ background: #ffec99; color: #111; }}
</style>
</head>
<body>
{body}
</body>
</html>
"""


def page(text: str) -> str:
    """The page of a Markdown text: its title, its table of contents, then the rest."""
    title, _, rest = text.removeprefix("# ").partition("\n")
    contents = TocExtension(slugify=anchor, toc_depth="2", title="Contents")
    extensions = ["tables", "fenced_code", "sane_lists", contents]
    body = markdown.markdown(f"# {title}\n\n[TOC]\n{rest}", extensions=extensions)
    return PAGE.format(title=title, body=body)


def anchor(heading: str, _separator: str = "-") -> str:
    """The anchor that GitHub gives to a heading."""
    return re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-")


if __name__ == "__main__":
    source, target = map(Path, sys.argv[1:])
    target.write_text(page(source.read_text(encoding="utf-8")), encoding="utf-8")

"""A Markdown document as one HTML page, with an anchor for each of its headings.

    python -m contrib.html docs/runbook.md docs/runbook.html        (`make html`)

The anchors are those of GitHub, so `notes_url` and the links of the other documents fit both.
"""

from __future__ import annotations

import html
import re
import sys
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

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
    """The page of a document: its title, a table of contents, then the rest."""
    reader = MarkdownIt("commonmark").enable("table")
    tokens = reader.parse(text)
    contents = []
    for heading, words in zip(tokens, tokens[1:]):
        if heading.type == "heading_open":
            heading.attrSet("id", anchor(words.content))
            contents.append(_entry(words))
    del contents[0]  # the title
    end_of_title = next(i for i, token in enumerate(tokens) if token.type == "heading_close") + 1
    title, rest = tokens[:end_of_title], tokens[end_of_title:]
    body = [
        reader.renderer.render(title, reader.options, {}),
        '<nav class="toc">\n<ul>\n',
        *contents,
        "</ul>\n</nav>\n",
        reader.renderer.render(rest, reader.options, {}),
    ]
    return PAGE.format(title=html.escape(title[1].content), body="".join(body))


def _entry(words: Token) -> str:
    """The line of a heading in the table of contents."""
    return f'<li><a href="#{anchor(words.content)}">{html.escape(words.content)}</a></li>\n'


def anchor(heading: str) -> str:
    """The anchor that GitHub gives to a heading."""
    return re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-")


if __name__ == "__main__":
    source, target = map(Path, sys.argv[1:])
    target.write_text(page(source.read_text(encoding="utf-8")), encoding="utf-8")

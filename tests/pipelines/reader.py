"""Reads a report as a person does: what its prose says, and what stands in the tables of charts."""

from __future__ import annotations

import re
from html.parser import HTMLParser

BLOCKS = {"p", "li", "dt", "dd", "h1", "h2", "h3", "div", "section", "figcaption", "summary", "ul"}
SIGNS = str.maketrans({"\u2212": "-", "\u00a0": " ", "\u2019": "'"})


class Report(HTMLParser):
    """The page, taken apart without the templates that made it.

    Attributes:
        blocks: The section and the words of each block of prose, in order; tables left out.
        charts: The cells of the table behind each chart, by the chart's title.
        cells: All cells of all tables, with their section.
    """

    def __init__(self, html: str) -> None:
        super().__init__()
        self.blocks: list[tuple[str, str]] = []
        self.charts: dict[str, list[str]] = {}
        self.cells: list[tuple[str, str]] = []
        self._section, self._title, self._hidden, self._in_cell = "", "", 0, False
        self._words: list[str] = []
        self.feed(html)
        self._end_block()

    def prose(self, section: str = "") -> str:
        """The blocks of one section or of all, a line each, then the titles of charts."""
        told = [words for name, words in self.blocks if section in ("", name)]
        return "\n".join([*told, *([] if section else self.charts)])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        held = dict(attrs)
        if tag in BLOCKS:
            self._end_block()
        if tag == "section":
            self._section = held.get("id") or ""
        if tag == "img":
            alt = (held["alt"] or "").translate(SIGNS)
            self._title = alt.removeprefix("Chart. ").removesuffix(
                ". The numbers stand in the table below it."
            )
            self.charts[self._title] = []
        self._hidden += tag in ("style", "script", "nav", "caption")
        self._in_cell = self._in_cell or tag in ("td", "th")

    def handle_endtag(self, tag: str) -> None:
        if tag in BLOCKS:
            self._end_block()
        if tag == "figure":
            self._title = ""
        self._hidden -= tag in ("style", "script", "nav", "caption")
        self._in_cell = self._in_cell and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        words = " ".join(data.translate(SIGNS).split())
        if self._hidden or not words:
            return
        if self._in_cell:
            self.cells.append((self._section, words))
            if self._title:
                self.charts[self._title].append(words)
        else:
            self._words.append(words)

    def _end_block(self) -> None:
        if self._words:
            words = re.sub(r" ([.,;:])", r"\1", " ".join(self._words))
            self.blocks.append((self._section, words))
        self._words = []

"""What a test sees of a page: its elements, as a browser would build them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"circle", "input", "line", "link", "meta", "path", "rect"}  # as these pages write them


@dataclass
class Element:
    """An element with its attributes and, in order, its texts and children."""

    tag: str
    attributes: dict[str, str] = field(default_factory=dict)
    content: list[Element | str] = field(default_factory=list)

    def __getitem__(self, name: str) -> str:
        return self.attributes[name]

    def __iter__(self) -> Iterator[Element]:
        """All elements below, in the order of the page."""
        for each in self.content:
            if isinstance(each, Element):
                yield each
                yield from each

    @property
    def text(self) -> str:
        """All text below, spaces as a reader sees them."""
        parts = (each if isinstance(each, str) else each.text for each in self.content)
        return " ".join(" ".join(parts).split())

    def find(self, *tags: str, **attributes: str) -> list[Element]:
        """All elements below with one of the tags and these attributes; underscores are hyphens."""
        wanted = {name.strip("_").replace("_", "-"): text for name, text in attributes.items()}
        return [
            each
            for each in self
            if (not tags or each.tag in tags)
            and all(each.attributes.get(name) == text for name, text in wanted.items())
        ]

    def one(self, *tags: str, **attributes: str) -> Element:
        """The only such element."""
        (found,) = self.find(*tags, **attributes)
        return found

    @property
    def shape(self) -> list[tuple[str, tuple[str, ...]]]:
        """Every tag below with the names of its attributes: what a hostile text must not change."""
        return [(each.tag, tuple(each.attributes)) for each in self]


class _Builder(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open = [Element("page")]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].content.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop().tag == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        self.open[-1].content.append(data)


def read_page(html: str) -> Element:
    """Read a page; an element that is not closed, or closed twice, fails the test."""
    builder = _Builder()
    builder.feed(html)
    builder.close()
    (page,) = builder.open
    return page

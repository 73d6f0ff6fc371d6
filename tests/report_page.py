"""Reading a report back: its elements, its texts, and what is wrong with its structure."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from itertools import pairwise

VOID = {"meta", "br", "wbr", "hr", "img", "input", "link"}


@dataclass
class Element:
    """A tag with its attributes, its ancestors' tags, and the text inside."""

    tag: str
    attributes: dict[str, str | None]
    above: tuple[str, ...]
    text: str = ""
    inside: set[str] = field(default_factory=set)


class Page(HTMLParser):
    """All elements of a page, in order; raises if one is closed that is not open."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self.feed(html)
        self.close()
        assert not self._open, [element.tag for element in self._open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, dict(attrs), tuple(each.tag for each in self._open))
        assert len(attrs) == len(element.attributes), f"{tag} has an attribute twice: {attrs}"
        for each in self._open:
            each.inside.add(tag)
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self._open and self._open[-1].tag == tag, f"</{tag}> closes {[each.tag for each in self._open]}"
        self._open.pop()

    def handle_data(self, data: str) -> None:
        for each in self._open:
            each.text += data

    def all(self, tag: str) -> list[Element]:
        """Every element of a kind."""
        return [element for element in self.elements if element.tag == tag]

    @property
    def text(self) -> str:
        """All that a reader sees."""
        return self.all("body")[0].text


def problems(page: Page) -> list[str]:
    """What a screen reader, or a reader without colours, could not make sense of."""
    found = []
    ids = [element.attributes["id"] for element in page.elements if "id" in element.attributes]
    found += [f"the id {each} is there twice" for each in set(ids) if ids.count(each) > 1]
    for element in page.elements:
        for name in ("aria-labelledby", "aria-describedby"):
            found += [f"{name} names {one}" for one in (element.attributes.get(name) or "").split() if one not in ids]
        link = element.attributes.get("href")
        if link is not None and (not link.startswith("#") or link[1:] not in ids):
            found.append(f"a link to {link}")
    found += [f"a table without {part}" for table in page.all("table") for part in {"caption", "th"} - table.inside]
    found += [
        f"a header cell without scope: {cell.text}" for cell in page.all("th") if not cell.attributes.get("scope")
    ]
    for picture in page.all("svg"):
        named = {"title", "desc"} <= picture.inside and picture.attributes.get("role") == "img"
        if not named and picture.attributes.get("aria-hidden") != "true":
            found.append("a picture without a title and a description")
    levels = [int(element.tag[1]) for element in page.elements if element.tag in ("h1", "h2", "h3", "h4", "h5", "h6")]
    found += [f"h{b} after h{a}" for a, b in pairwise(levels) if b > a + 1]
    if levels.count(1) != 1:
        found.append(f"{levels.count(1)} first headings")
    return found

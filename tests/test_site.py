"""The documentation site: whole, and without asking another machine."""

from __future__ import annotations

import pkgutil
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import customer_segmentation
from tests.browser import Browser
from tests.conftest import PROJECT

FETCHED = {"img": "src", "script": "src", "link": "href", "source": "src", "iframe": "src"}
PLAIN = {"alternate", "author", "index", "next", "prev", "search"}  # links that fetch nothing


class Page(HTMLParser):
    """What a page fetches as it opens, and where its links lead."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.links: set[Path] = set()
        self.folder = path.parent
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        if tag == "a" and (address := urlsplit(named.get("href", ""))).path and not address.netloc:
            self.links.add((self.folder / unquote(address.path)).resolve())
        if tag in FETCHED and named.get("rel") not in PLAIN and FETCHED[tag] in named:
            self.fetched.append(named[FETCHED[tag]])


@pytest.fixture(scope="module")
def site() -> Path:
    """What `make site` wrote last; it has failed itself where a link within the site is broken."""
    where = PROJECT / "build" / "site"
    if not (where / "index.html").is_file():
        pytest.skip("there is no site yet; run make site")
    return where


def test_no_page_fetches_anything_from_another_machine(site):
    fetched = {
        (path.name, address)
        for path in site.rglob("*.html")
        for address in Page(path).fetched
        if urlsplit(address).netloc
    }
    assert fetched == set()
    styles = [path.read_text(encoding="utf-8") for path in site.rglob("*.css")]
    assert styles
    assert not [each for each in styles if re.search(r"(@import|url\()[\s\"']*(https?:)?//", each)]


def test_every_page_is_reached_from_the_first_one_by_links(site):
    reached, to_read = set(), [site / "index.html"]
    while to_read:
        if (path := to_read.pop()) not in reached:
            assert path.is_file(), f"a link leads to {path}, which is not there"
            reached.add(path)
            to_read += Page(path).links if path.suffix == ".html" else []
    by_form = {site / "search.html"}  # the search field leads there
    assert set(site.rglob("*.html")) - reached == by_form


def test_the_search_knows_the_words_of_the_pages(site):
    index = (site / "searchindex.js").read_text(encoding="utf-8")
    assert '"how-to/pin-a-specification"' in index
    assert "circular" in index


def test_the_reference_has_every_public_module(site):
    package = customer_segmentation
    names = [each.name for each in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")]
    public = {name for name in names if not any(part[0] == "_" for part in name.split("."))}
    pages = [path.read_text(encoding="utf-8") for path in site.glob("api/modules/*.html")]
    shown = {name for page in pages for name in re.findall(r'id="module-([\w.]+)"', page)}
    assert public - shown == set()


def test_the_search_shows_a_guide_before_the_modules_that_do_what_it_tells(site, look: Browser):
    look.open(f"{(site / 'search.html').as_uri()}?q=stability")
    # The results come one by one, the best first.
    look.wait(lambda driver: driver.find_elements("css selector", "ul.search a[href*='api/']"))
    found = look.driver.find_elements("css selector", "ul.search li > a")
    pages = [Path(urlsplit(str(link.get_attribute("href"))).path) for link in found]
    first = next(at for at, page in enumerate(pages) if site / "api" in page.parents)
    assert site / "method.html" in pages[:first]


def list_directives(page: Path) -> list[str]:
    """Directives of a page that stand in no comment, which a repository would show as code."""
    text = re.sub(r"<!--.*?-->", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return re.findall(r"^[`:]{3,}\{.*", text, re.MULTILINE)


def test_a_repository_shows_no_directive_of_a_guide():
    """Menus and cards stand in comments, which `docs/conf.py` opens for the site."""
    docs = PROJECT / "docs"
    # The overview is the README, of which a repository has its own page.
    guides = {*docs.glob("*.md"), *docs.glob("[!a]*/*.md")} - {docs / "overview.md"}
    assert len(guides) > 40
    assert [(page.name, list_directives(page)) for page in guides if list_directives(page)] == []

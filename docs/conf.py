"""How Sphinx builds the documentation site; `make site` calls it."""

from __future__ import annotations

import re
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, get_origin

if TYPE_CHECKING:
    from sphinx.application import Sphinx

from customer_segmentation import __version__

project = "customer_segmentation"
release = __version__
language = "en"
highlight_language = "none"
html_title = "Customer segmentation"
html_theme = "furo"
html_show_copyright = False
html_show_sphinx = False
html_show_sourcelink = False
html_copy_source = False
html_use_index = False  # the search and the reference do what an index of names would
html_domain_indices = False
templates_path = ["_templates"]
exclude_patterns = ["_templates"]

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "myst_parser",
    "sphinx_copybutton",
    "sphinx_design",
]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4
copybutton_exclude = ".linenos, .gp, .go"

# A name of ours that leads nowhere is an error. Other projects' pages are not asked for: the site
# is built without a network.
nitpicky = True
nitpick_ignore_regex = [
    (r"py:.*", r"(?!customer_segmentation\b).*"),
    (r"py:.*", r"customer_segmentation\..*\b_\w+"),  # private bases have no page
    (r"py:class", r"customer_segmentation\..*\bRow"),  # nor have variables that stand for types
]
suppress_warnings = ["ref.python"]  # an attribute's name may stand in several classes
linkcheck_timeout = 20
linkcheck_retries = 2

autosummary_generate = True
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_default_options = {
    "members": True,
    "show-inheritance": True,
    "exclude-members": "Config, model_config, model_post_init, set_fit_request, set_score_request",
}
python_maximum_signature_line_length = 90
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False  # what stands before a colon is prose here
default_role = "literal"  # docstrings quote names in single backticks

html_search_scorer = str(Path(__file__).with_name("search-scorer.js"))

FOR_SITE = re.compile(r"^<!-- site\n(.*?)^-->$", re.DOTALL | re.MULTILINE)
FENCE = re.compile(r"^(\s*)```\w*$")
NAME_END = re.compile(r"(?<![\w`])([a-z]|numpy\.\w+)_(?=\W)")  # p_ and numpy.str_ are no links


def _show_for_site(_app: Sphinx, _page: str, source: list[str]) -> None:
    """Take what a page holds for the site alone out of the comments that hide it elsewhere."""
    source[0] = FOR_SITE.sub(r"\1", source[0])


def _indent_fences(
    _app: Sphinx, _what: str, _name: str, _thing: object, _options: object, lines: list[str]
) -> None:
    """Turn the fenced blocks of a docstring into the literal blocks that Sphinx knows."""
    inside, written = False, []
    for line in lines:
        if found := FENCE.match(line):
            inside = not inside
            written.extend([f"{found[1]}::", ""] if inside else [""])
        else:
            written.append(f"    {line}" if inside else NAME_END.sub(r"\1\\_", line))
    lines[:] = written


def _skip_aliases(
    _app: Sphinx, _what: str, _name: str, thing: object, *_options: object
) -> bool | None:
    """Leave out aliases of types, whose only text is Python's own."""
    return True if get_origin(thing) or isinstance(thing, TypeVar) else None


def _shorten_classes(
    _app: Sphinx, what: str, _name: str, thing: object, *_details: object
) -> tuple[str, None] | None:
    """Give a class the names of its arguments; their meaning stands under its attributes."""
    if what != "class":
        return None
    try:
        names = [
            str(each.replace(annotation=each.empty, default=each.empty))
            for each in signature(thing).parameters.values()  # type: ignore[arg-type]
        ]
    except ValueError:  # of a class written in C
        return None
    return f"({', '.join(names)})", None


def setup(app: Sphinx) -> None:
    """Register what pages and docstrings need."""
    app.connect("source-read", _show_for_site)
    app.connect("autodoc-process-docstring", _indent_fences, priority=600)
    app.connect("autodoc-process-signature", _shorten_classes)
    app.connect("autodoc-skip-member", _skip_aliases)

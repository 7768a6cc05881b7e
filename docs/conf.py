"""How Sphinx builds the documentation site; `make site` calls it."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT / "src"))

from customer_segmentation import __version__  # noqa: E402

project = "customer_segmentation"
release = __version__
language = "en"
html_title = "Customer segmentation"
html_theme = "furo"
html_show_copyright = False
html_show_sphinx = False
html_show_sourcelink = False
html_copy_source = False
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
nitpick_ignore_regex = [(r"py:.*", r"(?!customer_segmentation\b).*")]
linkcheck_timeout = 20
linkcheck_retries = 2

autosummary_generate = True
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_default_options = {
    "members": True,
    "show-inheritance": True,
    "exclude-members": "model_config, model_post_init",
}
python_maximum_signature_line_length = 90
napoleon_numpy_docstring = False
napoleon_use_ivar = True
default_role = "literal"  # docstrings quote names in single backticks

FENCE = re.compile(r"^(\s*)```\w*$")


def _indent_fences(_app: Sphinx, *details: object) -> None:
    """Turn the fenced blocks of a docstring into the literal blocks that Sphinx knows."""
    lines = details[-1]
    assert isinstance(lines, list)
    inside, written = False, []
    for line in lines:
        if found := FENCE.match(line):
            inside = not inside
            written.extend([f"{found[1]}::", ""] if inside else [""])
        else:
            written.append(f"    {line}" if inside else line)
    lines[:] = written


def setup(app: Sphinx) -> None:
    """Register what docstrings need."""
    app.connect("autodoc-process-docstring", _indent_fences, priority=400)

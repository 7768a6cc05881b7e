"""A page to look around in the households: every column, its values and what goes with it."""

from __future__ import annotations

import os
import re
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pandas as pd
from markupsafe import escape

from customer_segmentation.panel.codebook import Codebook, Field

# The library gives the elements of each page random names.
NAMED = re.compile(r'id="(?:report_)?([0-9a-f]{8})"')
NAME = re.compile(r"(?<![0-9a-f])[0-9a-f]{8}(?![0-9a-f])")
NO_DATE = {"SOURCE_DATE_EPOCH": "0"}
LIBRARYS_TITLE = "<title>skrub report</title>"
STYLE = """<style>
header { color-scheme: light dark; color: CanvasText; padding: 0 .5rem; line-height: 1.5; }
</style>"""
HEAD = """<header>
<p><strong>This page holds records of single households: do not pass it on.</strong> The report,
which may be passed on, is <a href="segmentation_report.html">segmentation_report.html</a>
beside it.</p>
</header>"""


def explore_households(households: pd.DataFrame, codebook: Codebook) -> str:
    """Write a page in which the households can be looked through.

    Args:
        households: One row per household, as `validate_households` returns them.
        codebook: Labels of columns and codes.

    Returns:
        An HTML page that asks for nothing from the network: the first and last households without
        their identifier, and of each column its values, statistics, distribution and the columns
        that it goes with. Equal households give equal pages.
    """
    title = f"{codebook.panel}: the households"
    labelled = _label(households, codebook)
    # In a process of its own, as the libraries would stay in the memory of all that follows.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        page = process.submit(_write_page, labelled, title).result()
    return _introduce(_number_names(page), title)


def _write_page(labelled: pd.DataFrame, title: str) -> str:
    import matplotlib as mpl
    from skrub import TableReport

    # Without these, random names and the date get into the pictures.
    os.environ.update(NO_DATE)
    mpl.rcParams["svg.hashsalt"] = "households"
    report = TableReport(
        labelled, title=title, plot_distributions=True, compute_associations=True, verbose=0
    )
    page: str = report.html()
    return page


def _introduce(page: str, title: str) -> str:
    """Say above the library's page what it is, and where the way back is."""
    titled = page.replace(LIBRARYS_TITLE, f"<title>{escape(title)}</title>\n{STYLE}", 1)
    return titled.replace("<body>", f"<body>\n{HEAD}", 1)


def _number_names(page: str) -> str:
    """Give every random name the number of its first place on the page."""
    names = {name: f"{i:08x}" for i, name in enumerate(dict.fromkeys(NAMED.findall(page)))}
    return NAME.sub(lambda found: names.get(found[0], found[0]), page)


def _label(households: pd.DataFrame, codebook: Codebook) -> pd.DataFrame:
    fields = [field for field in codebook.fields if field.name != codebook.identifier]
    titles = [f"{field.label} ({field.unit})" if field.unit else field.label for field in fields]
    columns = {
        title if titles.count(title) == 1 else f"{title}, {field.name}": _name_codes(
            households[field.name], field
        )
        for title, field in zip(titles, fields, strict=True)
    }
    return pd.DataFrame(columns)


def _name_codes(values: pd.Series, field: Field) -> pd.Series:
    if not field.scale.is_coded:
        return values
    return values.map(field.codes).astype("str").where(values.notna())

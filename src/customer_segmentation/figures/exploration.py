"""A page to look around in the households: every column, its values and what goes with it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

import pandas as pd

from customer_segmentation.panel.codebook import Codebook, Field

# The library gives the elements of each page random names.
NAMED = re.compile(r'id="(?:report_)?([0-9a-f]{8})"')
NAME = re.compile(r"(?<![0-9a-f])[0-9a-f]{8}(?![0-9a-f])")
NO_DATE = {"SOURCE_DATE_EPOCH": "0"}


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
    from skrub import TableReport

    title = f"{codebook.panel}: the households"
    with _repeatable():
        page = TableReport(
            _label(households, codebook),
            title=title,
            plot_distributions=True,
            compute_associations=True,
            verbose=0,
        ).html()
    return _number_names(page)


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


@contextmanager
def _repeatable() -> Iterator[None]:
    """Keep random names and the date out of the pictures."""
    import matplotlib as mpl

    before = {name: os.environ.get(name) for name in NO_DATE}
    os.environ.update(NO_DATE)
    try:
        with mpl.rc_context({"svg.hashsalt": "households"}):
            yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value

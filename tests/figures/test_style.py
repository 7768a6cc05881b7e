"""Colours and order: a persona looks the same everywhere."""

from __future__ import annotations

import re
from pathlib import Path

import matplotlib as mpl
import pytest
from pydantic import ValidationError

from customer_segmentation.figures.style import canvas
from tests.figures import tables


def test_a_persona_keeps_its_colour_whatever_stands_beside_it(reporting):
    every = reporting.colours(tables.PERSONAS)
    for name in tables.PERSONAS:
        assert reporting.colours([name, "Another"])[name] == every[name]


def test_numbered_segments_are_ordered_as_numbers_after_the_personas(reporting):
    names = ["Segment 10", "Segment 9", "Loyalists", "Segment 10"]
    assert reporting.order(names) == ["Loyalists", "Segment 9", "Segment 10"]


def test_each_of_eight_segments_has_a_colour_of_its_own(reporting):
    colours = reporting.colours(f"Segment {number}" for number in range(1, 9))
    assert len(set(colours.values())) == 8


def test_claims_and_personas_share_no_colour(reporting):
    claims = {mark.colour for mark in reporting.claims.values()}
    assert len(claims) == 3
    assert claims.isdisjoint({*reporting.segment_colours.values(), *reporting.other_colours})


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_marks_stand_out_from_a_white_card(reporting):
    marks = [mark.colour for mark in reporting.claims.values()]
    for colour in (*reporting.segment_colours.values(), *marks):
        assert 1.05 / (luminance(colour) + 0.05) >= 3  # WCAG 2.2, non-text contrast


def test_a_name_without_a_label_is_shown_with_spaces(reporting):
    assert reporting.label("lr") == "Logistic regression"
    assert reporting.label("some_new_set") == "Some new set"


@pytest.mark.parametrize(
    "change",
    [
        {"dots_per_inch": 10},
        {"unknown": 1},
        {"other_colours": ["blue"]},
        {"protocol": "repeated_cv"},
        {"model_in_question": "majority"},
        {"campaign_depth": 0},
    ],
)
def test_a_bad_value_is_refused(reporting, change):
    with pytest.raises(ValidationError):
        type(reporting).model_validate({**reporting.model_dump(), **change})


def test_variables_that_the_codebook_lacks_are_refused(reporting, codebook):
    reporting.check(codebook)
    for key in (
        "trend_variables",
        "amount_variables",
        "profile_variables",
        "card_variables",
        "bought_variables",
    ):
        with pytest.raises(ValueError, match="no_such"):
            reporting.model_copy(update={key: ("no_such",)}).check(codebook)


def test_a_claimed_field_that_the_codebook_lacks_is_refused(reporting, codebook):
    claim = reporting.published_claim.model_copy(update={"strongest_fields": ("no_such",)})
    with pytest.raises(ValueError, match=r"published_claim.strongest_fields: .*no_such"):
        reporting.model_copy(update={"published_claim": claim}).check(codebook)
    reporting.model_copy(update={"published_claim": None}).check(codebook)


def test_a_long_title_stays_inside_the_figure(reporting):
    title = "Accuracy falls from 96.1% to 57.6%; always naming the largest segment gives 58.6% " * 3
    with canvas(title.strip(), 2, reporting) as (figure, _):
        pass
    box = figure.texts[0].get_window_extent()
    assert box.x0 >= 0
    assert box.x1 <= figure.bbox.width
    assert figure.get_suptitle().split() == title.split()


@pytest.mark.parametrize(("metrics", "is_title"), [("phvr8a", False), ("phvb8a", True)])
def test_lines_are_as_long_in_any_font(metrics, is_title, reporting):
    # Helvetica has Arial's widths; a table of them, in thousandths, comes with matplotlib.
    table = Path(mpl.get_data_path(), "fonts", "afm", f"{metrics}.afm").read_text("ascii")
    widths = dict(re.findall(r"C (\d+) ; WX (\d+)", table))
    line = "Education of the homemaker: school 10-12 years"
    with canvas("Title", 2, reporting) as (figure, (axes,)):
        text = axes.set_title(line) if is_title else axes.text(0, 0, line)
    points = text.get_window_extent().width * 72 / figure.dpi
    arial = 10.5 * sum(int(widths[str(ord(sign))]) for sign in line) / 1000
    assert points == pytest.approx(arial, rel=0.03)

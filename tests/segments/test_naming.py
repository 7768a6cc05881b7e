"""Names follow from signatures alone; the numbers of k-means never matter."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from customer_segmentation.segments.naming import (
    SegmentNamingError,
    match_personas,
    name_segments,
    standardised_means,
)

# Repeat rate, largest share, promotion share, banded offers, in standard deviations.
LOYAL, DEALS, VARIED = [1.3, 1.5, -0.4, -0.4], [-0.5, -0.4, 1.5, 1.4], [-0.2, -0.4, -0.4, -0.3]
VARIABLES = ["repeat_rate", "brand_loyalty_mid", "promo_share", "share_banded_offer"]


def means(*rows):
    return pd.DataFrame(rows, columns=VARIABLES)


@pytest.fixture
def naming(segmentation):
    return segmentation.naming


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_names_do_not_depend_on_the_numbers_of_the_segments(naming, order):
    rows, names = [LOYAL, DEALS, VARIED], ["Loyalists", "Promo Shoppers", "Variety Seekers"]
    found = match_personas(means(*(rows[i] for i in order)), naming)
    assert found == {number: names[i] for number, i in enumerate(order)}


def test_the_order_of_the_personas_does_not_matter(naming):
    turned = naming.model_copy(update={"personas": naming.personas[::-1]})
    rows = means(LOYAL, DEALS, VARIED)
    assert match_personas(rows, turned) == match_personas(rows, naming)


def test_a_persona_is_known_by_the_name_it_is_given(naming):
    renamed = naming.personas[0].model_copy(update={"name": "Devotees"})
    naming = naming.model_copy(update={"personas": (renamed, *naming.personas[1:])})
    assert match_personas(means(LOYAL, DEALS, VARIED), naming)[0] == "Devotees"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            (LOYAL, [-0.5, -0.4, 0.9, 1.4], VARIED),
            r"'Promo Shoppers'.*promo_share \+0.90.*least \+1",
        ),
        ((LOYAL, DEALS, [0.05, -0.4, -0.4, -0.3]), r"'Variety Seekers'.*repeat_rate at most -0.1"),
        (([1.3, 0.2, -0.4, -0.4], DEALS, VARIED), r"'Loyalists'.*brand_loyalty_mid at least \+0.5"),
        ((LOYAL, [-0.5, -0.4, 1.5, 0.4], VARIED), r"'Promo Shoppers'.*share_banded_offer at least"),
        ((LOYAL, DEALS), "2 segments, but 3 personas"),
    ],
)
def test_a_segment_without_the_whole_signature_gets_no_name(naming, rows, message):
    with pytest.raises(SegmentNamingError, match=message):
        match_personas(means(*rows), naming)


def test_a_foremost_mean_must_lie_beyond_every_other(naming):
    tied = means([1.3, 1.5, 1.6, 0], [-0.9, -0.9, 1.6, 1.4], VARIED)
    with pytest.raises(SegmentNamingError, match=r"'Promo Shoppers'.*beyond every other segment"):
        match_personas(tied, naming)


def test_two_matchings_that_fit_alike_are_refused(naming):
    # Both low segments could be the variety seekers once promo shoppers need no promotion lead.
    easy = naming.personas[1].signature[0].model_copy(update={"minimum": 0, "foremost": False})
    personas = (
        naming.personas[0],
        naming.personas[1].model_copy(update={"signature": (easy,)}),
        naming.personas[2].model_copy(update={"signature": naming.personas[2].signature[:2]}),
    )
    naming = naming.model_copy(update={"personas": personas})
    rows = means(LOYAL, [-0.5, -0.5, 0.3, 0], [-0.4, -0.4, 0.1, 0])
    # By hand: (0.3 + 0.4) against (0.1 + 0.5), so the best is ahead by 0.10.
    with pytest.raises(SegmentNamingError, match=r"ahead by 0\.10 .*minimum_margin asks for 0\.5"):
        match_personas(rows, naming)
    narrow = naming.model_copy(update={"minimum_margin": 0.09})
    assert match_personas(rows, narrow)[1] == "Promo Shoppers"


def test_means_are_in_standard_deviations_of_all_households():
    indicators = pd.DataFrame({"a": [1.0, 2, 3, 4], "constant": 7.0, "gap": [np.nan, 1, 3, 5]})
    found = standardised_means(indicators, np.array([0, 0, 1, 1]))
    deviation = 1.25**0.5
    np.testing.assert_allclose(found["a"], [-1 / deviation, 1 / deviation])
    np.testing.assert_allclose(found["constant"], 0)
    np.testing.assert_allclose(found["gap"], [-2 / (8 / 3) ** 0.5, 1 / (8 / 3) ** 0.5])


def test_unmatched_segments_are_numbered_by_size_when_that_is_asked_for(naming):
    numbering = naming.model_copy(update={"when_unmatched": "number"})
    indicators = means(*[[0, 0, 0, 0]] * 6)
    labels = np.array([7, 7, 7, 2, 5, 5])
    expected = {7: "Segment 1", 5: "Segment 2", 2: "Segment 3"}
    assert name_segments(indicators, labels, numbering) == expected
    with pytest.raises(SegmentNamingError):
        name_segments(indicators, labels, naming)


def test_numbers_do_not_depend_on_the_numbers_of_kmeans(naming):
    numbering = naming.model_copy(update={"when_unmatched": "number", "personas": ()})
    labels = np.array([0, 1, 1, 2, 2, 2, 0])
    for order in permutations(range(3)):
        names = name_segments(pd.DataFrame(index=range(7)), np.array(order)[labels], numbering)
        found = [names[order[label]] for label in labels]
        assert found == [f"Segment {i}" for i in (2, 3, 3, 1, 1, 1, 2)]


@pytest.mark.parametrize("segments", [2, 4, 5])
def test_as_many_segments_as_there_are_no_personas_for_are_numbered_never_misnamed(
    eligible, refit, change, segments, predict
):
    segmenter = refit(eligible, change(naming__when_unmatched="number"), segments)
    assert sorted(segmenter.names) == [f"Segment {i}" for i in range(1, segments + 1)]
    sizes = pd.Series(predict(segmenter, eligible)).value_counts().sort_index()
    assert sizes.is_monotonic_decreasing
    with pytest.raises(SegmentNamingError, match=f"{segments} segments, but 3 personas"):
        refit(eligible, segments=segments)


def test_unmatched_segments_of_the_panel_stop_the_run_or_are_numbered(eligible, refit, change):
    path = "naming__personas__1__signature__0__minimum"
    with pytest.raises(SegmentNamingError, match="No segment shows the signature of 'Promo Shop"):
        refit(eligible, change(**{path: 2.5}))
    numbered = refit(eligible, change(**{path: 2.5, "naming__when_unmatched": "number"}))
    assert sorted(numbered.names) == ["Segment 1", "Segment 2", "Segment 3"]


def test_a_renamed_persona_goes_through_to_the_households(
    eligible, segmenter, refit, change, predict
):
    renamed = predict(refit(eligible, change(naming__personas__0__name="Devotees")), eligible)
    assert list(renamed) == [
        name.replace("Loyalists", "Devotees") for name in predict(segmenter, eligible)
    ]


def test_a_signature_must_rest_on_two_variables(change):
    criterion = {"variable": "promo_share", "level": "high", "minimum": 1.0}
    with pytest.raises(ValidationError, match="'Promo Shoppers' rests on one indicator"):
        change(naming__personas__1__signature=[criterion])
    with pytest.raises(ValidationError, match="'promo_share' stands twice"):
        change(naming__personas__1__signature=[criterion, criterion])

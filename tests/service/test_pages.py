"""The pages ask what the codebook holds, answer what the scorer answers, and echo no harm."""

from __future__ import annotations

import gzip
import io
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings, strategies as st
from werkzeug.test import TestResponse

from customer_segmentation.panel.codebook import Codebook
from customer_segmentation.panel.contract import restore_codes
from customer_segmentation.parameters import Parameters
from customer_segmentation.scorer.bundle import ScoringBundle
from customer_segmentation.scorer.routes import SEGMENTER_INPUTS, Evidence, Guess
from customer_segmentation.scorer.scoring import Scores, score_households
from customer_segmentation.service.answers import Model
from customer_segmentation.service.forms import read_form
from customer_segmentation.service.models import Models
from customer_segmentation.service.pages import draw_reasons, probability
from tests.service.hostile import HOSTILE
from tests.service.page import Element, read_page

SETS = ("demographics", "demographics_and_basis", "source_study", SEGMENTER_INPUTS)
PAGES = ("/", *(f"/?known={name}" for name in SETS), "/batch")
Texts = dict[str, str]


def find_route(bundle: ScoringBundle, name: str):
    return next(route for route in bundle.routes if route.information_set == name)


def see(response: TestResponse, status: int = 200) -> Element:
    """The page that a response holds."""
    assert response.status_code == status
    assert response.mimetype == "text/html"
    return read_page(response.text)


def controls_of(part: Element) -> list[Element]:
    """What may be written or chosen; marks of what is not stated are another matter."""
    found = part.find("input", "select")
    return [each for each in found if each.attributes.get("type") != "checkbox"]


def read_texts(page: Element) -> Texts:
    """What a browser would send of the form on a page."""
    texts = {}
    for each in controls_of(page.one("form")):
        chosen = [option for option in each.find("option") if "selected" in option.attributes]
        told = (chosen or each.find("option") or [each])[0]
        texts[each["name"]] = told["value"]
    return texts


def fill(client: FlaskClient, known: str, segment: str = "Loyalists", **changed: str) -> Texts:
    """The form of a typical household, as a browser would send it."""
    query = {"known": known, "example": segment}
    return read_texts(see(client.get("/", query_string=query))) | changed


@pytest.fixture
def typical(client: FlaskClient) -> Callable[..., Texts]:
    return partial(fill, client)


def score(texts: Texts, bundle: ScoringBundle) -> Scores:
    """Score a form by the reader of files, which reads text too."""
    told = {name: [text] for name, text in texts.items() if text and name != "known"}
    return score_households(bundle, bundle.reader.read_table(pd.DataFrame(told), "a form"))


def read_bars(page: Element, number: int = 0) -> dict[str, Element]:
    """The bars of a picture of all segments, by the segment."""
    bars = page.find("ul", class_="bars")[number].find("li")
    return {str(each.find("span")[0].content[0]).strip(): each for each in bars}


def problems_of(page: Element) -> dict[str, str]:
    """What the form says is wrong, by the field or group, as a screen reader would find it."""
    told = {}
    for each in page.one("form").find("input", "select", "fieldset"):
        for name in each.attributes.get("aria-describedby", "").split():
            if "problem" in name:
                told[each.attributes.get("name") or each["id"]] = page.one(id=name).text
    return told


# What is asked


def test_the_start_tells_what_answers_and_what_its_words_mean(client, bundle):
    page = see(client.get("/"))
    said = page.one("main").text
    for fact in (bundle.codebook.panel, bundle.codebook.category, bundle.version[:12]):
        assert fact in said
    for name in bundle.segments:
        assert name in page.one("ul", class_="legend").text
    words = [each.text for each in page.one("dl", class_="meanings").find("dt")]
    assert words == ["assignment", "overlap", "prediction"]
    assert page.find("form") == []


def test_every_set_is_offered_in_plain_words_with_its_claim_size_and_accuracy(
    client, bundle, parameters: Parameters
):
    page = see(client.get("/"))
    offered = {each["href"]: each.text for each in page.find("a", class_="choice")}
    assert len(offered) == len(bundle.routes) == len(SETS)
    for route in bundle.routes:
        said = offered[f"/?known={route.information_set}#questions"]
        assert said.startswith(parameters.reporting.labels[route.information_set])
        assert f"{route.claim.value} {len(route.inputs.fields)} questions" in said
        if isinstance(route, Guess) and (evidence := route.champion.evidence):
            assert f"Right for {evidence.accuracy:.1%}" in said
            assert f"largest segment: {evidence.majority:.1%}" in said


@pytest.mark.parametrize("known", SETS)
def test_a_form_asks_the_fields_of_its_set_in_order_and_under_their_groups(client, bundle, known):
    page, codebook = see(client.get("/", query_string={"known": known})), bundle.codebook
    asked = {}
    for group in page.find("fieldset"):
        for each in controls_of(group):
            asked[each["name"]] = group.one("legend").text
    fields = [f for f in codebook.fields if f.name in find_route(bundle, known).inputs.fields]
    assert list(asked.items()) == [(f.name, codebook.group(f.group).label) for f in fields]
    for field in fields:
        control = page.one("input", "select", name=field.name)
        assert page.one("label", for_=control["id"]).text == field.label
        assert not field.note or field.note in page.one(id=f"hint-{field.name}").text


def test_a_code_is_chosen_by_its_label_and_not_known_stands_first(client, bundle):
    page = see(client.get("/?known=demographics"))
    for field in bundle.codebook.fields:
        if field.codes and field.group == "demographics":
            options = page.one("select", name=field.name).find("option")
            texts = [(each["value"], each.text.casefold()) for each in options]
            codes = [(str(code), label.casefold()) for code, label in field.codes.items()]
            assert texts == [("", "not known"), *codes]


@pytest.mark.parametrize("known", SETS)
def test_a_number_tells_its_range_unit_and_keyboard(client, bundle, known):
    page = see(client.get("/", query_string={"known": known}))
    for each in page.one("form").find("input", maxlength="40"):
        field = bundle.codebook.field(each["name"])
        hints = " ".join(page.one(id=name).text for name in each["aria-describedby"].split())
        if field.unit.startswith("share"):
            assert "0 to 1, such as 0.35 or 35%" in hints
        else:
            assert f"{field.minimum:,.10g} to {field.maximum:,.10g} {field.unit}" in hints
        assert each["inputmode"] == ("numeric" if field.is_whole else "decimal")


# What is answered


@pytest.mark.parametrize("known", SETS)
@pytest.mark.parametrize("segment", ["Loyalists", "Promo Shoppers", "Variety Seekers"])
def test_a_typical_household_gets_the_answer_that_the_bundle_holds_for_it(
    client, bundle, typical, known, segment
):
    page = see(client.post("/", data=typical(known, segment)))
    (example,) = (each for each in bundle.examples if each.segment == segment)
    expected = dict(zip(bundle.segments, example.answers[known], strict=True))
    shown = read_bars(page)
    assert set(shown) == set(expected)
    for name, bar in shown.items():
        probability, text = expected[name], bar.one("strong").text
        if text in ("under 1%", "over 99%"):
            assert 0 < min(probability, 1 - probability) < 0.005
        else:
            assert text == f"{probability:.0%}"
            assert text not in ("0%", "100%") or probability in (0, 1)
    best = max(expected, key=expected.__getitem__)
    assert page.one("h1").text == best
    assert page.one("title").text.startswith(f"{best}, by ")
    assert "autofocus" in page.one("h1").attributes


@pytest.mark.parametrize("known", SETS)
def test_a_typical_household_is_written_without_rounding(bundle, typical, known):
    for example in bundle.examples:
        for name, text in typical(known, example.segment).items():
            if name != "known":
                number = float(text[:-1]) / 100 if text.endswith("%") else float(text)
                assert number == pytest.approx(example.values[name], rel=1e-9)


def test_households_of_the_panel_get_the_same_segment_as_from_the_scorer(
    client, bundle, households, codebook: Codebook
):
    told = restore_codes(households, codebook).iloc[::40]
    scores = score_households(bundle, bundle.reader.read_table(told, "the panel"))
    fields = find_route(bundle, SEGMENTER_INPUTS).inputs.fields
    for row, number in zip(told.to_dict("records"), scores.segments, strict=True):
        texts = {name: repr(row[name]) for name in fields}
        page = see(client.post("/", data={"known": SEGMENTER_INPUTS, **texts}))
        assert page.one("h1").text == bundle.segments[number]


@pytest.mark.parametrize("known", SETS)
def test_the_answer_keeps_the_form_that_gave_it(client, typical, known):
    texts = typical(known)
    assert read_texts(see(client.post("/", data=texts))) == texts


def test_a_share_may_be_written_in_per_cent_and_spaces_do_not_count(client, bundle, typical):
    texts = typical(SEGMENTER_INPUTS)
    plain = {
        name: f" {float(text[:-1]) / 100:.10g}  " if text.endswith("%") else f"\t{text}"
        for name, text in texts.items()
        if name != "known"
    }
    answers = [see(client.post("/", data=each)) for each in (texts, {**texts, **plain})]
    assert answers[0].one("article").text == answers[1].one("article").text


def test_a_price_that_is_left_empty_is_worked_out(client, bundle, typical):
    texts = typical("source_study")
    answers = [see(client.post("/", data=each)) for each in (texts, {**texts, "average_price": ""})]
    expected = 100 * float(texts["total_value"]) / float(texts["total_volume"])
    assert float(read_texts(answers[1])["average_price"]) == pytest.approx(expected)
    assert answers[0].one("h1").text == answers[1].one("h1").text


def test_where_less_is_known_than_was_asked_another_set_answers_and_says_so(client, typical):
    texts = typical("demographics_and_basis")
    page = see(client.post("/", data=texts | {"share_proposition_hair": ""}))
    assert "so the answer rests on demographics only" in page.one("article").text
    assert "prediction" in page.one("title").text
    whole = see(client.post("/", data=texts))
    assert "so the answer rests on" not in whole.one("article").text


def test_the_segment_has_its_colour_and_every_bar_its_number(
    client, bundle, typical, parameters: Parameters
):
    page = see(client.post("/", data=typical(SEGMENTER_INPUTS)))
    colours = parameters.reporting.segment_colours
    assert page.one("svg", class_="stripe").one("rect")["fill"] == colours["Loyalists"]
    for number in (0, 1):
        for name, bar in read_bars(page, number).items():
            assert colours[name] in [each.attributes.get("fill") for each in bar.find("rect")]
            assert re.search(r"\d", bar.one("strong").text)


def test_the_set_of_a_guess_is_told_in_words_with_its_observed_coverage(client, bundle, typical):
    for known in SETS[:3]:
        for segment in bundle.segments:
            texts = typical(known, segment)
            page = see(client.post("/", data=texts))
            held = score(texts, bundle).form_sets()[0]
            names = [name for name, is_in in zip(bundle.segments, held, strict=True) if is_in]
            bars = read_bars(page)
            ruled_out = {name for name, bar in bars.items() if bar.find("span", class_="tag")}
            assert ruled_out == set(bundle.segments) - set(names)
            (told,) = (
                each.one("dd").text
                for each in page.one("dl", class_="worth").find("div")
                if each.one("dt").text == "What cannot be ruled out"
            )
            evidence = find_route(bundle, known).champion.evidence
            assert f"for {evidence.coverage:.1%} of {evidence.households} households" in told
            if len(names) == len(bundle.segments):
                assert told.startswith("No segment can be ruled out")
            else:
                assert all(name in told.split(". ")[0] for name in names)


@pytest.mark.parametrize("known", SETS)
def test_the_picture_of_the_reasons_shows_what_the_scorer_explains(client, bundle, typical, known):
    texts = typical(known, "Promo Shoppers")
    page = see(client.post("/", data=texts))
    reasons = score(texts, bundle).explain()[0]
    expected = sorted(reasons.contributions.tolist(), key=abs, reverse=True)
    shown = [number_of(each.one("strong").text) for each in page.find("p", class_="reason")]
    drawn = len(shown) if len(shown) == len(expected) else len(shown) - 1
    assert shown[:drawn] == pytest.approx(expected[:drawn], abs=0.0051)
    assert sum(shown) == pytest.approx(sum(expected), abs=0.0051 * len(shown))
    rows = page.one("figure").one("tbody").find("tr")
    assert [number_of(row.find("td")[-1].text) for row in rows] == pytest.approx(
        expected, abs=0.0051
    )
    assert page.one(role="img")["aria-label"].startswith(page.one("figcaption").one("h2").text[:20])
    assert "n = 1 household" in page.one("figcaption").text.replace("\u00a0", " ")


def number_of(text: str) -> float:
    return float(text.replace("\u2212", "-"))


@pytest.mark.parametrize("known", SETS)
def test_a_bar_starts_at_the_middle_and_goes_to_the_side_of_its_sign(client, typical, known):
    page = see(client.post("/", data=typical(known)))
    widest = 0.0
    for each in page.find("p", class_="reason"):
        bar = each.find("rect")[0]
        x, width = (float(bar[name].rstrip("%")) for name in ("x", "width"))
        value = number_of(each.one("strong").text)
        assert x == 50 if bar["class"] == "for" else x + width == pytest.approx(50, abs=0.011)
        if value:
            assert bar["class"] == ("for" if value > 0 else "against")
        widest = max(widest, width)
    assert widest == 50


def test_an_assignment_tells_the_distances_to_all_centres_the_nearest_first(
    client, bundle, typical
):
    texts = typical(SEGMENTER_INPUTS, "Variety Seekers")
    page = see(client.post("/", data=texts))
    distances = dict(zip(bundle.segments, score(texts, bundle).explain()[0].distances, strict=True))
    rows = page.one(aria_labelledby="distances").find("li")
    told = {row.one("span").text: float(row.one("strong").text) for row in rows}
    assert told == pytest.approx(distances, abs=0.0051)
    assert list(told.values()) == sorted(told.values())
    assert page.one("h1").text == next(iter(told))
    assert see(client.post("/", data=typical("demographics"))).find(id="distances") == []


def test_a_thin_record_is_told_and_an_unknown_one_too(client, bundle, typical):
    fewest = bundle.segmenter.minimum_transactions
    enough = see(client.post("/", data=typical(SEGMENTER_INPUTS)))
    assert "Thin record" not in enough.text
    few = {"transactions": str(fewest - 1), "brand_runs": "2"}
    thin = see(client.post("/", data=typical(SEGMENTER_INPUTS, **few)))
    assert f"Thin record: fewer than {fewest} transactions" in thin.text
    just = {"transactions": str(fewest), "brand_runs": "2"}
    assert "Thin record" not in see(client.post("/", data=typical(SEGMENTER_INPUTS, **just))).text
    unknown = see(client.post("/", data=typical("demographics")))
    assert f"at least {fewest} transactions. Whether this is one" in unknown.text


def test_what_is_not_stated_is_an_answer(client, typical):
    page = see(client.post("/", data=typical("demographics", television="0")))
    rows = page.one("figure").one("tbody").find("tr")
    (told,) = (r.find("td")[0].text for r in rows if r.one("th").text == "Television at home")
    assert told == "not stated"


@pytest.mark.parametrize("name", ["household_size", "affluence_index"])
def test_a_number_can_be_marked_as_not_stated(client, bundle, typical, name):
    texts = typical("demographics", **{name: ""})
    assert name in problems_of(see(client.post("/", data=texts), 422))
    marked = see(client.post("/", data=texts | {"unstated": name}))
    (mark,) = [
        each for each in marked.find("input", type="checkbox") if "checked" in each.attributes
    ]
    assert mark["value"] == name
    values = {each: float(text) for each, text in texts.items() if text and each != "known"}
    code = bundle.codebook.field(name).not_stated
    record = {**values, name: code}
    scores = score_households(bundle, bundle.reader.read_records([record]).households)
    best = max(scores.probabilities[0])
    assert read_bars(marked)[marked.one("h1").text].one("strong").text == f"{best:.0%}"
    label = bundle.codebook.field(name).label
    rows = marked.one("figure").one("tbody").find("tr")
    assert [r.find("td")[0].text for r in rows if r.one("th").text == label] == ["not stated"]


def test_a_number_and_its_mark_contradict_each_other(client, typical):
    texts = typical("demographics") | {"unstated": ["household_size", "affluence_index"]}
    page = see(client.post("/", data=texts), 422)
    told = problems_of(page)
    assert set(told) == {"household_size", "affluence_index"}
    assert all("not both" in said for said in told.values())
    assert len([e for e in page.find("input", type="checkbox") if "checked" in e.attributes]) == 2


def test_only_what_can_be_unstated_has_a_mark(client, bundle):
    for known in SETS:
        page = see(client.get("/", query_string={"known": known}))
        marks = {each["value"] for each in page.find("input", type="checkbox")}
        fields = find_route(bundle, known).inputs.fields
        assert marks == {"household_size", "affluence_index"} & set(fields)


@pytest.mark.parametrize(
    ("share", "shown"),
    [
        *((1.0, "100%"), (0.997, "over 99%"), (0.995, "over 99%"), (0.994, "99%"), (0.5, "50%")),
        *((0.006, "1%"), (0.005, "under 1%"), (1e-9, "under 1%"), (0.0, "0%")),
    ],
)
def test_only_what_is_certain_is_called_so(share, shown):
    assert probability(share) == shown


@pytest.mark.parametrize(
    ("majority", "said"),
    [
        (0.5, "which is less than the whole interval."),
        (0.6, "which lies in the interval: such answers are not shown to be better."),
        (0.55, "which lies in the interval: such answers are not shown to be better."),
        (0.8, "which is more than the whole interval: do not rely on this answer."),
    ],
)
def test_the_evidence_is_set_beside_naming_the_largest_segment(app, bundle, majority, said):
    evidence = Evidence(
        households=500,
        accuracy=0.6,
        accuracy_low=0.55,
        accuracy_high=0.65,
        majority=majority,
        coverage=0.9,
        set_size=2.0,
    )
    route = bundle.routes[-1]
    measured = replace(route, champion=route.champion.model_copy(update={"evidence": evidence}))
    told = app.jinja_env.get_template("macros.html").module.evidence(measured)
    assert told.startswith("Of 500 households with a known segment, such answers were right for")
    assert "60.0% (interval 55.0% to 65.0%)" in told
    assert told.endswith(said)


def test_what_was_not_measured_is_not_claimed(bundle, models: Models, open_app, typical):
    silent = [each.model_copy(update={"evidence": None}) for each in bundle.champions]
    models.current = Model(bundle.replace(champions=tuple(silent)))
    client = open_app(models).test_client()
    choices = see(client.get("/")).find("a", class_="choice")
    assert ["Not measured" in each.text for each in choices] == [True, True, True, False]
    assert "Right by definition" in choices[-1].text
    page = see(client.post("/", data=typical("demographics")))
    good, possible, *_ = (each.text for each in page.one("dl", class_="worth").find("dd"))
    assert good == "How often such answers are right was not measured."
    assert possible.endswith("How often such sets hold the right segment was not measured.")


# What is wrong


def test_an_empty_form_says_what_is_needed_and_leads_there(client, bundle):
    texts = read_texts(see(client.get("/?known=demographics")))
    page = see(client.post("/", data=texts), 422)
    summary = page.one(class_="problems card")
    assert "autofocus" in summary.attributes
    assert page.one("title").text.startswith("Error: ")
    targets = [each["href"].removeprefix("#") for each in summary.find("a")]
    assert targets == [f"field-{name}" for name in texts if name != "known"]
    for each in controls_of(page.one("form")):
        if each["name"] != "known":
            assert each["aria-invalid"] == "true"
            assert "needed" in problems_of(page)[each["name"]]


def test_only_what_is_missing_is_asked_for_again(client, typical):
    texts = typical("demographics", television="", household_size="")
    page = see(client.post("/", data=texts), 422)
    assert set(problems_of(page)) == {"television", "household_size"}
    assert read_texts(page) == texts


def test_what_would_be_worked_out_is_not_asked_for(client, typical):
    page = see(
        client.post("/", data=typical("source_study", average_price="", total_value="")), 422
    )
    assert set(problems_of(page)) == {"total_value"}


def test_the_segmenter_needs_what_is_not_stated(bundle, typical):
    fields = tuple(
        each.model_copy(update={"not_stated": 2000}) if each.name == "transactions" else each
        for each in bundle.codebook.fields
    )
    other = bundle.replace(codebook=bundle.codebook.model_copy(update={"fields": fields}))
    texts = typical(SEGMENTER_INPUTS)
    del texts["known"]
    route, model = find_route(other, SEGMENTER_INPUTS), Model(other)
    assert not read_form(texts, (), model, route)[0].is_wrong
    form, _ = read_form(texts | {"transactions": "2000"}, (), model, route)
    assert [each.name for each in form.missing] == ["transactions"]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("transactions", "many", "whole number of at least 1 and at most 2000"),
        ("transactions", "12.5", "whole number"),
        ("transactions", "0", "at least 1"),
        ("transactions", "-3", "at least 1"),
        ("transactions", "2001", "at most 2000"),
        ("transactions", "NaN", "whole number"),
        ("transactions", "1e400", "whole number"),
        ("transactions", "9" * 400, "whole number"),
        ("transactions", "0x10", "whole number"),
        ("transactions", "12%", "whole number"),
        ("total_volume", "1,5", "Write a dot as decimal sign"),
        ("total_volume", "11.850,5", "number of at least 1"),
        ("total_volume", "١٢", "number of at least 1"),
        ("total_value", "1 200", "number of at least 0.01"),
        ("share_no_promotion", "96", "at most 1"),
        ("share_no_promotion", "196%", "at most 1"),
        ("homemaker_age", "9", "one of the codes 1, 2, 3, 4"),
        ("homemaker_age", "ancient", "45 and over"),
    ],
)
def test_a_wrong_answer_is_told_at_its_field_and_kept(client, bundle, typical, name, text, words):
    texts = typical("source_study", **{name: text})
    page = see(client.post("/", data=texts), 422)
    told = problems_of(page)
    assert words in told[name]
    control = page.one("input", "select", name=name)
    assert control["aria-invalid"] == "true"
    if control.tag == "input":
        assert read_texts(page) == texts
    label = bundle.codebook.field(name).label
    summary = {each["href"]: each.text for each in page.one(class_="problems card").find("a")}
    assert summary[f"#{control['id']}"] == label


def test_all_that_is_wrong_is_told_at_once(client, typical):
    wrong = {"brand_runs": "x", "transactions": "-1", "share_lux": "99%", "total_volume": "1,5"}
    page = see(client.post("/", data=typical(SEGMENTER_INPUTS, **wrong)), 422)
    assert set(problems_of(page)) == {
        "brand_runs",
        "transactions",
        "total_volume",
        "group-brand_shares",
    }


def test_shares_that_do_not_add_up_are_told_at_their_group(client, typical):
    texts = typical(SEGMENTER_INPUTS)
    page = see(client.post("/", data=texts | {"share_dettol": "50%"}), 422)
    shares = [float(text[:-1]) for name, text in texts.items() if name.startswith("share_")]
    total = sum(shares) - float(texts["share_no_promotion"][:-1]) + 50
    total -= float(texts["share_dettol"][:-1])
    (told,) = problems_of(page).values()
    assert f"they add up to {total / 100:.10g}" in told
    assert "#group-brand_shares" in [each["href"] for each in page.find("a")]


def test_what_contradicts_other_answers_is_told_in_the_words_of_the_form(client, bundle, typical):
    page = see(client.post("/", data=typical("source_study", average_price="99")), 422)
    told = problems_of(page)
    assert set(told) == {"average_price"}
    assert "from “Amount paid” and “Volume bought”" in told["average_price"]


def test_what_is_impossible_of_a_field_that_is_not_asked_is_told_where_it_can_be_mended(
    client, bundle, typical
):
    page = see(client.post("/", data=typical(SEGMENTER_INPUTS, transactions="3")), 422)
    told = problems_of(page)
    assert set(told) == {"transactions"}
    assert told["transactions"].startswith("Transactions per brand run: ")


@pytest.mark.parametrize("known", SETS)
def test_no_message_calls_a_field_by_its_name(client, bundle, known):
    fields = find_route(bundle, known).inputs.fields
    wrongs = (dict.fromkeys(fields, "7"), dict.fromkeys(fields, "?"), {})
    for wrong in wrongs:
        page = see(client.post("/", data={"known": known, **wrong}), 422)
        for field in bundle.codebook.fields:
            assert "_" not in field.name or field.name not in page.text
        assert "as text" not in page.text


@pytest.mark.parametrize(
    ("data", "status"),
    [
        ({"known": "demographics", "colour": "red"}, 400),
        ({"known": "demographics", "transactions": "3"}, 400),
        ({"known": "demographics", "Member id": "1010010"}, 400),
        ({"known": "demographics", "television": ["1", "2"]}, 400),
        ({"known": "demographics", "": "x"}, 400),
        ({"known": "demographics", "unstated": "television"}, 400),
        ({"known": "demographics", "unstated": "x"}, 400),
        ({"known": "segmenter_inputs", "unstated": "household_size"}, 400),
        ({"known": "everything"}, 404),
        ({}, 404),
    ],
)
def test_a_form_that_was_not_shown_is_refused(client, data, status):
    see(client.post("/", data=data), status)


def test_a_body_that_is_no_form_is_refused(client):
    see(client.post("/", data="{}", content_type="application/json"), 404)
    see(client.post("/batch", data="a,b\n1,2\n", content_type="text/csv"), 422)


@pytest.mark.parametrize("query", ["known=x", "known=demographics&example=x", "known="])
def test_what_the_model_does_not_have_is_not_found(client, query):
    page = see(client.get(f"/?{query}"), 404)
    assert page.find("a", href="/")


def test_without_a_model_every_page_says_so(tmp_path, open_app):
    client = open_app(Models(tmp_path)).test_client()
    for response in (
        *(client.get(path) for path in (*PAGES, "/batch/example.csv")),
        client.post("/", data={"known": "demographics"}),
        client.post("/batch"),
    ):
        page = see(response, 503)
        assert page.one("h1").text == "No model is ready yet"
        assert "Retry-After" in response.headers


# Files


def send(client: FlaskClient, content: bytes | str, name: str = "mine.csv") -> TestResponse:
    """Send a file as browsers do; the client's own way writes large ones to the disk first."""
    name = name.replace("\n", "%0A").replace("\r", "%0D").replace('"', "%22")
    head = f'Content-Disposition: form-data; name="file"; filename="{name}"'
    content = content.encode() if isinstance(content, str) else content
    body = b"--Part\r\n" + head.encode() + b"\r\n\r\n" + content + b"\r\n--Part--\r\n"
    return client.post("/batch", data=body, content_type="multipart/form-data; boundary=Part")


def scored(response: TestResponse) -> pd.DataFrame:
    assert response.status_code == 200
    assert response.mimetype == "text/csv"
    assert response.headers["Content-Disposition"] == 'attachment; filename="segments.csv"'
    return pd.read_csv(io.StringIO(response.text))


def lines_of(page: Element) -> list[str]:
    return [each.text for each in page.one(class_="problems card").find("li")]


def test_the_panel_is_scored_as_the_scorer_scores_it(
    client, bundle, panel_rows, households, codebook: Codebook
):
    answers = scored(send(client, panel_rows.to_csv(index=False)))
    scores = score_households(bundle, bundle.reader.read_table(households, "the panel"))
    expected = scores.tabulate()
    for name in expected:
        assert answers[name].tolist() == pytest.approx(expected[name].tolist())
    held = [
        {name for name, is_in in zip(bundle.segments, row, strict=True) if is_in}
        for row in scores.form_sets()
    ]
    assert [set(told.split("; ")) for told in answers["conformal_set"]] == held


def test_any_names_labels_and_columns_are_understood(client, bundle, households, panel_rows):
    fields = [f for f in bundle.codebook.fields if f.group == "demographics"]
    names = [bundle.codebook.identifier, *(field.name for field in fields)]
    clean = restore_codes(households, bundle.codebook)[names]
    labelled = clean.assign(
        **{each.name: clean[each.name].map(each.codes) for each in fields if each.codes}
    )
    raw = panel_rows[[bundle.codebook.field(name).raw_name for name in names]]
    tables = [clean, labelled, raw, labelled[names[::-1]]]
    answers = [scored(send(client, table.to_csv(index=False))) for table in tables]
    assert set(answers[0]["information_set"]) == {"demographics"}
    assert answers[0]["thin_record"].isna().all()
    for each in answers[1:]:
        pd.testing.assert_frame_equal(each, answers[0])


def test_habits_of_files_change_nothing(client):
    plain = client.get("/batch/example.csv").text
    answers = send(client, plain).text
    crlf = plain.replace("\n", "\r\n")
    for other in ("\ufeff" + plain, crlf, plain + "\n\n", "A title\n\n" + plain):
        assert send(client, other).text == answers


def test_the_example_file_holds_a_household_of_each_segment(client, bundle):
    response = client.get("/batch/example.csv")
    assert response.mimetype == "text/csv"
    answers = scored(send(client, response.data))
    assert answers["segment"].tolist() == [each.segment for each in bundle.examples]
    assert set(answers["claim"]) == {"assignment"}


BAD_FILES = {
    "empty": b"",
    "blank": b"\n \n,,\n",
    "header only": b"household_id,SEC,AGE\n",
    "numbers only": b"1010010,1,2\n",
    "semicolons": b"household_id;SEC;AGE\n1010010;1;2\n",
    "latin-1": "household_id,SEC,note\n1010010,1,\xe9\n".encode("latin-1"),
    "utf-16": "household_id,SEC\n1010010,1\n".encode("utf-16"),
    "a NUL byte": b"household_id,SEC\n1010010,\0\n",
    "gzip": gzip.compress(b"household_id,SEC\n1010010,1\n", mtime=0),
    "a workbook": b"PK\x03\x04\x14\x00\x06\x00\x08\x00",
    "ragged": b"household_id,SEC,AGE\n1010010,1\n",
    "an open quote": b'household_id,SEC\n1010010,"1\n',
    "a column twice": b"household_id,SEC,SEC\n1010010,1,1\n",
    "a field twice": b"household_id,SEC,socio_economic_class\n1010010,1,1\n",
    "an unknown column": b"household_id,SEC,colour\n1010010,1,2\n",
    "many columns": ",".join(f"c{n}" for n in range(60)).encode() + b"\n1" + b",1" * 59 + b"\n",
    "columns without end": b"c,d" + b",e" * 9998 + b"\n1" + b",1" * 9999 + b"\n",
    "a wrong code": b"household_id,SEC\n1010010,9\n",
    "a wrong label": b"household_id,SEC\n1010010,upper\n",
    "an id twice": b"household_id,SEC\n1010010,1\n1010010,2\n",
    "no ids": b"SEC,AGE\n1,2\n",
    "an id missing": b"household_id,SEC\n1010010,1\n,2\n",
    "too little known": b"household_id,SEC\n"
    + b"".join(b"%d,1\n" % (1000001 + n) for n in range(40)),
    "many short rows": b"household_id\n" + b"".join(b"%d\n" % n for n in range(1000000, 1010000)),
    "many wrong values": b"household_id,SEC\n" + b"".join(b"%d,7\n" % n for n in range(1000)),
}


@pytest.mark.parametrize("kind", BAD_FILES)
def test_a_bad_file_is_refused_with_a_few_lines_that_say_why(client, kind):
    page = see(send(client, BAD_FILES[kind]), 422)
    told = lines_of(page)
    assert 1 <= len(told) <= 15
    assert all(len(line) > 20 for line in told[:1])
    assert "Traceback" not in page.text
    assert page.one("title").text.startswith("Error: ")
    assert "autofocus" in page.one(class_="problems card").attributes
    assert page.one("input", type="file")["aria-invalid"] == "true"


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("header only", "no row of numbers follows the header"),
        ("semicolons", "separated by semicolons"),
        ("latin-1", "not UTF-8"),
        ("ragged", "row 2 has 2 cells"),
        ("an unknown column", "column 'colour'"),
        ("many columns", "names 60 columns, but a household has no more than 47"),
        ("columns without end", "a row has 10000 cells, but a household has 46 fields"),
        ("many short rows", "10001 rows are too short to hold the 10 fields"),
        ("a wrong code", "row 2, column 'SEC', value '9'"),
        ("an id twice", "row 3"),
        ("no ids", "column 'Member id': is missing"),
        ("an id missing", "row 3, column 'household_id': is empty"),
        ("too little known", "too little is known for any answer"),
    ],
)
def test_the_line_names_the_place(client, kind, words):
    assert words in lines_of(see(send(client, BAD_FILES[kind]), 422))[0]


def test_no_file_at_all_is_told(client):
    for data in ({}, {"file": ""}, {"file": (io.BytesIO(b""), "")}, {"other": (io.BytesIO(), "x")}):
        page = see(client.post("/batch", data=data), 422)
        assert lines_of(page) == ["Choose a file first."]


def test_what_is_too_large_is_refused_with_the_way_for_large_files(client, app: Flask):
    limit = app.config["MAX_CONTENT_LENGTH"]
    for response in (
        send(client, b"household_id,SEC\n" + b"1010010,1\n" * (limit // 10)),
        client.post("/", data={"known": "demographics", "television": "1" * limit}),
    ):
        page = see(response, 413)
        assert "kedro run --pipelines scoring --params households_file=..." in page.text


def test_no_text_of_a_file_comes_back_in_the_answer(client, bundle):
    for hostile in ("=1+1", "@SUM(A1)", "+1", "-1+1", "\t=1", "non-vegetarian"):
        example = client.get("/batch/example.csv").text
        header, *rows = example.splitlines()
        at = header.split(",").index("food_habits")
        changed = [",".join([*r[:at], hostile, *r[at + 1 :]]) for r in (x.split(",") for x in rows)]
        response = send(client, "\n".join([header, *changed]))
        if response.status_code == 422:
            continue
        own = {*bundle.segments, *(route.information_set for route in bundle.routes)}
        for cell in scored(response).drop(columns="conformal_set").to_numpy().ravel():
            assert not isinstance(cell, str) or cell in {
                *own,
                "assignment",
                "overlap",
                "prediction",
            }
    assert hostile == "non-vegetarian"
    assert response.status_code == 200


def test_a_file_is_kept_in_memory(client, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a file is written to the disk")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    monkeypatch.setattr("tempfile.SpooledTemporaryFile", refuse)
    monkeypatch.setattr("werkzeug.formparser.SpooledTemporaryFile", refuse, raising=False)
    header, row, *_ = client.get("/batch/example.csv").text.splitlines()
    rows = [f"{1000000 + n},{row.partition(',')[2]}" for n in range(4000)]
    content = "\n".join([header, *rows])
    assert len(content) > 600_000
    assert len(scored(send(client, content))) == 4000


# What no page does


@pytest.fixture(scope="module")
def every_page(client: FlaskClient) -> list[Element]:
    """A page of every kind; not to be changed."""
    typical = partial(fill, client)
    return [
        *(see(client.get(path)) for path in PAGES),
        *(see(client.post("/", data=typical(known))) for known in SETS),
        *(see(client.post("/", data={"known": known}), 422) for known in SETS),
        see(client.post("/", data=typical(SEGMENTER_INPUTS, share_lux="x", transactions="1")), 422),
        see(client.post("/", data=typical(SEGMENTER_INPUTS, share_lux="99%")), 422),
        see(send(client, BAD_FILES["many wrong values"]), 422),
        see(client.get("/?known=x"), 404),
    ]


def test_nothing_on_a_page_needs_a_looser_policy(every_page):
    for page in every_page:
        assert page.find("style") == []
        for element in page:
            assert not [name for name in element.attributes if name.startswith("on")]
            assert "style" not in element.attributes
        for script in page.find("script"):
            assert script.text == ""
            assert script["src"].startswith("/static/")
        for each in page.find("a", "form", "link"):
            place = each.attributes.get("href") or each.attributes.get("action", "/")
            assert place.startswith(("/", "#"))


def test_every_reference_leads_somewhere_and_every_id_is_the_only_one(every_page):
    for page in every_page:
        ids = [each["id"] for each in page if "id" in each.attributes]
        assert len(ids) == len(set(ids))
        references = [
            name
            for each in page
            for key in ("for", "aria-describedby", "aria-labelledby")
            for name in each.attributes.get(key, "").split()
        ]
        inner = [a["href"][1:] for a in page.find("a") if a["href"].startswith("#")]
        assert set(references + inner) <= set(ids)
        for control in controls_of(page):
            assert control.attributes.get("type") == "hidden" or page.one(
                "label", for_=control["id"]
            )


def test_headings_are_in_order_and_tables_name_their_columns(every_page):
    for page in every_page:
        levels = [int(each.tag[1]) for each in page if re.fullmatch("h[1-6]", each.tag)]
        assert levels.count(1) == 1
        assert all(after - before <= 1 for before, after in pairwise(levels))
        assert page.one("html")["lang"] == "en"
        for table in page.find("table"):
            assert all(head["scope"] in ("col", "row") for head in table.find("th"))


@pytest.mark.parametrize("known", SETS)
def test_a_hostile_answer_changes_no_element_of_the_page(client, bundle, known):
    fields = find_route(bundle, known).inputs.fields

    def answer(text: str) -> TestResponse:
        return client.post("/", data={"known": known, **dict.fromkeys(fields, text)})

    harmless = see(answer("harmless"), 422).shape
    for text in HOSTILE:
        page = see(answer(text), 422)
        assert page.shape == harmless
        values = [each["value"] for each in page.find("input", maxlength="40")]
        assert set(values) <= {text.strip()}  # only as the value that was typed


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_address_is_not_repeated(client, text):
    harmless = see(client.get("/", query_string={"known": "harmless"}), 404).shape
    for query in ({"known": text}, {"known": "demographics", "example": text}):
        response = client.get("/", query_string=query)
        assert see(response, 404).shape == harmless
        assert text.strip() not in response.text
    assert see(client.get("/", query_string={text: text})).shape == see(client.get("/")).shape


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_field_is_not_repeated(client, text):
    harmless = see(client.post("/", data={"known": "demographics", "harmless": "1"}), 400).shape
    response = client.post("/", data={"known": "demographics", text: "1"})
    assert see(response, 400).shape == harmless
    assert text.strip() not in response.text


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_file_changes_no_element_of_the_page(client, text):
    def shapes(word: str) -> list[object]:
        cell = '"' + word.replace("\0", "").replace('"', '""') + '"'
        files = (
            (f"household_id,SEC\n1010010,{cell}\n", "mine.csv"),
            (f"household_id,SEC,{cell}\n1010010,1,2\n", "mine.csv"),
            ("", word),
        )
        return [see(send(client, *file), 422).shape for file in files]

    assert shapes(text) == shapes("harmless")


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_whatever_is_written_is_answered_or_refused(client, bundle, data):
    route = data.draw(st.sampled_from(bundle.routes))
    example = data.draw(st.sampled_from(bundle.examples))
    usual = {name: f"{example.values[name]:g}" for name in route.inputs.fields}
    wild = st.one_of(st.text(max_size=60), st.floats().map(repr), st.integers().map(str))
    changed = data.draw(st.dictionaries(st.sampled_from(sorted(usual)), wild, max_size=5))
    response = client.post("/", data={"known": route.information_set, **usual, **changed})
    assert response.status_code in (200, 422)
    assert read_texts(read_page(response.text)).keys() == {"known", *usual}


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    content=st.binary(max_size=300),
    name=st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
    kind=st.booleans(),
)
def test_whatever_is_sent_as_a_file_is_answered_or_refused(client, content, name, kind):
    header = b"household_id,SEC,AGE\n" if kind else b""
    response = send(client, header + content, name)
    assert response.status_code in (200, 422)
    read_page(response.text)


PART = b"--x\r\nContent-Disposition: form-data; "


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--x",
        b"--x\r\n\r\n\r\n--x--\r\n",
        PART + b'name="file"; filename="\xff\xfe"\r\n\r\n1\r\n--x--\r\n',
        PART + b'name="file"; filename="a\r\n\r\nb"\r\n\r\n1\r\n--x--',
        PART + b'name="file"; filename="a"\r\n\r\nunfinished',
        PART + b'name="known"\r\n\r\n\xff\xfe\r\n--x--\r\n',
        PART + b"\r\n\r\n1\r\n--x--\r\n",
        PART + b'name="a"\r\n\r\n1\r\n' * 2000 + b"--x--\r\n",
    ],
)
@pytest.mark.parametrize("path", ["/", "/batch"])
def test_a_broken_form_is_refused(client, path, body):
    response = client.post(path, data=body, content_type="multipart/form-data; boundary=x")
    assert 400 <= response.status_code < 500
    assert response.mimetype == "text/html"


def test_what_is_answered_is_counted(client, typical):
    def count(line: str) -> float:
        found = re.findall(rf"^{re.escape(line)} (\S+)$", client.get("/metrics").text, re.MULTILINE)
        return float(found[0]) if found else 0.0

    line = (
        'customer_segmentation_segments_total{claim="assignment",'
        'information_set="segmenter_inputs",segment="Loyalists"}'
    )
    refused = "customer_segmentation_refused_records_total"
    before = count(line), count(refused)
    client.post("/", data=typical(SEGMENTER_INPUTS))
    assert count(line) == before[0] + 1
    client.post("/", data={"known": SEGMENTER_INPUTS})
    assert count(refused) == before[1] + 1
    send(client, client.get("/batch/example.csv").data)
    assert count(line) == before[0] + 2


def test_numbers_of_the_page_are_finite_for_every_household(bundle, households, parameters):
    told = restore_codes(households, bundle.codebook).iloc[::30].to_dict("records")
    model = Model(bundle)
    for name in SETS:
        fields = find_route(bundle, name).inputs.fields
        for row in told:
            reading = bundle.reader.read_records([{each: row[each] for each in fields}])
            scores = score_households(bundle, reading.households)
            (answer,) = model.render(scores, explained=True)
            picture = draw_reasons(answer, scores, model, parameters.reporting)
            assert np.isfinite([each.size for each in picture.bars]).all()
            assert picture.first is picture.terms[0]

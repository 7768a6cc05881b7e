"""The report as the pipeline writes it: whole, self-contained, true to its tables."""

from __future__ import annotations

import re
import struct
from base64 import b64decode
from collections.abc import Callable, Mapping
from html.parser import HTMLParser
from inspect import signature
from io import BytesIO
from itertools import pairwise
from operator import itemgetter
from typing import Any

import pandas as pd
import pytest
from PIL import Image

from customer_segmentation.findings.exhibits import Chart, Section
from customer_segmentation.pipelines.reporting import drawings, nodes
from customer_segmentation.pipelines.reporting.pipeline import (
    CARD,
    FIGURES as DRAWINGS,
    PARAMETERS,
    SECTIONS,
    create_pipeline,
)
from customer_segmentation.segments.naming import Naming
from tests.conftest import load_config
from tests.figures import tables, typing_tables

FIGURES = [name for name in create_pipeline().all_outputs() if name.endswith("_figure")]


def png(colour: str) -> bytes:
    """A picture of one colour."""
    file = BytesIO()
    Image.new("RGBA", (40, 20), colour).save(file, "PNG")
    return file.getvalue()


class Page(HTMLParser):
    """What a browser, a screen reader or a network monitor would meet."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.hidden = 0
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.hidden += tag in ("style", "script")

    def handle_endtag(self, tag):
        self.hidden -= tag in ("style", "script")

    def handle_data(self, data):
        if not self.hidden:
            self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())


@pytest.fixture(scope="module")
def html(project_run) -> str:
    return project_run.load("segmentation_report")


@pytest.fixture(scope="module")
def page(html) -> Page:
    return Page(html)


def test_the_page_asks_for_nothing_from_outside(html, page):
    links = [
        attrs[key] for _, attrs in page.tags for key in ("src", "href", "srcset") if key in attrs
    ]
    assert len(links) > len(FIGURES)
    elsewhere = [link for link in links if not link.startswith(("data:", "#"))]
    assert elsewhere == ["households_exploration.html"]
    assert {"href": elsewhere[0]} in page.all("a")  # to be clicked, not loaded
    assert page.all("script") == page.all("iframe") == []
    assert re.findall(r"url\(|@import|https?://", html) == []


def test_the_page_is_small_enough_to_mail(html):
    assert len(html.encode()) < 5_000_000


def test_the_pictures_on_the_page_keep_their_size_and_main_colours(project_run, page, parameters):
    pictures = [b64decode(image["src"].partition(",")[2]) for image in page.all("img")]
    shown = {Image.open(BytesIO(each)).size for each in pictures}
    assert shown == {Image.open(BytesIO(project_run.load(name))).size for name in FIGURES}
    ladder = next(image for image in page.all("img") if "Accuracy" in image["alt"].split(".")[1])
    picture = Image.open(BytesIO(b64decode(ladder["src"].partition(",")[2]))).convert("RGB")
    found = [colour for _, colour in picture.getcolors(256)]
    colours = {f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in found}
    assert {mark.colour.lower() for mark in parameters.reporting.claims.values()} <= colours


def test_every_figure_is_on_the_page_once_with_text_for_those_who_cannot_see_it(page):
    pictures = page.all("img")
    assert len(pictures) == len(FIGURES) == len({picture["src"] for picture in pictures})
    assert all(len(picture["alt"]) > 40 for picture in pictures)


def test_behind_every_figure_is_a_table(html):
    blocks = re.findall(r"<figure>.*?</figure>", html, flags=re.DOTALL)
    assert len(blocks) == len(FIGURES)
    for block in blocks:
        folded = block.partition("<details>")[2]
        assert folded.count("<tr>") > 1
        assert '<th scope="col">' in folded


def test_the_page_can_be_walked_by_keyboard_and_screen_reader(page):
    assert page.all("html")[0]["lang"] == "en"
    assert page.all("h1") == [{}]
    targets = [link[1:] for link in map(itemgetter("href"), page.all("a")) if link[0] == "#"]
    assert set(targets) == {attrs["id"] for attrs in page.all("section")}
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert any(attrs.get("name") == "viewport" for attrs in page.all("meta"))


def test_the_sections_stand_in_the_order_of_the_story(page):
    ids = [attrs["id"] for attrs in page.all("section")]
    segments = ["summary", "number", "personas", "evidence", "behaviour", "profiles", "sizes"]
    tool = ["demographics", "models", "uncertainty", "explanations", "questions", "campaign"]
    rest = ["fairness", "study", "quality", "grid", "method", "glossary", "card", "cite"]
    assert ids == [*segments, *tool, *rest]


def test_a_quick_look_cannot_be_taken_for_the_real_report(project_run, page, data, parts):
    notice = load_config("test")["parameters"]["reporting"]["notice"]
    assert "Quote nothing" in notice
    assert page.words.count(notice) == 2  # above the report, and above the card in it
    assert notice in project_run.load("model_card")
    assert data["reporting"].notice is None
    assert [attrs for _, attrs in render(data, parts).tags if attrs.get("class") == "notice"] == []


def test_nothing_is_left_unfilled(page):
    assert re.findall(r"\bnan\b|\bNone\b|\{\{|\}\}|<NA>", page.words) == []


def test_the_sizes_on_the_page_are_those_of_the_table(project_run, page):
    for row in project_run.load("segment_sizes").to_dict("records"):
        assert f"{row['segment']} ({row['share']:.0%}, n = {row['households']})" in page.words


def test_the_accuracies_on_the_page_are_those_of_the_table(project_run, page, parameters):
    metrics = project_run.load("classifier_metrics")
    shown = metrics[metrics["protocol"] == parameters.reporting.protocol]
    for accuracy in shown.loc[shown["model"] == "procedure", "accuracy"]:
        assert page.words.count(f"{accuracy:.1%}") >= 2
    assert set(shown["claim"]) <= set(page.words.split())


def test_the_pictures_are_of_one_width_and_the_wanted_resolution(project_run, parameters):
    widths = set()
    for name in FIGURES:
        picture = project_run.load(name)
        assert picture.startswith(b"\x89PNG")
        widths.add(struct.unpack(">I", picture[16:20])[0])
    assert widths == {6 * parameters.reporting.dots_per_inch}


def test_the_report_is_equal_to_the_byte_when_written_again(kedro, project_run, html, tmp_path):
    result = kedro("--env", "test", "--tags", "reporting", data_root=str(project_run.data_root))
    assert result.exit_code == 0, result.output
    assert project_run.load("segmentation_report") == html


def test_the_card_lies_beside_the_report_and_quotes_it(project_run, page):
    card = project_run.load("model_card")
    quoted = re.findall(r"^- \*\*.*?\*\* \(\w+\): (.*)$", card, flags=re.MULTILINE)
    assert len(quoted) == project_run.load("circularity_audit")["information_set"].nunique()
    assert [sentence for sentence in quoted if sentence not in page.words] == []


def made_up(names: tuple[str, ...], sets: dict[str, str]) -> dict[str, Any]:
    """Tables of segments with these names, by the name of their dataset."""
    households = tables.household_segments(names)
    profiles = tables.segment_profiles(households, tables.household_features(households))
    candidates = tables.segmentation_candidates(len(names))
    positions = tables.household_positions(households)
    return {
        "households": pd.DataFrame({tables.codebook().fields[1].name: [1, 1, 2, 2]}),
        "data_quality": tables.data_quality(),
        "household_segments": households,
        "segment_profiles": profiles,
        "segment_sizes": tables.segment_sizes(households),
        "segment_descriptors": tables.segment_descriptors(),
        "segment_demographics": tables.segment_demographics(names),
        "segmentation_candidates": candidates,
        "candidate_agreements": tables.candidate_agreements(candidates).assign(pair=1),
        "candidate_nulls": tables.candidate_nulls(candidates),
        "segment_stability": tables.segment_stability(names),
        "segment_jaccards": tables.segment_jaccards(names),
        "segment_paths": tables.segment_paths(names),
        "segment_flows": tables.segment_flows(names),
        "household_positions": positions,
        "household_similarities": tables.household_similarities(households),
        "segment_scores": tables.segment_scores(households),
        "segment_hulls": tables.segment_hulls(positions),
        "specification_agreement": tables.specification_agreement(k=len(names)),
        "segment_sensitivity": tables.segment_sensitivity(),
        "classifier_metrics": typing_tables.classifier_metrics(sets),
        "segment_metrics": typing_tables.segment_metrics(names, sets),
        "fold_alignments": typing_tables.fold_alignments(names),
        "circularity_audit": typing_tables.circularity_audit(sets),
        "model_comparisons": typing_tables.model_comparisons(sets),
        "permutation_tests": typing_tables.permutation_tests(sets),
        "model_choices": typing_tables.model_choices(sets),
        "classifier_tuning": typing_tables.classifier_tuning(sets),
        "shap_importance": typing_tables.shap_importance(names, sets),
        "shap_groups": typing_tables.shap_groups(names, sets),
        "permutation_importance": typing_tables.permutation_importance(sets),
        "shap_values": typing_tables.shap_values(households, names, sets),
        "classifier_predictions": typing_tables.classifier_predictions(households, names),
        "distance_contributions": typing_tables.distance_contributions(households),
        "conformal_summary": typing_tables.conformal_summary(names, sets),
        "golden_questions": typing_tables.golden_questions(sets),
        "campaign_gains": typing_tables.campaign_gains(names[-1], sets),
        "fairness_slices": typing_tables.fairness_slices(sets),
        "source_study_reproduction": typing_tables.source_study_reproduction(),
        "source_study_comparisons": typing_tables.source_study_comparisons(),
        "source_study_importance": typing_tables.source_study_importance(),
    }


def settings_for(parameters, names: tuple[str, ...]) -> dict[str, Any]:
    """The parameters of a panel whose segments have these names, the last the success segment."""
    modelling, segmentation = parameters.modelling, parameters.segmentation
    campaign = modelling.campaign.model_copy(update={"segment": names[-1]})
    if set(names) != set(tables.PERSONAS):
        naming = Naming(minimum_margin=0, when_unmatched="number")
        segmentation = segmentation.model_copy(update={"naming": naming})
    return {
        "codebook": parameters.codebook,
        "segmentation": segmentation,
        "modelling": modelling.model_copy(update={"campaign": campaign}),
        "reporting": parameters.reporting,
    }


def call(function: Callable[..., Any], data: Mapping[str, Any]) -> Any:
    """Call a node's function as the pipeline does: each argument by its name."""
    return function(**{name: data[name] for name in signature(function).parameters})


def write(data: Mapping[str, Any]) -> dict[str, Any]:
    """Every section, from tables and parameters."""
    return {name: call(function, data) for name, function in SECTIONS.items()}


def render(data: Mapping[str, Any], parts: Mapping[str, Any]) -> Page:
    """The page with made-up pictures."""
    content: dict[str, Any] = {**parts, **dict.fromkeys(FIGURES, png("red"))}
    content |= {"model_card": write_card(data, parts)}
    return Page(nodes.render_report(**{key: data[key] for key in PARAMETERS}, **content))


def write_card(data: Mapping[str, Any], parts: Mapping[str, Any]) -> str:
    """The model card, from the sections that it quotes."""
    return nodes.write_model_card(
        **{key: data[key] for key in PARAMETERS}, **{name: parts[name] for name in CARD}
    )


def charts_of(parts: Mapping[str, Any]) -> dict[str, Chart]:
    """The charts of all sections, by the name of their figure."""
    sections = [part for part in parts.values() if isinstance(part, Section)]
    return {f"{name}_figure": chart for part in sections for name, chart in part.charts.items()}


def draw(data: Mapping[str, Any], parts: Mapping[str, Any]) -> dict[str, Any]:
    """The figures of the typing tool, by name."""
    rooms = (drawings.models, drawings.explanations, drawings.decisions)
    return {
        name: call(function, {**data, **parts})
        for name, function in DRAWINGS.items()
        if function.__module__ in {room.__name__ for room in rooms}
    }


@pytest.fixture(scope="module", params=[tables.PERSONAS, ("Segment 1", "Segment 2")], ids=len)
def data(request, parameters) -> dict[str, Any]:
    """Tables and parameters of a panel with three personas, and of one with two numbers."""
    names = request.param
    return made_up(names, typing_tables.SETS) | settings_for(parameters, names)


@pytest.fixture(scope="module")
def parts(data) -> dict[str, Any]:
    """Every section of that panel."""
    return write(data)


@pytest.mark.parametrize("count", [2, 5, 8])
def test_numbered_segments_get_a_whole_report(parameters, count):
    names = tuple(f"Segment {number}" for number in range(1, count + 1))
    data = made_up(names, typing_tables.SETS) | settings_for(parameters, names)
    parts = write(data)
    page = render(data, parts)
    assert f"fall into {count} segments" in page.words
    assert [card.segment for card in parts["personas"]] == list(names)
    published = parameters.reporting.published_claim.precision
    for persona in parameters.segmentation.naming.personas:
        assert (persona.name in page.words) is (persona.name in published)


def test_without_a_published_study_the_report_says_nothing_of_one(data):
    empty = {name: data[name].head(0) for name in data if name.startswith("source_study")}
    modelling = data["modelling"].model_copy(update={"source_study": None})
    reporting = data["reporting"].model_copy(update={"published_claim": None})
    without = data | empty | {"modelling": modelling, "reporting": reporting}
    parts = write(without)
    assert parts["source_study"].sentences == {}
    assert len(parts["ladder"].tables["numbers"]) == 1 + len(typing_tables.SETS)
    words = render(without, parts).words
    assert "As published" not in words
    assert "published claim" not in words.lower().replace("against the published claim", "")
    assert "the study’s step" not in words
    draw(without, parts)


@pytest.mark.parametrize(
    ("repeats", "told"),
    [(1, "-fold cross-validation, and by"), (7, "-fold cross-validation repeated 7 times, and by")],
)
def test_only_what_is_repeated_is_called_so(data, parts, repeats, told):
    validation = data["modelling"].validation.model_copy(update={"repeats": repeats})
    modelling = data["modelling"].model_copy(update={"validation": validation})
    assert told in render(data | {"modelling": modelling}, parts).words


def test_figures_of_other_segments_are_not_set_beside_the_published_ones(data, parts):
    named = set(data["household_segments"]["segment"]) == set(tables.PERSONAS)
    assert bool(parts["ladder"].lists["surrogates"]) is named


def test_without_groups_of_fields_nothing_is_called_a_sum(data):
    groups = data["shap_groups"]
    single = groups[groups["group"] != "promotion"]
    modelling = data["modelling"].model_copy(update={"field_groups": ()})
    without = data | {"shap_groups": single, "modelling": modelling}
    parts = write(without)
    assert parts["explanations"].tables["groups"].empty
    words = render(without, parts).words
    assert "summed" not in words.partition("What moves the models")[2].partition("A second")[0]


@pytest.mark.parametrize(
    "sets",
    [
        {"panel_record": "assignment"},
        {"source_study": "overlap"},
        {"panel_record": "assignment", "source_study": "overlap"},
        {"demographics": "prediction"},
    ],
    ids=lambda sets: "+".join(sets.values()),
)
def test_any_kind_of_information_set_may_be_missing(parameters, sets):
    names = tables.PERSONAS
    data = made_up(names, sets) | settings_for(parameters, names)
    data["model_comparisons"] = data["model_comparisons"].head(0)
    campaign = data["modelling"].campaign.model_copy(update={"information_set": next(iter(sets))})
    data["modelling"] = data["modelling"].model_copy(update={"campaign": campaign})
    parts = write(data)
    page = render(data, parts)
    words = page.words
    assert re.search(r"<tbody>\s*</tbody>|<ul>\s*</ul>|<dd[^>]*>\s*</dd>", page.html) is None
    said = {"assignment": "It copies a rule", "overlap": "It sees some", "prediction": "It sees no"}
    study = "overlap"  # its step stands beside ours
    assert [claim for claim in said if said[claim] in words] == sorted({*sets.values(), study})
    is_uncertain = set(sets.values()) != {"assignment"}
    assert {"uncertainty", "questions"} <= {part["id"] for part in page.all("section")} or (
        not is_uncertain
    )
    targets = {link[1:] for link in map(itemgetter("href"), page.all("a")) if link[0] == "#"}
    assert targets == {attrs["id"] for attrs in page.all("section")}
    card = write_card(data, parts)
    assert re.findall(r"---\s*\|\n(?!\|)|:\n\n+(?=#)", card) == []
    assert ("## Golden questions" in card) is is_uncertain
    assert re.findall(r"\bnan\b|\bNone\b|\{\{|\}\}|<NA>", words) == []
    assert ("Could it be chance?" in words) is ("prediction" in sets.values())
    charts = charts_of(parts)
    for name, picture in draw(data, parts).items():
        assert picture.get_suptitle().split() == charts[name].title.split()


def test_a_title_under_a_picture_is_the_title_in_the_picture(data, parts):
    charts = charts_of(parts)
    robustness = drawings.evidence.draw_segment_sensitivity(parts["robustness"], data["reporting"])
    pictures = draw(data, parts) | {"segment_sensitivity_figure": robustness}
    for name, picture in pictures.items():
        assert picture.get_suptitle().split() == charts[name].title.split()


def test_every_chart_has_numbers_a_title_with_n_and_its_figure(parts):
    charts = charts_of(parts)
    assert set(charts) == set(FIGURES)
    for name, chart in charts.items():
        assert "household" in chart.title, name
        assert len(chart.table) > 0
        assert not chart.table.isin(["nan", "None", "<NA>"]).to_numpy().any(), name
        assert not chart.table.isin([""]).to_numpy()[:, 0].any(), name


def test_the_card_quotes_what_the_report_says(data, parts):
    card = write_card(data, parts)
    said = [*parts["models"].lists["demographics"], *parts["uncertainty"].lists["sizes"]]
    said += [*parts["comparisons"].lists["answers"], parts["fairness"].sentences["chance"]]
    said += [*parts["campaign"].lists["gains"], *parts["questions"].lists["recommended"]]
    assert [sentence for sentence in said if sentence not in card] == []
    assert card.startswith("# Model card: ")
    assert re.findall(r"\bnan\b|\bNone\b|\{\{|\}\}|&\w+;|<", card) == []
    rows = re.findall(r"^\|.*\|$", card, flags=re.MULTILINE)
    champions = [row for row in rows if "C=0.1" in row]
    assert [row.count(" | ") for row in champions] == [4, 4]  # none for the surrogate
    for head, rule in pairwise(rows):
        if "---" in rule:
            assert head.count("|") == rule.count("|")


def test_specifications_are_named_for_people(data, parts):
    label = data["reporting"].label
    wanted = f"{label('buying_style')}, {label('plain')}, {label('kmeans')}"
    assert len(parts["evidence"].tables["candidates"]) == 28
    assert parts["evidence"].tables["candidates"]["Specification"].iloc[0] == wanted
    assert parts["robustness"].tables["specification_agreement"]["specification"].iloc[0] == wanted
    assert f"“{wanted}”" in parts["evidence"].sentences["choice"]


def test_the_draws_of_other_specifications_are_not_drawn(data, parts):
    candidates = data["segmentation_candidates"]
    figure = call(drawings.evidence.draw_stability_by_k, data | parts)
    chosen = candidates[candidates["specification"] == candidates["specification"].iloc[0]]
    dots = next(line for line in figure.axes[1].lines if line.get_marker() == "o")
    assert list(dots.get_ydata()) == chosen["silhouette"].tolist()

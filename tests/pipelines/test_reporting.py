"""The report as the pipeline writes it: whole, self-contained, true to its tables."""

from __future__ import annotations

import re
import struct
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import pandas as pd
import pytest

from customer_segmentation.pipelines.reporting import drawings, nodes, sections
from customer_segmentation.pipelines.reporting.pipeline import create_pipeline
from customer_segmentation.segments.personas import Naming
from tests.figures import tables

FIGURES = [name for name in create_pipeline().all_outputs() if name.endswith("_figure")]


class Page(HTMLParser):
    """What a browser, a screen reader or a network monitor would meet."""

    def __init__(self, html: str) -> None:
        super().__init__()
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
    assert [link for link in links if not link.startswith(("data:", "#"))] == []
    assert page.all("script") == page.all("iframe") == []
    assert re.findall(r"url\(|@import|https?://", html) == []


def test_the_page_is_small_enough_to_mail(html):
    assert len(html.encode()) < 5_000_000


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
    targets = [attrs["href"].removeprefix("#") for attrs in page.all("a")]
    assert set(targets) == {attrs["id"] for attrs in page.all("section")}
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert any(attrs.get("name") == "viewport" for attrs in page.all("meta"))


def test_the_sections_stand_in_the_order_of_the_story(page):
    ids = [attrs["id"] for attrs in page.all("section")]
    order = ["summary", "personas", "behaviour", "profiles", "demographics", "evidence", "models"]
    assert ids[: len(order)] == order
    assert ids[len(order) :] == ["explanations", "study", "quality", "method", "glossary", "cite"]


def test_nothing_is_left_unfilled(page):
    assert re.findall(r"\bnan\b|\bNone\b|\{\{|\}\}|<NA>", page.words) == []


def test_the_sizes_on_the_page_are_those_of_the_table(project_run, page):
    for row in project_run.load("segment_sizes").to_dict("records"):
        assert f"{row['segment']} ({row['share']:.0%}, n = {row['households']})" in page.words


def test_the_accuracies_on_the_page_are_those_of_the_table(project_run, page, parameters):
    metrics = project_run.load("classifier_metrics")
    shown = metrics[metrics["protocol"] == parameters.reporting.protocol]
    for _, rows in shown[~shown["model"].isin(["majority", "prior"])].groupby("information_set"):
        best = f"{rows['accuracy'].max():.1%}"
        assert page.words.count(best) >= 2
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


def write(codebook, parameters, names: tuple[str, ...]) -> dict[str, Any]:
    """Every section, from made-up tables of segments with these names."""
    households = tables.household_segments(names)
    profiles = tables.segment_profiles(households, tables.household_features(households))
    sizes = tables.segment_sizes(households)
    reporting = parameters.reporting
    metrics, candidates = tables.classifier_metrics(), tables.segmentation_candidates(len(names))
    stability, positions = tables.segment_stability(names), tables.household_positions(households)
    strata = pd.DataFrame({tables.codebook().fields[1].name: [1, 1, 2, 2]})
    return {
        "summary": sections.segments.write_summary(
            sizes, candidates, metrics, parameters.segmentation, reporting
        ),
        "personas": sections.segments.write_personas(
            sizes, profiles, codebook, parameters.segmentation, reporting
        ),
        "behaviour": sections.segments.write_behaviour(
            profiles, sizes, candidates, codebook, reporting
        ),
        "demographics": sections.demographics.write_demographics(
            tables.segment_descriptors(),
            tables.segment_demographics(names),
            profiles,
            codebook,
            reporting,
        ),
        "evidence": sections.evidence.write_evidence(
            candidates, sizes, parameters.segmentation, reporting
        ),
        "stability": sections.evidence.write_stability(
            tables.segment_paths(names),
            tables.segment_flows(names),
            stability,
            tables.segment_jaccards(names),
            codebook,
            reporting,
        ),
        "membership": sections.evidence.write_membership(
            households,
            tables.household_similarities(households),
            positions,
            tables.segment_hulls(positions),
            codebook,
            reporting,
        ),
        "robustness": sections.evidence.write_robustness(
            candidates,
            tables.specification_agreement(k=len(names)),
            tables.segment_sensitivity(),
            sizes,
            parameters.segmentation,
            reporting,
        ),
        "models": sections.models.write_models(metrics, tables.segment_metrics(names), reporting),
        "explanations": sections.models.write_explanations(
            tables.shap_importance(names),
            tables.shap_values(households, names),
            metrics,
            codebook,
            reporting,
        ),
        "source_study": sections.models.write_source_study(
            tables.source_study_reproduction(),
            metrics,
            tables.circularity_audit(),
            codebook,
            parameters.modelling,
            reporting,
        ),
        "quality": sections.quality.write_quality(
            tables.data_quality(), strata, codebook, reporting
        ),
    }


@pytest.mark.parametrize("count", [2, 5, 8])
def test_numbered_segments_get_a_whole_report(codebook, parameters, count):
    names = tuple(f"Segment {number}" for number in range(1, count + 1))
    parts = write(codebook, parameters, names)
    naming = Naming(minimum_margin=0, when_unmatched="number")
    segmentation = parameters.segmentation.model_copy(update={"naming": naming})
    page = Page(
        nodes.render_report(
            codebook,
            segmentation,
            parameters.modelling,
            parameters.reporting,
            **parts,
            **dict.fromkeys(FIGURES, b"picture"),
        )
    )
    assert f"fall into {count} segments" in page.words
    assert [card.segment for card in parts["personas"]] == list(names)
    for persona in parameters.segmentation.naming.personas:
        assert persona.name not in page.words


def test_without_a_published_study_the_report_says_nothing_of_one(codebook, parameters):
    modelling = parameters.modelling.model_copy(update={"source_study": None})
    section = sections.models.write_source_study(
        tables.source_study_reproduction().head(0),
        tables.classifier_metrics(),
        tables.circularity_audit(),
        codebook,
        modelling,
        parameters.reporting,
    )
    assert section.sentences == {}
    assert len(section.tables["steps"]) == len(tables.SETS)


def test_a_title_under_a_picture_is_the_title_in_the_picture(codebook, parameters):
    section = write(codebook, parameters, tables.PERSONAS)["robustness"]
    figure = drawings.evidence.draw_segment_sensitivity(section, parameters.reporting)
    drawn = figure.get_suptitle().replace("\n", " ")
    assert drawn == section.charts["segment_sensitivity"].title


@pytest.mark.parametrize("names", [tables.PERSONAS, ("Segment 1", "Segment 2")], ids=len)
def test_every_chart_of_the_evidence_has_numbers_and_its_figure(codebook, parameters, names):
    parts = write(codebook, parameters, names)
    evidence = {name: parts[name] for name in ("evidence", "stability", "membership", "robustness")}
    charts = {
        name: chart for section in evidence.values() for name, chart in section.charts.items()
    }
    assert {f"{name}_figure" for name in charts} <= set(FIGURES)
    for name, chart in charts.items():
        assert hasattr(drawings.evidence, f"draw_{name}")
        assert "n\u00a0=\u00a0" in chart.title
        assert len(chart.table) > 0
        assert not chart.table.isin(["nan", "None", "<NA>", ""]).to_numpy()[:, 0].any()
    assert len(evidence["evidence"].tables["candidates"]) == 28


def test_specifications_are_named_for_people(codebook, parameters):
    label = parameters.reporting.label
    wanted = f"{label('buying_style')}, {label('plain')}, {label('kmeans')}"
    parts = write(codebook, parameters, tables.PERSONAS)
    assert parts["evidence"].tables["candidates"]["Specification"].iloc[0] == wanted
    assert parts["robustness"].tables["specification_agreement"]["specification"].iloc[0] == wanted
    assert f"“{wanted}”" in parts["evidence"].sentences["choice"]


def test_the_draws_of_other_specifications_are_not_drawn(codebook, parameters):
    candidates = tables.segmentation_candidates()
    figure = drawings.evidence.draw_stability_by_k(
        candidates,
        tables.candidate_agreements(candidates).assign(pair=1),
        tables.candidate_nulls(candidates),
        write(codebook, parameters, tables.PERSONAS)["evidence"],
        parameters.segmentation,
        parameters.reporting,
    )
    chosen = candidates[candidates["specification"] == candidates["specification"].iloc[0]]
    dots = next(line for line in figure.axes[1].lines if line.get_marker() == "o")
    assert list(dots.get_ydata()) == chosen["silhouette"].tolist()

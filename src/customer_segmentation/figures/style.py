"""How every figure and page of the project looks: colours, marks, names and sizes."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, field_validator

from customer_segmentation.classification.audit import Claim
from customer_segmentation.panel.codebook import Codebook
from customer_segmentation.panel.values import Configured
from customer_segmentation.segments.specification import MEASURED

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Colour = Annotated[str, Field(pattern=r"^#[0-9A-Fa-f]{6}$")]

INK = "#1F2933"
QUIET = "#66727F"
FAINT = "#DDE2E7"
WIDTH = 6.0  # inches; narrow, so that the text of a figure can still be read on a phone
POINTS = 72 * WIDTH
POINTS_PER_MARK = 36  # a mark in a legend, with the space around it
MOST_COLUMNS = 4
SAMPLE = "Households whose segment changes, of those compared"
ARIAL = {"normal": 25.46, "bold": 27.34}  # points that the sample takes in the size of one point


class ClaimStyle(Configured):
    """How one claim is marked in every figure and on every page.

    Attributes:
        colour: Colour of its marks, as #RRGGBB; not the colour of a segment.
        marker: Matplotlib's sign for the shape of its marks.
    """

    colour: Colour
    marker: Literal["o", "s", "D", "d", "^", "v", "P", "X", "*"]


class LaterFigure(Configured):
    """What the author of a published study reached later, from other columns.

    Attributes:
        information_set: The information set of ours that holds those columns.
        accuracy: Share of the households typed correctly.
        majority: Share that always naming the largest segment types correctly.
    """

    information_set: str
    accuracy: float = Field(ge=0, le=1)
    majority: float = Field(ge=0, le=1)


class PublishedClaim(Configured):
    """What a published study says of its classifiers, to be set beside what they reach.

    Attributes:
        accuracy: Share of the households that its best model types correctly.
        precision: Share of those it gives a segment that belong there, by name of the segment.
        strongest_fields: The fields that are said to move its model most; groups may stand here.
        later: What its author reached later; None where nothing is known of it.
    """

    accuracy: float = Field(ge=0, le=1)
    precision: dict[str, Annotated[float, Field(ge=0, le=1)]]
    strongest_fields: tuple[str, ...] = Field(min_length=1)
    later: LaterFigure | None


class ReportingParameters(Configured):
    """What a user may change about the figures and the report.

    Attributes:
        notice: What stands above the report and the model card, such as that their figures are
            rough; None shows nothing.
        segment_colours: Colour of a segment by its name; the segments are shown in this order. In
            an environment of its own null takes an entry of the base away.
        other_colours: Colours of segments that have no entry there, by position; numbered segments
            and other panels use them.
        offers: What to propose to a segment, by its name: one sentence for its card.
        claims: The mark of each claim, from the weakest evidence to the strongest.
        labels: Names for people of models, information sets, protocols and scores; a name without
            an entry is shown with spaces for its underscores.
        fonts: Font names in order of preference; those not installed are passed over. A font wider
            than Arial is set smaller, as the figures are laid out for the length of its lines.
        dots_per_inch: Resolution of the pictures.
        map_scores: The two segmentation scores of the segment map.
        trend_variables: Variables of the trend figure, by codebook name.
        amount_variables: Variables shown as an index to the total.
        profile_variables: Shares shown in the profile plot, by codebook name or group.
        card_variables: Variables that may stand on a persona's card, by codebook name or group.
        bought_variables: Likewise, of what a segment buys.
        facts_on_card: How many of each stand there.
        descriptors_shown: How many descriptors get a mosaic of their codes.
        smallest_code_share: Codes held by a smaller share of all households are grouped there.
        fields_shown: How many fields a SHAP panel shows.
        protocol: The validation protocol of the figures quoted in text; others stand in tables.
        model_in_question: The classifier of which is asked whether it is best; the published study
            says so of it.
        beeswarm_information_set: The information set of the SHAP beeswarm and of the household
            whose story is told.
        campaign_depth: Share of the households mailed of which the text speaks; the nearest of
            those that were counted.
        published_claim: What the published study claims; None hides the comparison.
        quality_checks: The checks of `data_quality` whose notes are told in sentences.
    """

    notice: str | None
    segment_colours: dict[str, Colour]
    other_colours: tuple[Colour, ...] = Field(min_length=1)
    offers: dict[str, str]
    claims: dict[Claim, ClaimStyle] = Field(min_length=len(Claim))
    labels: dict[str, str]
    fonts: tuple[str, ...] = Field(min_length=1)
    dots_per_inch: int = Field(ge=72, le=400)
    map_scores: tuple[str, str]
    trend_variables: tuple[str, ...] = Field(min_length=1)
    amount_variables: tuple[str, ...] = Field(min_length=1)
    profile_variables: tuple[str, ...] = Field(min_length=1)
    card_variables: tuple[str, ...] = Field(min_length=1)
    bought_variables: tuple[str, ...] = Field(min_length=1)
    facts_on_card: int = Field(ge=1)
    descriptors_shown: int = Field(ge=1)
    smallest_code_share: float = Field(ge=0, le=0.1)
    fields_shown: int = Field(ge=1)
    protocol: Literal["holdout", "nested_cv"]
    model_in_question: Literal["lr", "xgboost", "rf"]
    beeswarm_information_set: str
    campaign_depth: float = Field(gt=0, le=1)
    published_claim: PublishedClaim | None
    quality_checks: tuple[str, ...]

    @field_validator("segment_colours", mode="before")
    @classmethod
    def _drop_empty_colours(cls, colours: Any) -> Any:
        # An environment can only add to a mapping; null takes an entry of the base away.
        if not isinstance(colours, Mapping):
            return colours
        return {name: colour for name, colour in colours.items() if colour is not None}

    def check(self, codebook: Codebook) -> None:
        """Refuse names that the codebook lacks, and variables that have no mean to draw.

        Raises:
            ValueError: A name is unknown to the codebook, stands twice, or is a code, a flag or an
                identifier where a mean is drawn; the message names the key.
        """
        for key in ("trend_variables", "amount_variables"):
            _refuse_unmeasured(key, getattr(self, key), codebook)
        # Groups may stand here too.
        for key in ("profile_variables", "card_variables", "bought_variables"):
            _refuse_unmeasured(key, codebook.expand(getattr(self, key)), codebook)
        try:
            codebook.expand(self.published_claim.strongest_fields if self.published_claim else ())
        except ValueError as error:
            raise ValueError(f"published_claim.strongest_fields: {error}") from error

    def order(self, segments: Iterable[str]) -> list[str]:
        """Each segment once: first those with a colour of their own, then the others by name.

        Numbers inside names count as numbers, so that Segment 10 follows Segment 9.
        """
        named = list(self.segment_colours)
        return sorted(
            set(segments),
            key=lambda name: (named.index(name) if name in named else len(named), _natural(name)),
        )

    def colours(self, segments: Iterable[str]) -> dict[str, str]:
        """The colour of each segment, in the order in which segments are shown."""
        ordered = self.order(segments)
        others = [name for name in ordered if name not in self.segment_colours]
        spare = {
            name: self.other_colours[i % len(self.other_colours)] for i, name in enumerate(others)
        }
        return {name: self.segment_colours.get(name) or spare[name] for name in ordered}

    def choose_map_scores(self, scores: Sequence[str]) -> tuple[str, str]:
        """The two scores of the segment map: those wanted, or the first two of a few others."""
        x, y = self.map_scores if set(self.map_scores) <= set(scores) else (*scores, *scores)[:2]
        return x, y

    def label(self, name: str) -> str:
        """The name for people of a model, information set, protocol or score."""
        return self.labels.get(name) or name.replace("_", " ").capitalize()


def _refuse_unmeasured(key: str, names: Sequence[str], codebook: Codebook) -> None:
    for name in names:
        if name not in codebook or codebook[name].scale not in MEASURED:
            raise ValueError(f"{key}: {name!r} is no measured variable of the codebook")
        if names.count(name) > 1:
            raise ValueError(f"{key}: {name!r} stands twice; remove one")


def _natural(name: str) -> list[tuple[str, int]]:
    return [(text, int(number or 0)) for text, number in re.findall(r"(\D*)(\d*)", name)]


@contextmanager
def canvas(
    title: str,
    height: float,
    reporting: ReportingParameters,
    **subplots: Any,
) -> Iterator[tuple[Figure, list[Axes]]]:
    """Open a figure in the project's style and finish its layout at the end.

    Args:
        title: The sentence that states what the figure shows.
        height: Height in inches, without the lines of the title.
        reporting: Fonts and resolution.
        **subplots: Passed to matplotlib's `Figure.subplots`.

    Yields:
        The figure and its axes, row by row.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    with mpl.rc_context(_style(reporting)):
        lines, layout = _wrap(title), ConstrainedLayoutEngine()
        figure = Figure(
            figsize=(WIDTH, height + 0.24 * len(lines)),
            dpi=reporting.dots_per_inch,
            layout=layout,
        )
        figure.suptitle("\n".join(lines), x=0.008, ha="left", linespacing=1.25)
        axes = figure.subplots(squeeze=False, **subplots)
        yield figure, list(axes.flat)
        # Ticks are made when they are first measured, so that must happen inside the style; the
        # layout is kept, as finding it again when the file is written takes as long.
        layout.execute(figure)
        figure.set_layout_engine("none")


def plot_nothing(title: str, reporting: ReportingParameters) -> Figure:
    """Give a figure that holds only its title, which says why there is nothing to show."""
    with canvas(title, 0.5, reporting) as (figure, (axes,)):
        axes.set_axis_off()
    return figure


def add_legend(figure: Figure, axes: Axes) -> None:
    """Put the labelled marks of some axes below the figure, in as many columns as find room."""
    import matplotlib as mpl

    size = mpl.rcParams["legend.fontsize"]
    handles, labels = axes.get_legend_handles_labels()
    widest = max(_measure(label, size, "normal") for label in labels)
    columns = max(1, int(POINTS / (widest + POINTS_PER_MARK)))
    figure.legend(handles, labels, loc="outside lower center", ncols=min(columns, len(labels)))


def claim_legend(
    figure: Figure,
    claims: Iterable[str],
    reporting: ReportingParameters,
    *others: Artist,
    axis: str = "",
) -> None:
    """Put the marks of the claims that are shown below the figure, then other marks.

    Args:
        figure: The figure.
        claims: The claims that are shown.
        reporting: Their marks.
        *others: Marks that follow them.
        axis: Name of an axis that panels share, to stand between them and the marks; matplotlib
            would print a label of the figure over them.
    """
    from matplotlib.lines import Line2D

    shown = set(claims)
    handles = [
        Line2D([], [], ls="", ms=8, c=mark.colour, marker=mark.marker, label=claim)
        for claim, mark in reporting.claims.items()
        if claim in shown
    ]
    figure.legend(
        handles=[*handles, *others],
        loc="outside lower center",
        ncols=4,
        title=axis or None,
    )


def panel_grid(panels: int) -> dict[str, Any]:
    """How panels with the same axes stand side by side: at most four in a row."""
    columns = min(panels, MOST_COLUMNS)
    return {"nrows": -(-panels // columns), "ncols": columns, "sharex": True, "sharey": True}


def hide_unused(panels: list[Axes], used: int) -> None:
    """Hide the panels of a grid that hold nothing."""
    for axes in panels[used:]:
        axes.set_visible(False)


def _wrap(title: str) -> list[str]:
    import matplotlib as mpl

    points_per_character = _measure(title, mpl.rcParams["figure.titlesize"], "bold") / len(title)
    width = int(0.95 * POINTS / points_per_character)
    return textwrap.wrap(title, width, break_on_hyphens=False)


def _measure(text: str, size: float, weight: str, fonts: list[str] | None = None) -> float:
    """Width of a line in points; fonts differ by a fifth, so counting characters is not enough."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(family=fonts, weight=weight, size=size)
    width, _, _ = text_to_path.get_text_width_height_descent(text, font, ismath=False)
    return float(width)


def _sizes(fonts: list[str]) -> dict[str, float]:
    """Sizes of text in points: as chosen for Arial, smaller where a font's lines run longer."""
    normal, bold = (
        min(1.0, width / _measure(SAMPLE, 1, weight, fonts)) for weight, width in ARIAL.items()
    )
    return {
        "font.size": 10.5 * normal,
        "figure.titlesize": 12 * bold,
        "figure.labelsize": 10 * normal,
        "axes.titlesize": 10.5 * bold,
        "axes.labelsize": 10 * normal,
        "legend.fontsize": 10 * normal,
        "legend.title_fontsize": 10 * normal,
    }


def _style(reporting: ReportingParameters) -> Any:
    from matplotlib.font_manager import fontManager

    installed = set(fontManager.get_font_names())
    fonts = [font for font in reporting.fonts if font in installed] or ["sans-serif"]
    return {
        **_sizes(fonts),
        "font.family": fonts,
        "text.hinting": "none",  # as when the file is written; text would be laid out too narrow
        "figure.titleweight": "bold",
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.labelcolor": INK,
        "axes.edgecolor": FAINT,
        "axes.linewidth": 1.0,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.spines.left": False,
        "axes.axisbelow": True,
        "axes.grid": True,
        "axes.grid.axis": "x",
        "grid.color": FAINT,
        "grid.linewidth": 0.8,
        "text.color": INK,
        "xtick.color": QUIET,
        "xtick.labelcolor": INK,
        "xtick.major.size": 0,
        "ytick.labelcolor": INK,
        "ytick.major.size": 0,
        "ytick.major.pad": 7,  # a mark at zero must not touch its label
        "legend.frameon": False,
        "legend.handletextpad": 0.3,
        "legend.columnspacing": 1.2,
        "figure.constrained_layout.h_pad": 0.07,
        "figure.constrained_layout.w_pad": 0.06,
    }

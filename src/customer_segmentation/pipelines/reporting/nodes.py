"""The nodes that render the sections: the page with all figures, and the model card."""

from __future__ import annotations

from base64 import b64encode
from io import BytesIO
from pathlib import Path
from typing import Any

from markupsafe import Markup

from customer_segmentation import __version__
from customer_segmentation.classification.parameters import ModellingParameters
from customer_segmentation.figures.style import ReportingParameters
from customer_segmentation.findings.exhibits import Section
from customer_segmentation.findings.personas import introduce
from customer_segmentation.findings.wording import upper_first
from customer_segmentation.panel.codebook import Codebook
from customer_segmentation.segments.parameters import SegmentationParameters

COLOURS = 256
HEADINGS_ABOVE = 2  # the page's title and the section's
TEMPLATES = Path(__file__).parent / "templates"


def render_report(
    codebook: Codebook,
    segmentation: SegmentationParameters,
    modelling: ModellingParameters,
    reporting: ReportingParameters,
    model_card: str,
    **parts: Any,
) -> str:
    """Render the report: one HTML page that holds its style, pictures and tables.

    Args:
        codebook: The panel's codebook, for names and the source of the data.
        segmentation: Settings that the method section prints.
        modelling: Likewise.
        reporting: Names, colours and marks.
        model_card: The model card, in Markdown; it becomes a section of the page.
        **parts: The sections, and the figures as the bytes of PNG files, by the names under which
            the template places them.

    Returns:
        The page, which asks for nothing from the network.
    """
    return _render(
        "report.html",
        codebook=codebook,
        segmentation=segmentation,
        modelling=modelling,
        reporting=reporting,
        model_card=model_card,
        **parts,
    )


def write_model_card(
    codebook: Codebook,
    segmentation: SegmentationParameters,
    modelling: ModellingParameters,
    reporting: ReportingParameters,
    **parts: Section,
) -> str:
    """Write the model card: what the typing tool is for, what it reaches, and where it ends.

    Every figure comes from the sections of the report. Source: Mitchell and others (2019), Model
    cards for model reporting.

    Args:
        codebook: The panel's codebook, for the source of the data.
        segmentation: Settings that the card prints.
        modelling: Likewise.
        reporting: Names of information sets and models.
        **parts: The sections that the template quotes, by name.

    Returns:
        The card, in Markdown.
    """
    return _render(
        "model_card.md.j2",
        codebook=codebook,
        segmentation=segmentation,
        modelling=modelling,
        reporting=reporting,
        **parts,
    )


def _render(template: str, **content: Any) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "embedded": _embed,
        "introduced": introduce,
        "rendered": _render_markdown,
        "upper_first": upper_first,
    }
    return environment.get_template(template).render(version=__version__, **content)


def _render_markdown(text: str) -> Markup:
    """A document as part of a section: its first heading stands below the section's own."""
    from markdown_it import MarkdownIt

    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = reader.parse(text)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{int(token.tag[1]) + HEADINGS_ABOVE}"
    return Markup(reader.renderer.render(tokens, reader.options, {}))  # noqa: S704


def _embed(picture: bytes) -> str:
    """A picture as an address, in 256 colours: enough for a chart, at a quarter of the size."""
    from PIL import Image

    small = BytesIO()
    with Image.open(BytesIO(picture)) as image:
        image.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(small, "PNG")
    return f"data:image/png;base64,{b64encode(small.getvalue()).decode('ascii')}"

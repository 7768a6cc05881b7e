"""The node that renders the page that holds all sections and figures."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from typing import Any

from customer_segmentation import __version__
from customer_segmentation.figures.style import ReportingParameters
from customer_segmentation.panel.codebook import Codebook
from customer_segmentation.segments.parameters import SegmentationParameters
from customer_segmentation.typing_tool.parameters import ModellingParameters

TEMPLATES = Path(__file__).parent / "templates"


def render_report(
    codebook: Codebook,
    segmentation: SegmentationParameters,
    modelling: ModellingParameters,
    reporting: ReportingParameters,
    **parts: Any,
) -> str:
    """Render the report: one HTML page that holds its style, pictures and tables.

    Args:
        codebook: The panel's codebook, for names and the source of the data.
        segmentation: Settings that the method section prints.
        modelling: Likewise.
        reporting: Names, colours and marks.
        **parts: The sections, and the figures as the bytes of PNG files, by the names under which
            the template places them.

    Returns:
        The page, which asks for nothing from the network.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["embedded"] = _embed
    page = environment.get_template("report.html")
    return page.render(
        codebook=codebook,
        segmentation=segmentation,
        modelling=modelling,
        reporting=reporting,
        version=__version__,
        **parts,
    )


def _embed(picture: bytes) -> str:
    return f"data:image/png;base64,{b64encode(picture).decode('ascii')}"

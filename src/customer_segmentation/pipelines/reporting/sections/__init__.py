"""Nodes that write the sections of the report: sentences and tables, computed from the results."""

from customer_segmentation.pipelines.reporting.sections import (
    decisions,
    demographics,
    evidence,
    explanations,
    models,
    quality,
    segments,
    source_study,
)

__all__ = [
    "decisions",
    "demographics",
    "evidence",
    "explanations",
    "models",
    "quality",
    "segments",
    "source_study",
]

"""Nodes that draw the figures under the titles that the sections found."""

from customer_segmentation.pipelines.reporting.drawings import (
    decisions,
    demographics,
    evidence,
    explanations,
    models,
    segments,
)

__all__ = ["decisions", "demographics", "evidence", "explanations", "models", "segments"]

"""Nodes that draw the figures under the titles that the sections found."""

from customer_segmentation.pipelines.reporting.drawings import (
    demographics,
    evidence,
    models,
    segments,
)

__all__ = ["demographics", "evidence", "models", "segments"]

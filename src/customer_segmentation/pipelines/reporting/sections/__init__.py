"""Nodes that write the sections of the report: sentences and tables, computed from the results."""

from customer_segmentation.pipelines.reporting.sections import (
    demographics,
    evidence,
    models,
    quality,
    segments,
)

__all__ = ["demographics", "evidence", "models", "quality", "segments"]

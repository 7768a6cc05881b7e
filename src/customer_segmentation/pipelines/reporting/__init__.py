"""Reporting: figures and findings from the tables, and the report that holds them."""

from customer_segmentation.pipelines.reporting.pipeline import create_pipeline

__all__ = ["create_pipeline"]

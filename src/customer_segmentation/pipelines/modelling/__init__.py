"""Classifiers that assign households to segments, and what their accuracy is evidence of."""

from customer_segmentation.pipelines.modelling.pipeline import create_pipeline

__all__ = ["create_pipeline"]

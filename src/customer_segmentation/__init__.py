"""Household segments by purchase behaviour, and a typing tool that assigns new households."""

from customer_segmentation import threads

__version__ = "0.1.0"

threads.limit()
